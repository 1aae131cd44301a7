package coze

import (
	"encoding/json"
	"strings"
	"testing"

	"sse-typewriter/upstream"
)

func TestWhatIsText(t *testing.T) {
	const (
		content   = `content "1"`
		reasoning = `reasoning "1"`
	)
	for _, test := range []struct {
		name    string
		data    string
		channel string // empty: not text
		text    string
	}{
		{"answer", `{"id":"1","type":"answer","content_type":"text","content":"hi"}`, content, "hi"},
		{"type absent", `{"id":"1","content_type":"text","content":"hi"}`, content, "hi"},
		{"content type absent", `{"id":"1","type":"answer","content":"hi"}`, content, "hi"},
		{"reasoning", `{"id":"1","type":"answer","content":"","reasoning_content":"hm"}`, reasoning, "hm"},
		{"reasoning alone", `{"id":"1","reasoning_content":"hm"}`, reasoning, "hm"},
		{"empty reasoning", `{"id":"1","content":"hi","reasoning_content":""}`, content, "hi"},
		{"null reasoning", `{"id":"1","content":"hi","reasoning_content":null}`, content, "hi"},
		{"null content", `{"id":"1","content":null,"reasoning_content":"hm"}`, reasoning, "hm"},
		{"bare", `{"content":"hi"}`, "content ", "hi"},
		{"bare reasoning", `{"reasoning_content":"hm"}`, "reasoning ", "hm"},
		{"escapes are kept", `{"id":"1","content":"\u4f60\n\"\\\/"}`, content, `\u4f60\n\"\\\/`},
		{"blank is text", `{"id":"1","content":" "}`, content, " "},
		{"escaped key", `{"id":"1","c\u006fntent":"hi"}`, content, "hi"},
		{"key of a nested object", `{"id":"1","meta":{"content":"no"},"content":"hi"}`, content, "hi"},

		{"card", `{"id":"1","type":"answer","content_type":"card","content":"{}"}`, "", ""},
		{"object string", `{"id":"1","type":"answer","content_type":"object_string","content":"[]"}`, "", ""},
		{"function call", `{"id":"1","type":"function_call","content_type":"text","content":"f()"}`, "", ""},
		{"type is no string", `{"id":"1","type":1,"content":"hi"}`, "", ""},
		{"empty content", `{"id":"1","content":""}`, "", ""},
		{"both empty", `{"id":"1","content":"","reasoning_content":""}`, "", ""},
		{"both fields", `{"id":"1","content":"hi","reasoning_content":"hm"}`, "", ""},
		{"content twice", `{"id":"1","content":"hi","content":"ho"}`, "", ""},
		{"content twice, once escaped", `{"id":"1","content":"hi","\u0063ontent":"ho"}`, "", ""},
		{"reasoning twice", `{"id":"1","reasoning_content":"","reasoning_content":"hm"}`, "", ""},
		{"content is a number", `{"id":"1","content":12}`, "", ""},
		{"content is an object", `{"id":"1","content":{"content":"hi"}}`, "", ""},
		{"content is true", `{"id":"1","content":true}`, "", ""},
		{"no such field", `{"id":"1","text":"hi"}`, "", ""},
		{"only in a nested object", `{"id":"1","meta":{"content":"hi"}}`, "", ""},
		{"broken JSON", `{"id":"1","content":"hi"`, "", ""},
		{"trailing comma", `{"id":"1","content":"hi",}`, "", ""},
		{"array", `["content","hi"]`, "", ""},
		{"array of an object", `[{"content":"hi"}]`, "", ""},
		{"string", `"content"`, "", ""},
		{"empty object", `{}`, "", ""},
		{"empty", ``, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := decoder{}
			e := d.Decode(eventDelta, test.data)
			if e.Frame.Channel != test.channel || e.Text != test.text {
				t.Errorf("got text %q of channel %q, want %q of %q", e.Text, e.Frame.Channel, test.text, test.channel)
			}
			if phase := e.Meaning.Phase; e.Frame.Name != eventDelta || phase != upstream.Running {
				t.Errorf("got event %q in phase %d, want %q in %d", e.Frame.Name, phase, eventDelta, upstream.Running)
			}
			if bare := strings.HasSuffix(test.channel, " "); !bare && payload(e) != test.data {
				t.Errorf("got payload %s, want %s", payload(e), test.data)
			}
		})
	}
}

