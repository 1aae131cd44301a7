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

// reply is a reply of a stand-in, with the error of reading the body.
type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

// send sends a request to a stand-in.
func send(t *testing.T, path, body string, header ...string) reply {
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
	return reply{res.StatusCode, res.Header, string(text), err}
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
					answer := send(t, format.path, format.body)
					body, err := answer.body, answer.err
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
				res := send(t, test.path, test.body, test.header...)
				if res.status != test.status || !strings.HasPrefix(res.body, test.want) || res.header.Get("Content-Type") != test.contentType || res.err != nil {
					t.Errorf("got %d %s %s, %v, want %d %s", res.status, res.header.Get("Content-Type"), res.body, res.err, test.status, test.want)
				}
				if got := res.header.Get("X-Vercel-Ai-Ui-Message-Stream"); (got == "v1") != (test.name == "UI messages") {
					t.Errorf("got header %q", got)
				}
			})
		})
	}
}
