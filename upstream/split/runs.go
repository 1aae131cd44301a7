package split

import (
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// Runs are the runs of a stream: events of a channel that differ only in their text, and
// perhaps in their padding. The zero value is ready to use.
type Runs struct{ runs []run } // of different channels

// maxRuns bounds the remembered runs. Most chats have two: a reasoning and an answer.
const maxRuns = 8

// Decode returns the event with a name and data if the event continues a run, without
// parsing the payload around the text. Nearly all events of a stream continue a run.
func (r *Runs) Decode(name, data string) (upstream.Event, bool) {
	for i := range r.runs {
		if run := &r.runs[i]; run.event.Frame.Name == name {
			if text := run.textOf(data); text != "" {
				e := run.event
				e.Text = jsontext.SingleLine(text)
				return e, true
			}
		}
	}
	return upstream.Event{}, false
}

// Begin begins the run of an event without text, given the payload of the whole event. The
// run replaces an earlier one of the same channel.
func (r *Runs) Begin(e upstream.Event, whole typewriter.Payload) {
	*r.run(e.Frame.Channel) = newRun(e, whole)
}

// run returns the remembered run of a channel, or a free place.
func (r *Runs) run(channel string) *run {
	for i := range r.runs {
		if r.runs[i].event.Frame.Channel == channel {
			return &r.runs[i]
		}
	}
	if len(r.runs) == maxRuns {
		r.runs = append(r.runs[:0], r.runs[1:]...)
	}
	r.runs = append(r.runs, run{})
	return &r.runs[len(r.runs)-1]
}

// run is a run of events that differ only in their text, and perhaps in their padding.
type run struct {
	event upstream.Event // without text
	whole typewriter.Payload

	// padding is the tail before and after the padding; empty without padding.
	padding struct{ head, tail string }
}

// paddingKey begins the field of OpenAI that hides the length of the text.
const paddingKey = `"obfuscation":"`

// newRun returns the run of an event without text, given the payload of the whole event.
func newRun(e upstream.Event, whole typewriter.Payload) run {
	r := run{event: e, whole: whole}
	if i := strings.Index(whole.Tail, paddingKey); i >= 0 && e.Frame.Once == nil && whole.Twin == "" {
		begin := i + len(paddingKey)
		end := begin + strings.IndexByte(whole.Tail[begin:], '"')
		if isPadding(whole.Tail[begin:end]) {
			r.padding.head, r.padding.tail = whole.Tail[:begin], whole.Tail[end:]
		}
	}
	return r
}

// isPadding reports whether s has only letters and digits.
func isPadding(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// textOf returns the text of an event of the run, or "" for any other event.
func (r *run) textOf(data string) string {
	p := &r.whole
	if !strings.HasPrefix(data, p.Head) {
		return ""
	}
	if r.padding.head != "" {
		return r.paddedTextOf(data)
	}
	n := len(data) - len(p.Head) - len(p.Twin) - len(p.Tail)
	if p.Twin != "" {
		n /= 2
	}
	if n <= 0 || !strings.HasSuffix(data, p.Tail) {
		return ""
	}
	text := data[len(p.Head) : len(p.Head)+n]
	if p.Twin != "" {
		rest, ok := strings.CutPrefix(data[len(p.Head)+n:len(data)-len(p.Tail)], p.Twin)
		if !ok || rest != text {
			return ""
		}
	}
	if !gjson.Valid(data[len(p.Head)-1 : len(p.Head)+n+1]) {
		return "" // the text ends earlier, and the rest differs too
	}
	return text
}

// paddedTextOf is textOf for a run with padding. The run takes over the padding of the
// event.
func (r *run) paddedTextOf(data string) string {
	begin := len(r.whole.Head)
	end := begin + stringEnd(data[begin:])
	tail := data[end:]
	n := len(tail) - len(r.padding.tail)
	if end == begin || n < len(r.padding.head) || tail[:len(r.padding.head)] != r.padding.head || tail[n:] != r.padding.tail ||
		!isPadding(tail[len(r.padding.head):n]) || !gjson.Valid(data[begin-1:end+1]) {
		return ""
	}
	if tail != r.whole.Tail {
		frame := *r.event.Frame
		frame.Tail, r.whole.Tail = tail, tail
		r.event.Frame = &frame
	}
	return data[begin:end]
}

// stringEnd returns the length of the inside of a JSON string at the beginning of s, or 0.
func stringEnd(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return 0
}
