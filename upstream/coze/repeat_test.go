package coze

import (
	"reflect"
	"strings"
	"testing"
)

// A delta decodes the same after similar deltas and alone.
func TestDeltaAgain(t *testing.T) {
	const (
		head      = `{"id":"1","role":"assistant","type":"answer","content":"`
		tail      = `","content_type":"text"}`
		reasoning = `{"id":"1","role":"assistant","type":"answer","content":"","reasoning_content":"`
	)
	for _, test := range []struct {
		name, data string
		quick      bool // decodeRepeat recognizes the delta
	}{
		{"the same", head + "你好" + tail, true},
		{"a longer text", head + strings.Repeat("很长", 100) + tail, true},
		{"escapes", head + `a\"b\\\n\u4f60` + tail, true},
		{"characters that do not pass", head + "a\u2028b\u0085" + tail, true},
		{"reasoning", reasoning + `"}`, false},
		{"reasoning with text", reasoning + `why"}`, true},
		{"no text", head + tail, false},
		{"a part of the frame only", head[:len(head)-1], false},
		{"head and tail that overlap", head + tail[1:], false},
		{"a field more", head + `a","x":"b` + tail, false},
		{"the text twice", head + `a","content":"b` + tail, false},
		{"a quote of the text escaped", head + `a\` + tail, false},
		{"a line's end in the text", head + "a\nb" + tail, false},
		{"another id", strings.Replace(head, `"1"`, `"2"`, 1) + "a" + tail, false},
		{"another type", strings.Replace(head, "answer", "follow_up", 1) + "a" + tail, false},
		{"another tail as long", head + "a" + strings.Replace(tail, "text", "card", 1), false},
		{"bare", `{"content":"a"}`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, alone := &decoder{suffix: "r"}, &decoder{suffix: "r"}
			for _, before := range []string{head + "before" + tail, reasoning + `before"}`, head + "before" + tail} {
				d.Decode(eventDelta, before)
			}
			if _, quick := d.decodeRepeat(eventDelta, test.data); quick != test.quick {
				t.Errorf("known by its frame: %v, want %v", quick, test.quick)
			}
			got := d.Decode(eventDelta, test.data)
			want := alone.Decode(eventDelta, test.data)
			if !reflect.DeepEqual(common(got), common(want)) || !reflect.DeepEqual(got.Meaning, want.Meaning) {
				t.Errorf("got %+v %q\nwant %+v %q", *got.Frame, got.Text, *want.Frame, want.Text)
			}
		})
	}
}

// Another event's data may look like a delta.
func TestOtherEventIsNoDelta(t *testing.T) {
	d := &decoder{}
	d.Decode(eventDelta, cozeDelta)
	if e := d.Decode("conversation.message.completed", cozeDelta); e.Frame.IsText() {
		t.Error("a completed message is taken for a delta")
	}
}
