package gemini

import (
	"testing"

	"sse-typewriter/upstream"
)

func TestAsk(t *testing.T) {
	dialog := []upstream.Message{{Role: "system", Text: "Be kind."}, {Role: "user", Text: "a"}, {Role: "assistant", Text: "b"}, {Role: "user", Text: "<c>"}}
	const one = `{"contents":[{"role":"user","parts":[{"text":"a"}]}]}`
	for _, test := range []struct {
		name     string
		options  Options
		messages []upstream.Message
		path     string
		want     string
	}{
		{"default", Options{}, nil, "/v1beta/models/m", `{"contents":[{"role":"user","parts":[{"text":"你好，请介绍一下 SSE"}]}]}`},
		{
			"a dialog",
			Options{SystemPrompt: "Be brief."},
			dialog, "/v1beta/models/m",
			`{"systemInstruction":{"parts":[{"text":"Be brief."},{"text":"Be kind."}]},"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":[{"text":"b"}]},{"role":"user","parts":[{"text":"<c>"}]}]}`,
		},
		{"base URL with version", Options{BaseURL: "https://generativelanguage.googleapis.com/v1/"}, dialog[1:2], "/models/m", one},
		{"Vertex AI", Options{BaseURL: "https://aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/google"}, dialog[1:2], "/models/m", one},
		{"another resource", Options{Model: "tunedModels/x"}, dialog[1:2], "/v1beta/tunedModels/x", one},
		{"a strange name", Options{Model: "a?b"}, dialog[1:2], "/v1beta/models/a%3Fb", one},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.options.Model == "" {
				test.options.Model = "m"
			}
			req, err := New(test.options).Ask(upstream.Question{Messages: test.messages})
			if err != nil || req.Path != test.path+":streamGenerateContent" || req.Query != "alt=sse" || string(req.Body) != test.want {
				t.Errorf("got %s?%s %s, %v", req.Path, req.Query, req.Body, err)
			}
		})
	}
	if _, err := New(Options{}).Ask(upstream.Question{}); err == nil {
		t.Error("got no error without a model")
	}
}
