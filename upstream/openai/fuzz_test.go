package openai

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split/splittest"
)

// Valid JSON stays valid, whole or cut, and the pieces are joined to the same message.
func FuzzSplit(f *testing.F) {
	for _, data := range []string{
		`{"choices":[{"index":0,"delta":{"role":"assistant","content":"hi"},"logprobs":{"content":[1]},"finish_reason":"stop"}],"usage":{"total_tokens":3}}`,
		`{"choices":[{"delta":{"reasoning":"\"\\","reasoning_details":[{"type":"reasoning.text","text":"\"\\","signature":"s"}]}}],"citations":["x"]}`,
		`{"choices":[{"text":"ab","delta":{"content":"ab"}},{"index":1,"delta":{"tool_calls":[{}]}}]}`,
		"{\n\"choices\" : [ { \"text\" : \"\u2028a\" , \"index\":-1e400 } ] }", `{"choices":[{"delta":{"c\u006fntent":"\ud83d\ude00"}}]}`,
		`{"choices":{"delta":{"content":"a"}}}`, `{"choices":[[{"content":"a"}]]}`, `{"choices":[{"delta":{"content":"a","content":"a"}}]}`, `[DONE]`, `{"choices":[{"delta":{"content":"`,
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
		if strings.ContainsAny(e.Payload(), "\n\u0085\u2028\u2029") && utf8.ValidString(data) {
			t.Errorf("got %q with a line break", e.Payload())
		}
		if !e.Frame.IsText() {
			return
		}
		if e.Text == "" {
			t.Error("got no text")
		}
		checkPieces(t, e, data)
		quoted, err := json.Marshal(text)
		if err != nil || text == "" {
			return
		}
		// The next event of the run, with another text.
		next := typewriter.Event{Frame: e.Frame, Text: string(quoted[1 : len(quoted)-1])}
		if again := d.Decode("", next.Payload()); again.Frame != e.Frame || again.Text != next.Text {
			t.Errorf("got text %q with frame %v, want %q", again.Text, again.Frame, next.Text)
		}
	})
}

// checkPieces compares the pieces of an event with the data that they are made of.
func checkPieces(t *testing.T, e upstream.Event, data string) {
	t.Helper()
	if repeatsKeys(data) {
		return // encoding/json and an SDK may choose different values
	}
	got, want := message{}, message{}
	for _, piece := range splittest.Pieces(t, e) {
		if !json.Valid([]byte(piece)) {
			t.Fatalf("got %q, which is not JSON", piece)
		}
		got.Add(event{Data: piece})
	}
	want.Add(event{Data: jsontext.SingleLine(data)})
	if !reflect.DeepEqual(got, want) && utf8.ValidString(data) && !strings.Contains(e.Text, `\u`) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// repeatsKeys reports whether an object in JSON has a key twice.
func repeatsKeys(data string) bool {
	decoder := json.NewDecoder(strings.NewReader(data))
	return repeatsKeysIn(decoder)
}

func repeatsKeysIn(decoder *json.Decoder) bool {
	token, err := decoder.Token()
	if err != nil {
		return false
	}
	delim, _ := token.(json.Delim)
	if delim != '{' && delim != '[' {
		return false
	}
	seen := map[json.Token]bool{}
	for decoder.More() {
		if delim == '{' {
			key, err := decoder.Token()
			if err != nil || seen[key] {
				return true
			}
			seen[key] = true
		}
		if repeatsKeysIn(decoder) {
			return true
		}
	}
	_, err = decoder.Token()
	return err != nil
}
