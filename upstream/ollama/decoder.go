package ollama

import (
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split"
)

// decoder implements [upstream.Decoder].
type decoder struct {
	line  line
	model string // of the last line
	runs  runs
}

// Decode implements [upstream.Decoder].
func (d *decoder) Decode(name, data string) upstream.Event {
	if e, ok := d.runs.decode(data); ok {
		return e
	}
	if !gjson.Valid(data) {
		return upstream.Pass(name, data, nil)
	}
	l := &d.line
	l.read(jsontext.SingleLine(data))
	meaning := d.meaning()
	if meaning.Kind != upstream.KindPiece {
		return upstream.Pass(name, l.data, meaning)
	}
	if l.isSplittable() {
		return d.decodeText(name, meaning)
	}
	meaning.Texts, meaning.Ambiguous = l.wholeTexts(), l.ambiguous
	return upstream.Pass(name, l.data, meaning)
}

// decodeText decodes a splittable line.
func (d *decoder) decodeText(name string, meaning *upstream.Meaning) upstream.Event {
	t := d.line.texts[0]
	frame := d.line.frame(name)
	meaning.Kind = upstream.KindText
	e := upstream.Event{Event: typewriter.Event{Frame: frame, Text: t.raw}, Meaning: meaning}
	if frame.Once == nil {
		d.runs.begin(e, find(d.line.members, "created_at"))
	}
	return e
}

// meaning returns the meaning of the line, without texts. A line with text is of KindPiece.
func (d *decoder) meaning() *upstream.Meaning {
	l := &d.line
	if model := split.Find(l.members, "model").Str; model != d.model {
		d.model = strings.Clone(model) // a copy does not keep the line in memory
	}
	m := &upstream.Meaning{}
	if split.Find(l.members, "done").Bool() {
		m.Kind, m.Phase, m.Usage = upstream.KindCompleted, upstream.Done, d.usage()
	}
	switch e := split.Find(l.members, "error"); {
	case !split.IsEmpty(e):
		m.Kind, m.Phase = upstream.KindFailed, upstream.Ended
		m.Failure = newError(e, split.Find(l.members, "code").Str, "the answer failed")
	case len(l.texts) > 0:
		m.Kind = upstream.KindPiece
	case m.Phase == upstream.Done:
	case !split.IsEmpty(split.Find(l.message, "tool_calls")), !split.IsEmpty(split.Find(l.message, "images")):
		m.Kind = upstream.KindOutput
	case len(l.members) > 0:
		m.Kind = upstream.KindWorking
	}
	return m
}

// usage returns the count of tokens in the line, or nil.
func (d *decoder) usage() *upstream.Usage {
	in, out := split.Find(d.line.members, "prompt_eval_count"), split.Find(d.line.members, "eval_count")
	if !in.Exists() && !out.Exists() {
		return nil
	}
	return &upstream.Usage{Input: int(in.Int()), Output: int(out.Int()), Total: int(in.Int() + out.Int()), Model: d.model}
}
