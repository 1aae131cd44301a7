package ollama

import (
	"net/http"
	"testing"

	"sse-typewriter/upstream"
)

func TestAsk(t *testing.T) {
	for _, test := range []struct {
		name       string
		options    Options
		ask        []upstream.Message
		path, body string
	}{
		{"a question", Options{Model: "m"}, []upstream.Message{{Role: "user", Text: "hi <b>"}}, "/api/chat", `{"model":"m","messages":[{"role":"user","content":"hi <b>"}],"stream":true}`},
		{
			"a conversation",
			Options{Model: "m", SystemPrompt: "be brief", BaseURL: "https://ollama.com/api/"},
			[]upstream.Message{{Role: "user", Text: "a"}, {Role: "assistant", Text: "b"}, {Role: "user", Text: "c"}},
			"/chat", `{"model":"m","messages":[{"role":"system","content":"be brief"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}],"stream":true}`,
		},
		{"nothing", Options{Model: "m", BaseURL: "http://localhost:11434"}, nil, "/api/chat", `{"model":"m","messages":[{"role":"user","content":"` + upstream.DefaultQuestion + `"}],"stream":true}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			req, err := New(test.options).Ask(upstream.Question{Messages: test.ask})
			if err != nil || req.Method != http.MethodPost || req.Path != test.path || string(req.Body) != test.body || req.Header.Get("Content-Type") != "application/json" {
				t.Errorf("got %v %s %s %s, %v", req.Method, req.Path, req.Header, req.Body, err)
			}
		})
	}
	if _, err := New(Options{}).Ask(upstream.Question{}); err == nil {
		t.Error("got no error without a model")
	}
}
