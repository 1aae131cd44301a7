package declarative

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream/split/splittest"
)

// Whatever arrives, the events of a stream keep their data, whole or cut.
func FuzzDecode(f *testing.F) {
	for _, data := range []string{
		`{"output":{"choices":[{"message":{"content":"hi","tool_calls":[1]},"finish_reason":"stop"}]}}`,
		`{"output":{"choices":[{"message":{"content":[{"image":1},{"text":"hi"},{"x":2}]}}]}}`,
		`{"output":{"text":"\"\\","finish_reason":"null","workflow_message":{"message":{"content":"a"},"node_is_completed":true}}}`,
		"{\n\"output\" : { \"text\" : \"\u2028a\" } }", `{"output":{"text":"a","text":"b"}}`, `{"output":[{"text":"a"}]}`, `[DONE]`, `{"output":{"text":"`,
	} {
		f.Add(data, "x", true)
		f.Add(data, `\ud83d`, false)
	}
	f.Fuzz(func(t *testing.T, data, more string, repeats bool) {
		setting := map[bool]string{true: "yes", false: "no"}[repeats]
		d := withSnapshots(t, setting).NewDecoder()
		var before typewriter.Snapshots
		for range 3 {
			e := d.Decode("result", data)
			want := data
			if json.Valid([]byte(data)) {
				want = jsontext.SingleLine(data)
			}
			if got := before.Payload(e.Event); got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
			if e.Frame.IsText() && e.Text == "" {
				t.Error("got no text")
			}
			if e.Frame.IsText() && utf8.ValidString(data) {
				for _, piece := range splittest.Pieces(t, e) {
					if !json.Valid([]byte(piece)) {
						t.Fatalf("got %q, which is not JSON", piece)
					}
				}
			}
			quoted, err := json.Marshal(more)
			if err != nil {
				t.Fatal(err)
			}
			data = strings.Replace(data, `"a"`, `"a`+string(quoted[1:]), 1)
		}
	})
}
