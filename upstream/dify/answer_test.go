package dify

import (
	"testing"

	"sse-typewriter/upstream"
)

// A replacement takes the place of the text before it.
func TestAnswer(t *testing.T) {
	for _, test := range []struct {
		name   string
		events []string
		want   string
	}{
		{"text", []string{answer("a"), answer("b")}, "ab"},
		{"a replacement", []string{answer("a"), `{"event":"message_replace","message_id":"m","answer":"no"}`}, "no"},
		{"no text in place of the text", []string{answer("a"), `{"event":"message_replace","message_id":"m","answer":""}`}, ""},
		{"a replacement in a workflow", []string{chunk("a"), `{"event":"text_replace","data":{"text":"no"}}`}, "no"},
		{"two replacements", []string{answer("a"), `{"event":"message_replace","answer":"b"}`, `{"event":"message_replace","answer":"cd"}`}, "cd"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var d decoder
			var a upstream.Answer
			for _, e := range test.events {
				a.Add(d.Decode("", e))
			}
			if a.Text() != test.want || a.Length != len(test.want) {
				t.Errorf("got %q, %d characters, want %q", a.Text(), a.Length, test.want)
			}
		})
	}
}
