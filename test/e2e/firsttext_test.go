package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
)

// A service that sends events and heartbeats, but no text, is given up with an error of its
// own, in the format of the request.
func TestFirstTextTimeout(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{}, 2)
	up := serve(t, func(w http.ResponseWriter, r *http.Request) {
		first := "event:conversation.chat.created\ndata:{\"id\":\"1\",\"conversation_id\":\"2\",\"status\":\"created\"}\n\n"
		if strings.HasSuffix(r.URL.Path, "/completions") {
			first = "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, first)
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, ": PROCESSING\n\n")
			w.(http.Flusher).Flush()
			time.Sleep(10 * time.Millisecond)
		}
		gone <- struct{}{}
	})
	p := testenv.Start(t, "--upstream="+up, "--upstream-first-text-timeout=200ms")
	for _, test := range []struct{ name, path, created, want string }{
		{"coze", "/v3/chat?mode=raw", "conversation.chat.created", `"code":5044,"msg":"upstream sent no text in time"`},
		{"openai", "/v1/chat/completions", `"role":"assistant"`, `"message":"upstream sent no text in time"`},
	} {
		status, body := brokenReply(t, p.Base+test.path)
		if status != http.StatusOK || !strings.Contains(body, test.created) || !strings.Contains(body, test.want) {
			t.Errorf("%s: got %d %q, want %q", test.name, status, body, test.want)
		}
		<-gone // the upstream request was canceled
	}
	if _, scraped := send(t, "GET", p.Base+"/metrics"); !strings.Contains(scraped, `typewriter_upstream_errors_total{reason="first_text_timeout",upstream="/"} 2`) {
		t.Error("the failures are not counted")
	}
	testenv.Eventually(t, "both failures are logged", func() bool { return strings.Count(p.Log.String(), "outcome=first_text_timeout") == 2 })
}

// brokenReply posts a JSON object and reads the reply, which may break off.
func brokenReply(t *testing.T, url string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	all, _ := io.ReadAll(res.Body) // io.ErrUnexpectedEOF
	return res.StatusCode, string(all)
}
