package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
)

// logEntry is the part of a log line that is compared.
type logEntry struct {
	Msg, Stream, Route, Mode, Outcome, Reason string
	RequestID                                 string `json:"request_id"`
	FirstByte                                 int64  `json:"first_byte"`
	Graphemes, Status                         int
	Duration                                  int64
}

// logOf waits for the log line of a request.
func logOf(t *testing.T, p *testenv.Program, id string) (found logEntry) {
	t.Helper()
	testenv.Eventually(t, "a log line for "+id, func() bool {
		for text := range strings.Lines(p.Log.String()) {
			e := logEntry{}
			if json.Unmarshal([]byte(text), &e) == nil && e.RequestID == id {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// The request id is in the reply, in the upstream request and in the log, for streams,
// forwarded replies and errors. No content and no token is in the log.
func TestRequestIDs(t *testing.T) {
	t.Parallel()
	ids := make(chan string, 1)
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ids <- r.Header.Get("X-Request-Id")
		w.Header().Set("X-Request-Id", "the-upstreams-own")
		switch r.URL.Path {
		case "/v3/chat":
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "event:conversation.message.delta\ndata:{\"id\":\"1\",\"content\":\"MARKANSWER\"}\n\nevent:done\ndata:\"[DONE]\"\n\n")
		case "/v1/broken":
			panic(http.ErrAbortHandler)
		default:
			_, _ = io.WriteString(w, `{"code":0,"data":"MARKANSWER"}`)
		}
	}))
	defer up.Close()
	p := testenv.Start(t, "--upstream="+up.URL, "--log-level=debug", "--log-format=json")
	for i, test := range []struct {
		method, path string
		upstream     bool
		want         logEntry // empty: nothing is logged
	}{
		{"POST", "/v3/chat?message=MARKQUESTION", true, logEntry{Msg: "stream ended", Route: "POST /v3/chat", Mode: "typewriter", Outcome: "done", Graphemes: len("MARKANSWER")}},
		{"GET", "/v3/chat?mode=smooth&message=MARKQUESTION", true, logEntry{Msg: "stream ended", Route: "GET /v3/chat", Mode: "smooth", Outcome: "done", Graphemes: len("MARKANSWER")}},
		{"GET", "/v1/some?q=MARKQUESTION", true, logEntry{Msg: "reply passed on", Route: "GET /*", Status: 200}},
		{"POST", "/v1/broken?q=MARKQUESTION", true, logEntry{Msg: "no reply from upstream", Route: "POST /*", Reason: "unreachable"}},
		{"GET", "/MARKQUESTION", false, logEntry{}},
		{"GET", "/v1/../MARKQUESTION", false, logEntry{}},
		{"GET", "/readyz", false, logEntry{}},
		{"GET", "/metrics", false, logEntry{}},
	} {
		id := fmt.Sprintf("request-%d", i)
		req, err := http.NewRequestWithContext(t.Context(), test.method, p.Base+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Request-Id", id)
		req.Header.Set("Authorization", "Bearer MARKTOKEN")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body) // a broken reply is read as far as it goes
		_ = res.Body.Close()
		if got := res.Header.Values("X-Request-Id"); len(got) != 1 || got[0] != id {
			t.Errorf("%s: reply has %q", test.path, got)
		}
		if test.upstream {
			if got := <-ids; got != id {
				t.Errorf("%s: upstream got %q", test.path, got)
			}
		}
		if test.want == (logEntry{}) {
			continue
		}
		got := logOf(t, p, id)
		if got.Msg == "stream ended" && (got.Stream == "" || got.FirstByte <= 0 || got.Duration < got.FirstByte) {
			t.Errorf("%s: logged %+v", test.path, got)
		}
		got.Stream, got.RequestID, got.FirstByte, got.Duration = "", "", 0, 0
		if got != test.want {
			t.Errorf("%s: logged %+v\nwant %+v", test.path, got, test.want)
		}
	}
	if log := p.Log.String(); strings.Contains(log, "MARK") || strings.Contains(log, up.URL+"/") {
		t.Errorf("log is %s", log)
	}
}
