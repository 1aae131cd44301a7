package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/testenv"
)

// acme describes the format of a service that the program does not know.
const acme = `
formats:
  acme:
    paths: ["*/talk"]
    texts: [{path: data.answer}]
    last: [{path: data.end, otherwise: false}]
    done: [{path: data.end}]
    error: {signs: [{path: oops}], message: [oops], data: '{"oops":"{message}"}'}
    ask: {path: /v1/talk, body: '{"model":"{model}","chat":"{messages}"}'}
    examples: ['{"data":{"answer":"Hi","end":false}}', '{"oops":"busy"}']
`

// A service whose format the file describes is paced in its own format and asked for chats; its
// cut stream ends with an error of the format.
func TestFormatOfFile(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 1)
	upstream := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		end := !strings.Contains(string(body), "cut")
		_, _ = fmt.Fprintf(w, "data: {\"data\":{\"answer\":\"Hello \",\"end\":false}}\n\ndata: {\"data\":{\"answer\":\"world\",\"end\":%t}}\n\n", end)
		if strings.Contains(string(body), "model") {
			asked <- string(body)
		}
	})
	p := testenv.Start(t, "--upstream="+upstream, "--upstream-format=acme", "--model=m", "--speed=20", configFile(t, acme))
	for body, want := range map[string]string{"{}": `d","end":true}}`, `"cut"`: `{"oops":"upstream ended mid-stream"}`} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.Base+"/any/talk", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body) // a cut body is incomplete
		_ = res.Body.Close()
		var pieces []string
		answer := ""
		for line := range strings.SplitSeq(string(text), "\n") {
			if data, ok := strings.CutPrefix(line, "data: "); ok {
				pieces = append(pieces, data)
				answer += gjson.Get(data, "data.answer").Str
			}
		}
		if answer != "Hello world" || len(pieces) < 3 || !strings.HasSuffix(pieces[len(pieces)-1], want) {
			t.Errorf("%s: got %q, want the last %s", body, pieces, want)
		}
	}
	if status, body := send(t, http.MethodGet, p.Base+"/v3/chat?message=hi"); status != http.StatusOK || !strings.Contains(body, `"content":"Hello world"`) {
		t.Errorf("got %d %s", status, body)
	}
	if got, want := <-asked, `{"model":"m","chat":[{"role":"user","content":"hi"}]}`; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
}

// A fault in a format prevents the start, and the error names the setting.
func TestFaultyFormatOfFile(t *testing.T) {
	t.Parallel()
	file := configFile(t, strings.Replace(acme, "path: data.answer", "path: data.anwser", 1))
	_, got, code := testenv.Run(t, testenv.Command(t.Context(), t, "--addr=127.0.0.1:0", file))
	if want := "sse-typewriter: formats: acme: texts[0]: no example has data.anwser; data has answer, end\n"; code != 1 || got != want {
		t.Errorf("got exit code %d, %q, want %q", code, got, want)
	}
}
