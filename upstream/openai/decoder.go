package openai

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
	chunk   chunk
	id      string // of the last chunk
	runs    split.Runs
	choices split.Alternatives
}

// Decode implements [upstream.Decoder]. Payloads keep all bytes except for a few that make
// official SDKs fail.
func (d *decoder) Decode(name, data string) upstream.Event {
	if e, ok := d.runs.Decode(name, data); ok {
		return e
	}
	if strings.TrimSpace(data) == doneData {
		return upstream.Pass(name, data, done)
	}
	if !gjson.Valid(data) {
		return upstream.Pass(name, data, nil)
	}
	c := &d.chunk
	c.read(jsontext.SingleLine(data))
	meaning := d.meaning(name)
	if meaning.Kind == upstream.KindPiece && c.isSplittable() {
		return d.decodeText(name, meaning)
	}
	meaning.Texts, meaning.Ambiguous = c.wholeTexts(), c.ambiguous
	return upstream.Pass(name, c.data, meaning)
}

// done is the meaning of the final event. FastGPT sends other events after it.
var done = &upstream.Meaning{Kind: upstream.KindDone, Phase: upstream.Ended}

// decodeText decodes a splittable chunk.
func (d *decoder) decodeText(name string, meaning *upstream.Meaning) upstream.Event {
	c := &d.chunk
	text := c.texts[0].raw
	frame, whole := c.frame(name)
	meaning.Kind = upstream.KindText
	e := upstream.Event{Event: typewriter.Event{Frame: frame, Text: text}, Meaning: meaning}
	d.runs.Begin(e, whole)
	return e
}

// meaning returns the meaning of the chunk, without texts. A chunk with text is of
// KindPiece.
func (d *decoder) meaning(name string) *upstream.Meaning {
	c := &d.chunk
	m := &upstream.Meaning{Usage: readUsage(split.Find(c.members, "usage"), split.Find(c.members, "model"))}
	if id := split.Find(c.members, "id").Str; id != d.id {
		d.id = strings.Clone(id) // a copy does not keep the chunk in memory
	}
	m.Message, m.Chat.ID = d.id, d.id
	for i := range c.choices {
		choice := c.choices[i].Value
		reason := choice.Get("finish_reason").String()
		d.choices.Add(choice.Get("index").Uint(), reason != "" && reason != "null")
	}
	if d.choices.AreFinished() || len(c.choices) == 0 && m.Usage != nil {
		m.Phase = upstream.MayClose
	}
	switch failure := ReadFailure(c.members, "the answer failed", name == "error"); {
	case failure != nil:
		m.Kind, m.Failure, m.Phase = upstream.KindFailed, failure, upstream.Ended
	case len(c.texts) > 0:
		m.Kind = upstream.KindPiece
	case m.Phase == upstream.MayClose:
		m.Kind = upstream.KindCompleted
	case c.hasCall:
		m.Kind = upstream.KindOutput
	case len(c.choices) > 0:
		m.Kind = upstream.KindWorking
	}
	return m
}

func readUsage(v, model gjson.Result) *upstream.Usage {
	if !v.IsObject() {
		return nil
	}
	count := func(name string) int { return int(v.Get(name).Int()) }
	return &upstream.Usage{
		Input: count("prompt_tokens"), Output: count("completion_tokens"), Total: count("total_tokens"),
		Model: strings.Clone(model.Str),
	}
}
