package openai

import (
	"testing"

	"sse-typewriter/upstream"
)

// The answer is collected from typed text and from chunks that are not split.
func TestAnswer(t *testing.T) {
	const role = `{"id":"c1","choices":[{"delta":{"role":"assistant","content":""}}]}`
	for _, test := range []struct {
		name    string
		events  []event
		stage   upstream.Stage
		text    string
		failure string
	}{
		{"nothing", nil, upstream.Waiting, "", ""},
		{"role", chunks(role), upstream.Working, "", ""},
		{"reasoning", chunks(role, `{"choices":[{"delta":{"reasoning":"a"}}]}`), upstream.Thinking, "", ""},
		{"text", chunks(role, `{"choices":[{"delta":{"content":"a"}}]}`, `{"choices":[{"delta":{"content":"b"}}]}`), upstream.Answering, "ab", ""},
		{
			"both in a chunk", chunks(`{"choices":[{"delta":{"content":"a"}}]}`, `{"choices":[{"delta":{"reasoning":"x","content":"b"}}]}`, `{"choices":[{"delta":{"content":"c"}}]}`),
			upstream.Answering, "abc", "",
		},
		{"finish", chunks(`{"choices":[{"delta":{"content":"a"}}]}`, `{"choices":[{"delta":{},"finish_reason":"stop"}]}`), upstream.Completed, "a", ""},
		{"finish with text", chunks(`{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}`), upstream.Completed, "a", ""},
		{"an error", chunks(`{"choices":[{"delta":{"content":"a"}}]}`, `{"error":{"message":"m"}}`), upstream.Answering, "a", "m"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, a := decoder{}, upstream.Answer{}
			for _, e := range test.events {
				a.Add(d.Decode(e.Name, e.Data))
			}
			failure := ""
			if a.Failure != nil {
				failure = a.Failure.Msg
			}
			if a.Stage != test.stage || a.Text() != test.text || failure != test.failure {
				t.Errorf("got stage %d, %q, failure %q; want %d, %q, %q", a.Stage, a.Text(), failure, test.stage, test.text, test.failure)
			}
		})
	}
}
