package gemini

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
	chunk      chunk
	runs       split.Runs
	id         string // of the response
	candidates split.Alternatives
}

// Decode implements [upstream.Decoder]. Payloads keep all their bytes, except for line
// breaks. The service sends no names.
func (d *decoder) Decode(name, data string) upstream.Event {
	if e, ok := d.runs.Decode(name, data); ok {
		return e
	}
	if !gjson.Valid(data) {
		return upstream.Pass(name, data, nil)
	}
	c := &d.chunk
	c.read(jsontext.SingleLine(data))
	m := d.meaning()
	if m.Kind != upstream.KindPiece || !c.isSplittable() {
		m.Texts, m.Ambiguous = c.wholeTexts(), c.ambiguous
		return upstream.Pass(name, c.data, m)
	}
	m.Kind = upstream.KindText
	text := c.texts[0].raw
	frame, whole := c.frame(name)
	e := upstream.Event{Event: typewriter.Event{Frame: frame, Text: text}, Meaning: m}
	d.runs.Begin(e, whole)
	return e
}

// meaning returns the meaning of the chunk, without texts. A chunk with text is of
// KindPiece.
func (d *decoder) meaning() *upstream.Meaning {
	c := &d.chunk
	m := &upstream.Meaning{Usage: readUsage(split.Find(c.members, "usageMetadata"), split.Find(c.members, "modelVersion"))}
	if id := split.Find(c.members, "responseId").Str; id != "" && id != d.id {
		d.id = strings.Clone(id) // a copy does not keep the chunk in memory
	}
	m.Message, m.Chat.ID = d.id, d.id
	for i := range c.candidates {
		candidate := c.candidates[i].Value
		reason := candidate.Get("finishReason").Str
		d.candidates.Add(candidate.Get("index").Uint(), reason != "" && reason != "FINISH_REASON_UNSPECIFIED")
	}
	if d.candidates.AreFinished() {
		m.Phase = upstream.MayClose
	}
	blocked := split.Find(c.members, "promptFeedback").Get("blockReason").Str
	switch failure := split.Find(c.members, "error"); {
	case failure.Exists():
		m.Kind, m.Phase, m.Failure = upstream.KindFailed, upstream.Ended, readFailure(failure, "the answer failed")
	case blocked != "" && len(c.candidates) == 0:
		m.Kind, m.Phase = upstream.KindFailed, upstream.MayClose
		m.Failure = upstream.ServiceError("the prompt was blocked: "+blocked, "")
	case len(c.texts) > 0:
		m.Kind = upstream.KindPiece
	case m.Phase == upstream.MayClose:
		m.Kind = upstream.KindCompleted
	case c.hasCall:
		m.Kind = upstream.KindOutput
	case len(c.candidates) > 0:
		m.Kind = upstream.KindWorking
	}
	return m
}

// readUsage returns the token count in a chunk, which grows from chunk to chunk.
func readUsage(v, model gjson.Result) *upstream.Usage {
	if !v.IsObject() {
		return nil
	}
	count := func(name string) int { return int(v.Get(name).Int()) }
	return &upstream.Usage{
		Input:  count("promptTokenCount") + count("toolUsePromptTokenCount"),
		Output: count("candidatesTokenCount") + count("thoughtsTokenCount"),
		Total:  count("totalTokenCount"),
		Model:  strings.Clone(model.Str),
	}
}
