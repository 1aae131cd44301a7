package anthropic

import (
	"net/http"
	"testing"

	"sse-typewriter/upstream"
)

func TestAsk(t *testing.T) {
	messages := func(all ...string) (out []upstream.Message) {
		for i := 0; i < len(all); i += 2 {
			out = append(out, upstream.Message{Role: all[i], Text: all[i+1]})
		}
		return out
	}
	for _, test := range []struct {
		name     string
		options  Options
		messages []upstream.Message
		path     string
		want     string
	}{
		{"default", Options{}, nil, "/v1/messages", `{"model":"m","max_tokens":8192,"messages":[{"role":"user","content":"你好，请介绍一下 SSE"}],"stream":true}`},
		{
			"system messages",
			Options{SystemPrompt: "Be brief."},
			messages("system", "Be kind.", "user", "a", "assistant", "b", "user", "<c>"), "/v1/messages",
			`{"model":"m","max_tokens":8192,"system":"Be brief.\n\nBe kind.","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"<c>"}],"stream":true}`,
		},
		{"base URL without version", Options{BaseURL: "https://api.deepseek.com/anthropic"}, messages("user", "a"), "/v1/messages", `{"model":"m","max_tokens":8192,"messages":[{"role":"user","content":"a"}],"stream":true}`},
		{"base URL with version", Options{BaseURL: "https://api.anthropic.com/v1/"}, messages("user", "a"), "/messages", `{"model":"m","max_tokens":8192,"messages":[{"role":"user","content":"a"}],"stream":true}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.options.Model = "m"
			req, err := New(test.options).Ask(upstream.Question{Messages: test.messages})
			if err != nil || req.Path != test.path || string(req.Body) != test.want || req.Method != http.MethodPost {
				t.Errorf("got %s %s %s, %v", req.Method, req.Path, req.Body, err)
			}
			if req.Header.Get("anthropic-version") != "2023-06-01" || req.Header.Get("Content-Type") != "application/json" {
				t.Errorf("got header %v", req.Header)
			}
		})
	}
	if _, err := New(Options{}).Ask(upstream.Question{}); err == nil {
		t.Error("got no error without a model")
	}
}