func TestOnlyDeltasAreText(t *testing.T) {
	for _, name := range []string{"", "message", "conversation.message.completed", "conversation.audio.delta", "ping"} {
		const data = `{"id":"1","type":"answer","content":"hi"}`
		d := decoder{}
		e := d.Decode(name, data)
		if e.Frame.IsText() || e.Frame.Name != name || e.Frame.Head != data {
			t.Errorf("event %q: got %+v with text %q, want it whole", name, *e.Frame, e.Text)
		}
	}
}

// A run of deltas that differ only in text shares a frame.
func TestFramesAreShared(t *testing.T) {
	const (
		a         = `{"id":"1","content":"a","role":"x"}`
		b         = `{"id":"1","content":"b","role":"x"}`
		otherID   = `{"id":"2","content":"b","role":"x"}`
		otherTail = `{"id":"1","content":"b","role":"y"}`
		thought   = `{"id":"1","content":"","reasoning_content":"c"}`
		bare      = `{"content":"a"}`
	)
	for _, test := range []struct {
		name          string
		first, second string
		want          bool
	}{
		{"text differs", a, b, true},
		{"nothing differs", a, a, true},
		{"head differs", a, otherID, false},
		{"tail differs", a, otherTail, false},
		{"kind differs", a, thought, false},
		{"bare", bare, bare, false}, // the ids differ
	} {
		t.Run(test.name, func(t *testing.T) {
			d := decoder{}
			first := d.Decode(eventDelta, test.first)
			second := d.Decode(eventDelta, test.second)
			if got := first.Frame == second.Frame; got != test.want {
				t.Errorf("got shared %t, want %t", got, test.want)
			}
		})
	}

	t.Run("content and reasoning take turns", func(t *testing.T) {
		d := decoder{}
		content := d.Decode(eventDelta, a)
		reasoning := d.Decode(eventDelta, thought)
		content2 := d.Decode(eventDelta, b)
		reasoning2 := d.Decode(eventDelta, thought)
		if content.Frame != content2.Frame || reasoning.Frame != reasoning2.Frame {
			t.Error("a run's frame is not shared past an event of the other kind")
		}
	})
}

