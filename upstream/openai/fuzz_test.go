package openai

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
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
		checkPieces(t, e.Frame, e.Text, data)
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

// checkPieces compares the pieces of a text with the event that they are made of.
func checkPieces(t *testing.T, frame *typewriter.Frame, text, data string) {
	t.Helper()
	if repeatsKeys(data) {
		return // encoding/json and an SDK may choose different values
	}
	first, rest := "", text
	if _, size := jsontext.ScanRune(text); size < len(text) && utf8.ValidString(text) {
		first, rest = text[:size], text[size:]
	}
	got, want := message{}, message{}
	log := typewriter.NewLog(typewriter.LogOptions{})
	if err := log.Append(typewriter.Event{Frame: frame, Text: first + rest}); err != nil {
		t.Fatal(err)
	}
	log.End()
	c := &client{}
	pace := typewriter.DefaultPace(typewriter.Typewriter)
	player := typewriter.Player{Log: log, Pace: pace}
	skip := &typewriter.Skip{}
	skip.Set()
	player.Skip = skip
	if err := player.Play(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for _, s := range c.sent {
		if !json.Valid([]byte(s.data)) {
			t.Fatalf("got %q, which is not JSON", s.data)
		}
		got.add(s.data)
	}
	if want.add(jsontext.SingleLine(data)); !reflect.DeepEqual(got, want) && utf8.ValidString(data) && !strings.Contains(text, `\u`) {
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
