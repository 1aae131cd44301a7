package browser

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync"
	"testing"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/testenv"
)

// The page sends the conversation so far to a service that keeps no conversations. A new
// chat begins without.
func TestHistory(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked []string // the messages of each request
	u := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a missing part shows in the messages
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, gjson.GetBytes(body, "messages").Raw)
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, `data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"answer %d"}}]}`+"\n\n", len(asked))
		fmt.Fprint(w, `data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\ndata: [DONE]\n\n")
	}))
	t.Cleanup(u.Close)
	p := open(t, testenv.Start(t, "--upstream="+u.URL, "--upstream-format=openai", "--model=m", "--system-prompt=Be brief.").Base, "/")
	p.choose("mode", "raw")
	for _, question := range []string{"one", "two"} {
		p.ask(question)
		p.untilState("done")
	}
	p.until("the answer is shown", messages+`.textContent.trim() === "answer 2"`)
	p.click("#new")
	p.untilState("ready")
	p.ask("three")
	p.untilState("done")
	const system = `{"role":"system","content":"Be brief."},`
	want := []string{
		`[` + system + `{"role":"user","content":"one"}]`,
		`[` + system + `{"role":"user","content":"one"},{"role":"assistant","content":"answer 1"},{"role":"user","content":"two"}]`,
		`[` + system + `{"role":"user","content":"three"}]`,
	}
	mu.Lock()
	defer mu.Unlock()
	if !reflect.DeepEqual(asked, want) {
		t.Errorf("the service got %s, want %s", asked, want)
	}
}