// The frame of a delta keeps all bytes but the text.
func TestDeltaKeepsItsBytes(t *testing.T) {
	for _, test := range []struct{ name, data, head, text string }{
		{"white space", "{ \"id\" :\t\"1\" , \"content\" :  \"hi\" } ", "{ \"id\" :\t\"1\" , \"content\" :  \"", "hi"},
		{"leading white space", "  \t{\"id\":\"1\",\"content\":\"hi\"}", "  \t{\"id\":\"1\",\"content\":\"", "hi"},
		{"content first", `{"content":"hi","id":"1"}`, `{"content":"`, "hi"},
		{"floats", `{"id":"1","a":1.0,"b":1e400,"c":-0.0,"d":1E+2,"content":"hi"}`, "", "hi"},
		{"long integers", `{"a":12345678901234567890123,"id":"7350000000000000001","content":"hi"}`, "", "hi"},
		{"escapes", `{"id":"\u0031","a":"\/\u00e9\ud83d\ude00\t","content":"hi"}`, "", "hi"},
		{"text looks like JSON", `{"id":"1","content":"{\"content\":\"no\"}"}`, "", `{\"content\":\"no\"}`},
		{"text ends in a backslash", `{"id":"1","content":"\\"}`, "", `\\`},
		{"half a surrogate pair", `{"id":"1","content":"\ud83d"}`, "", `\ud83d`},
		{"nested content before", `{"a":{"content":"x","b":[{"content":"y"}]},"id":"1","content":"hi"}`, "", "hi"},
		{"content as a value before", `{"a":"content","id":"1","content":"content"}`, "", "content"},
		{"nested content after", `{"id":"1","content":"hi","a":{"content":"x"}}`, `{"id":"1","content":"`, "hi"},
		{"other key twice", `{"id":"1","a":1,"a":2,"content":"hi"}`, "", "hi"},
		{"emoji", `{"id":"1","x":"👩‍👩‍👧","content":"👩‍👩‍👧"}`, "", "👩‍👩‍👧"},
		{"ill-formed UTF-8", "{\"id\":\"1\",\"content\":\"\xff\xe4\xbd\"}", "", "\xff\xe4\xbd"},
		{"for HTML", `{"id":"1","content":"<a&b>"}`, "", "<a&b>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := decoder{}
			e := d.Decode(eventDelta, test.data)
			if !e.Frame.IsText() || e.Text != test.text {
				t.Fatalf("got text %q of channel %q, want %q", e.Text, e.Frame.Channel, test.text)
			}
			if got := payload(e); got != test.data {
				t.Errorf("got  %q\nwant %q", got, test.data)
			}
			if test.head != "" && e.Frame.Head != test.head {
				t.Errorf("got head %q, want %q", e.Frame.Head, test.head)
			}
		})
	}
}

// Python's line separators, and data of several lines, make SDKs fail. Both are rewritten
// without a change of the meaning.
func TestSingleLineJSON(t *testing.T) {
	const delta, done, other = eventDelta, eventDone, "conversation.message.completed"
	for _, test := range []struct{ name, event, data, want string }{
		{"in text", delta, "{\"id\":\"1\",\"content\":\"a\u0085b\u2028c\u2029d\"}", `{"id":"1","content":"a\u0085b\u2028c\u2029d"}`},
		{"around text", delta, "{\"id\":\"1\",\"\u2028\":\"\u0085\",\"content\":\"a\",\"z\":\"\u2029\"}", `{"id":"1","\u2028":"\u0085","content":"a","z":"\u2029"}`},
		{"not text", other, "{\"content\":\"\u0085\u2028\u2029\"}", `{"content":"\u0085\u2028\u2029"}`},
		{"delta that is not text", delta, "{\"id\":\"1\",\"type\":\"x\",\"content\":\"\u2028\"}", `{"id":"1","type":"x","content":"\u2028"}`},
		{"done", done, "{\n\"debug_url\":\"\u2028\"\n}", `{ "debug_url":"\u2028" }`},
		{"neighbours", other, "\"\u0084\u0086\u2027\u202a\"", "\"\u0084\u0086\u2027\u202a\""},
		{"escaped already", other, `"\u2028\\u2028"`, `"\u2028\\u2028"`},
		{"invalid JSON", other, "{\"a\":\"\u2028\"", "{\"a\":\"\u2028\""},
		{"plain text", "", "one\u2028two", "one\u2028two"},

		{"lines of a delta", delta, "{\n\"id\":\"1\",\n\"content\":\"a\"\n}", `{ "id":"1", "content":"a" }`},
		{"lines of another", other, "{\n\n\"a\":\n1}", `{  "a": 1}`},
		{"lines in a string", other, "{\"a\":\"b\nc\"}", "{\"a\":\"b\nc\"}"},
		{"lines of plain text", "", "one\ntwo", "one\ntwo"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := decoder{}
			e := d.Decode(test.event, test.data)
			got := payload(e)
			if got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
			if json.Valid([]byte(test.data)) != json.Valid([]byte(got)) {
				t.Errorf("got %q, whose validity as JSON is not that of %q", got, test.data)
			}
		})
	}
}
