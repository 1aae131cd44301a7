package apps

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidwall/gjson"

	"sse-typewriter/mock"
	"sse-typewriter/mock/ollama"
)

// send sends a request to a stand-in and returns the reply, its body, and the error of reading
// the body.
func send(t *testing.T, path, body string, header ...string) (*http.Response, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://stand-in"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := mock.New(1, UIMessages{Others: ollama.Dialect{}}, AGUI{}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return res, string(text), err
}

// uiBody and aguiBody are bodies with a message.
func uiBody(message string) string {
	return `{"id":"c1","messages":[{"id":"m1","role":"user","parts":[{"type":"step-start"},{"type":"text","text":"` + message + `"}]}]}`
}

func aguiBody(message string) string {
	return `{"threadId":"t1","runId":"r1","messages":[{"id":"m1","role":"user","content":[{"type":"text","text":"` + message + `"}]}]}`
}

// Each scenario ends as its description says, in both formats.
func TestScenarios(t *testing.T) {
	for _, scenario := range Scenarios() {
		if scenario.refuse != nil || scenario.Name == "hang" {
			continue
		}
		t.Run(scenario.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, format := range []struct{ path, body, answer, thoughts, tool, end, failed string }{
					{"/api/chat", uiBody("/" + scenario.Name + " hi"), "text-delta", "reasoning-delta", "tool-input-available", "finish", "error"},
					{"/ag-ui", aguiBody("/" + scenario.Name + " hi"), "TEXT_MESSAGE_CONTENT", "REASONING_MESSAGE_CONTENT", "TOOL_CALL_RESULT", "RUN_FINISHED", "RUN_ERROR"},
				} {
					_, body, err := send(t, format.path, format.body)
					types := map[string]int{}
					for block := range strings.SplitSeq(body, "\n\n") {
						data := strings.TrimPrefix(block, "data: ")
						types[gjson.Get(data, "type").Str]++
					}
					isCut := strings.HasPrefix(scenario.Name, "cut")
					if errors.Is(err, io.ErrUnexpectedEOF) != isCut {
						t.Errorf("%s: got error %v", format.path, err)
					}
					for event, want := range map[string]bool{
						format.answer:   scenario.Name != "cut-early",
						format.thoughts: scenario.Name == "thinking",
						format.tool:     scenario.Name == "tool-call",
						format.failed:   scenario.Name == "error-event",
					} {
						if got := types[event] > 0; got != want {
							t.Errorf("%s: got %d events %s", format.path, types[event], event)
						}
					}
					isComplete := !isCut && scenario.Name != "no-end"
					if got := types[format.end]+types[format.failed] > 0; got != isComplete {
						t.Errorf("%s: got complete %t: %v", format.path, got, types)
					}
				}
			})
		})
	}
}

// Requests at the same path in Ollama's format, and faulty ones.
func TestReplies(t *testing.T) {
	for _, test := range []struct {
		name, path, body string
		header           []string
		status           int
		contentType      string
		want             string
	}{
		{"UI messages", "/any/api/chat", uiBody("hi"), nil, 200, "text/event-stream", `data: {"type":"start","messageId":"`},
		{"Ollama", "/api/chat", `{"model":"m","messages":[{"role":"user","content":"hi"}]}`, nil, 200, "application/x-ndjson", `{"model":"m"`},
		{"AG-UI", "/any/ag-ui", aguiBody("hi"), nil, 200, "text/event-stream", `data: {"type":"RUN_STARTED",`},
		{"no run", "/ag-ui", `{"messages":[]}`, nil, 422, "text/plain; charset=utf-8", "want threadId, runId and messages"},
		{"a refusal", "/api/chat", uiBody("/error-429 hi"), nil, 429, "text/plain; charset=utf-8", "too many chats"},
		{"a header", "/ag-ui", aguiBody("hi"), []string{mock.ScenarioHeader, "error-500"}, 500, "text/plain; charset=utf-8", "the app has failed"},
		{"a bad key", "/ag-ui", aguiBody("hi"), []string{"Authorization", "Bearer bad"}, 401, "text/plain; charset=utf-8", "unauthorized"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				res, body, err := send(t, test.path, test.body, test.header...)
				if res.StatusCode != test.status || !strings.HasPrefix(body, test.want) || res.Header.Get("Content-Type") != test.contentType || err != nil {
					t.Errorf("got %d %s %s, %v, want %d %s", res.StatusCode, res.Header.Get("Content-Type"), body, err, test.status, test.want)
				}
				if got := res.Header.Get("X-Vercel-Ai-Ui-Message-Stream"); (got == "v1") != (test.name == "UI messages") {
					t.Errorf("got header %q", got)
				}
			})
		})
	}
}
