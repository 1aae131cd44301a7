package openai

import (
	"net/http"
	"testing"

	"sse-typewriter/upstream"
)

func TestAsk(t *testing.T) {
	for _, test := range []struct {
		name    string
		options Options
		ask     []upstream.Message
		path    string
		body    string
	}{
		{
			"a question",
			Options{Model: "m"},
			[]upstream.Message{{Role: "user", Text: "hi <b>"}},
			"/v1/chat/completions",
			`{"model":"m","messages":[{"role":"user","content":"hi <b>"}],"stream":true,"stream_options":{"include_usage":true}}`,
		},
		{
			"a conversation",
			Options{Model: "m", SystemPrompt: "be brief", BaseURL: "https://api.openai.com"},
			[]upstream.Message{{Role: "user", Text: "a"}, {Role: "assistant", Text: "b"}, {Role: "user", Text: "c"}},
			"/v1/chat/completions",
			`{"model":"m","messages":[{"role":"system","content":"be brief"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}],"stream":true,"stream_options":{"include_usage":true}}`,
		},
		{
			"nothing",
			Options{Model: "m"},
			nil,
			"/v1/chat/completions",
			`{"model":"m","messages":[{"role":"user","content":"` + upstream.DefaultQuestion + `"}],"stream":true,"stream_options":{"include_usage":true}}`,
		},
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

// The base URL of an SDK has a version, that of a server may have none.
func TestPathOfQuestion(t *testing.T) {
	for base, want := range map[string]string{
		"":                             "/v1/chat/completions",
		"https://api.openai.com":       "/v1/chat/completions",
		"https://api.openai.com/v1":    "/chat/completions",
		"https://api.openai.com/v1/":   "/chat/completions",
		"https://openrouter.ai/api":    "/v1/chat/completions",
		"https://openrouter.ai/api/v1": "/chat/completions",
		"https://dashscope.aliyuncs.com/compatible-mode":          "/v1/chat/completions",
		"https://open.bigmodel.cn/api/paas/v4":                    "/chat/completions",
		"https://generativelanguage.googleapis.com/v1beta/openai": "/chat/completions",
		"https://api.groq.com/openai":                             "/v1/chat/completions",
		"https://x.openai.azure.com/openai/deployments/gpt":       "/chat/completions",
		"https://spark-api-open.xf-yun.com/x2":                    "/chat/completions",
		"https://example.com/video":                               "/v1/chat/completions",
	} {
		if got := (Options{BaseURL: base}).Path(pathChat); got != want {
			t.Errorf("%s: got %s, want %s", base, got, want)
		}
	}
}
