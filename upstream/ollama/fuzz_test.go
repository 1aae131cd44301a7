package ollama

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
)

// Valid JSON stays valid, whole or cut, and a later line of the run has its own text.
func FuzzSplit(f *testing.F) {
	for _, data := range []string{
		`{"model":"m","created_at":"t","message":{"role":"assistant","content":"hi","tool_calls":[{}]},"done":true,"eval_count":3}`,
		`{"model":"m","created_at":"t","message":{"role":"assistant","content":"","thinking":"\"\\"},"done":false}`,
		`{"created_at":"\u0000","response":"ab","context":[1],"done":false}`, `{"response":"a","created_at":"t"}`,
		"{\n\"response\" : \"\u2028a\" , \"done\":-1e400 }", `{"message":[{"content":"a"}],"error":"x"}`, `{"response":"`,
	} {
		f.Add(data, "x")
	}
	f.Fuzz(func(t *testing.T, data, text string) {
		d := decoder{}
		e := d.Decode("", data)
		if !json.Valid([]byte(data)) {
			if e.Payload() != data {
				t.Errorf("got %q, want %q", e.Payload(), data)
			}
			return
		}
		if got, want := e.Payload(), jsontext.SingleLine(data); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
		if strings.Contains(e.Payload(), "\n") {
			t.Errorf("got %q with a line end", e.Payload())
		}
		if !e.Frame.IsText() {
			return
		}
		if e.Text == "" {
			t.Error("got no text")
		}
		if once := e.Frame.Once; once != nil {
			for _, p := range []typewriter.Payload{once.First, once.Last, once.Only} {
				checkJSON(t, p.Head+"a"+p.Tail, p.Head != "", data)
			}
		}
		checkJSON(t, e.Frame.Head+"a"+e.Frame.Tail, true, data)
		quoted, err := json.Marshal(text)
		if err != nil || text == "" {
			return
		}
		next := typewriter.Event{Frame: e.Frame, Text: string(quoted[1 : len(quoted)-1])}
		if again := d.Decode("", next.Payload()); again.Text != next.Text || again.Payload() != next.Payload() {
			t.Errorf("got text %q of %q, want %q", again.Text, again.Payload(), next.Text)
		}
	})
}

func checkJSON(t *testing.T, payload string, isSent bool, data string) {
	t.Helper()
	if isSent && utf8.ValidString(data) && !json.Valid([]byte(payload)) {
		t.Errorf("got %q, which is not JSON", payload)
	}
}
