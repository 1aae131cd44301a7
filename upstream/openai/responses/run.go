package responses

import (
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split"
)

// run is a run of deltas of a part which differ only in the text, the sequence number and the
// padding. Nearly all deltas belong to a run, and are decoded without parsing them again. The
// zero value is a run without deltas.
type run struct {
	frame   typewriter.Frame // without payload
	meaning *upstream.Meaning

	// fixed are the sections of the data around the fields that differ, in their order.
	fields []field
	fixed  []string
}

// field is a field that differs in the deltas of a run.
type field int

const (
	textField field = iota
	numberField
	paddingField
)

// begin begins the run of a delta that is sent without edits, given the places of its fields.
func (r *run) begin(e upstream.Event, data string, members []split.Member) {
	r.frame, r.meaning = *e.Frame, e.Meaning
	r.fields, r.fixed = r.fields[:0], r.fixed[:0]
	at := 0
	for _, m := range members {
		begin, end := m.Value.Index, m.End()
		switch {
		case m.Key == "delta":
			r.fields = append(r.fields, textField)
			begin, end = begin+1, end-1
		case m.Key == "sequence_number" && split.NumberLen(m.Value.Raw) == len(m.Value.Raw):
			r.fields = append(r.fields, numberField)
		case m.Key == "obfuscation" && m.Value.Type == gjson.String && paddingLen(m.Value.Str) == len(m.Value.Raw)-len(`""`):
			r.fields = append(r.fields, paddingField)
			begin, end = begin+1, end-1
		default:
			continue
		}
		r.fixed = append(r.fixed, data[at:begin])
		at = end
	}
	r.fixed = append(r.fixed, data[at:])
}

// decode returns the delta with a name and data if the delta continues the run.
func (r *run) decode(name, data string) (e upstream.Event, ok bool) {
	if len(r.fields) == 0 || name != r.frame.Name {
		return e, false
	}
	at, text := 0, split.Span{}
	for i, f := range r.fields {
		if !strings.HasPrefix(data[at:], r.fixed[i]) {
			return e, false
		}
		at += len(r.fixed[i])
		begin := at
		switch f {
		case textField:
			at += split.StringLen(data[at:])
			text = split.Span{Begin: begin, End: at}
		case numberField:
			at += split.NumberLen(data[at:])
		case paddingField:
			at += paddingLen(data[at:])
		}
		if at == begin && f != paddingField {
			return e, false
		}
	}
	if data[at:] != r.fixed[len(r.fields)] || !gjson.Valid(data[text.Begin-1:text.End+1]) {
		return e, false
	}
	frame := r.frame
	frame.Head, frame.Tail = data[:text.Begin], data[text.End:]
	e.Frame, e.Text, e.Meaning = &frame, jsontext.SingleLine(data[text.Begin:text.End]), r.meaning
	return e, true
}

// paddingLen returns the length of the letters and digits at the beginning of s.
func paddingLen(s string) int {
	isOther := func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	}
	if n := strings.IndexFunc(s, isOther); n >= 0 {
		return n
	}
	return len(s)
}
