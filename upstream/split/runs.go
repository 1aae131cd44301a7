package split

import (
	"strconv"
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
	e, _, ok := r.DecodeNumbered(name, data)
	return e, ok
}

// DecodeNumbered is Decode for events with a number, which the frame must have too. The
// numbers of a run may be any.
func (r *Runs) DecodeNumbered(name, data string) (e upstream.Event, number int64, ok bool) {
	for i := range r.runs {
		if run := &r.runs[i]; run.event.Frame.Name == name {
			if text, number := run.textOf(data); text != "" {
				e := run.event
				e.Text = jsontext.SingleLine(text)
				return e, number, true
			}
		}
	}
	return upstream.Event{}, 0, false
}

// Begin begins the run of an event with text, given the payload of the whole event. The run
// replaces an earlier one of the same channel.
func (r *Runs) Begin(e upstream.Event, whole typewriter.Payload) {
	e.Text = "" // does not keep the event in memory
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

	padding padding
}

// newRun returns the run of an event without text, given the payload of the whole event.
func newRun(e upstream.Event, whole typewriter.Payload) run {
	r := run{event: e, whole: whole}
	if e.Frame.Once == nil && whole.Twin == "" {
		r.padding = findPadding(whole.Tail)
	}
	return r
}

// textOf returns the text of an event of the run, or "" for any other event, and the number
// of the event.
func (r *run) textOf(data string) (text string, number int64) {
	if r.whole.Number > 0 {
		return r.numberedTextOf(data)
	}
	if !strings.HasPrefix(data, r.whole.Head) {
		return "", 0
	}
	if r.padding.tail != "" {
		return r.paddedTextOf(data), 0
	}
	return r.plainTextOf(data), 0
}

// plainTextOf is textOf for a run without padding, for data that begins as the run does.
func (r *run) plainTextOf(data string) string {
	p := &r.whole
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
	end := begin + StringLen(data[begin:])
	tail := data[end:]
	if end == begin || !r.padding.matches(tail) || !gjson.Valid(data[begin-1:end+1]) {
		return ""
	}
	if tail != r.whole.Tail {
		r.event.Frame = r.padding.frame(r.event.Frame, tail)
		r.whole.Tail = r.event.Frame.Tail
	}
	return data[begin:end]
}

// numberedTextOf is textOf for a run with numbers.
func (r *run) numberedTextOf(data string) (text string, number int64) {
	head, tail := r.whole.Head, r.whole.Tail
	rest, end, ok := "", 0, false
	if at := r.whole.Number; at <= len(head) {
		rest, number, ok = cutNumbered(data, head, at)
		end = len(rest) - len(tail)
		ok = ok && end > 0 && rest[end:] == tail
	} else if rest, ok = strings.CutPrefix(data, head); ok {
		end = StringLen(rest)
		var behind string
		behind, number, ok = cutNumbered(rest[end:], tail, at-len(head))
		ok = ok && behind == "" && end > 0
	}
	begin := len(data) - len(rest)
	if !ok || !gjson.Valid(data[begin-1:begin+end+1]) {
		return "", 0
	}
	return rest[:end], number
}

// cutNumbered returns s without a prefix that has a number at an offset.
func cutNumbered(s, prefix string, at int) (rest string, number int64, ok bool) {
	if s, ok = strings.CutPrefix(s, prefix[:at]); !ok {
		return "", 0, false
	}
	n := NumberLen(s)
	number, err := strconv.ParseInt(s[:n], 10, 64)
	rest, ok = strings.CutPrefix(s[n:], prefix[at:])
	return rest, number, ok && err == nil
}

// NumberLen returns the length of a natural number in its usual spelling at the beginning
// of s, or 0.
func NumberLen(s string) (n int) {
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	if n > 1 && s[0] == '0' {
		return 0
	}
	return n
}

// StringLen returns the length of the inside of a JSON string at the beginning of s, or 0.
func StringLen(s string) int {
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
