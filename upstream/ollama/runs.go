package ollama

import (
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split"
)

// runs are the runs of a stream: lines that differ only in their text and time.
type runs []*run

// maxRuns bounds the remembered runs: a chat has a reasoning and an answer.
const maxRuns = 4

// run is a run of lines.
type run struct {
	event upstream.Event // the last one, without text

	// A line of the run consists of head, a time, middle, a text, and tail.
	head, middle, tail string
}

// decode decodes a line of a run without parsing the payload around the text. Nearly all
// lines belong to a run.
func (r runs) decode(data string) (upstream.Event, bool) {
	for _, run := range r {
		if e, ok := run.decode(data); ok {
			return e, true
		}
	}
	return upstream.Event{}, false
}

// begin begins the run of a text. createdAt is the member with the time of the line.
func (r *runs) begin(e upstream.Event, createdAt split.Member) {
	head, v := e.Frame.Head, createdAt.Value
	if v.Type != gjson.String || createdAt.End() > len(head) || !isPlain(v.Raw) {
		return
	}
	begun := &run{event: e, head: head[:v.Index+1], middle: head[createdAt.End()-1:], tail: e.Frame.Tail}
	begun.event.Text = ""
	for i, run := range *r {
		if run.event.Frame.Channel == e.Frame.Channel {
			(*r)[i] = begun
			return
		}
	}
	if len(*r) < maxRuns {
		*r = append(*r, begun)
	}
}

// decode decodes a line, and reports false for a line that is not of the run.
func (r *run) decode(data string) (upstream.Event, bool) {
	afterHead, ok := strings.CutPrefix(data, r.head)
	if !ok {
		return upstream.Event{}, false
	}
	begin := len(r.head) + strings.IndexByte(afterHead, '"')
	if begin < len(r.head) || !isPlain(data[len(r.head):begin]) {
		return upstream.Event{}, false
	}
	rest, ok := strings.CutPrefix(data[begin:], r.middle)
	if !ok || len(rest) <= len(r.tail) || !strings.HasSuffix(rest, r.tail) {
		return upstream.Event{}, false
	}
	begin += len(r.middle)
	end := len(data) - len(r.tail)
	if !gjson.Valid(data[begin-1 : end+1]) {
		return upstream.Event{}, false // the text ends earlier, and the rest differs too
	}
	if head := data[:begin]; head != r.event.Frame.Head {
		r.event.Frame = &typewriter.Frame{
			Name: r.event.Frame.Name, Head: head, Tail: r.tail, Channel: r.event.Frame.Channel, Kind: r.event.Frame.Kind,
		}
	}
	e := r.event
	e.Text = jsontext.SingleLine(data[begin:end])
	return e, true
}

// isPlain reports whether s consists of ASCII characters that need no escape in JSON.
func isPlain(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == '\\' {
			return false
		}
	}
	return true
}

// find returns the member with a key, or a member without a value.
func find(members []split.Member, key string) split.Member {
	for _, m := range members {
		if m.Key == key {
			return m
		}
	}
	return split.Member{}
}
