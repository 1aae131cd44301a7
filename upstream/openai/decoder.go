package openai

import (
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// decoder implements [upstream.Decoder].
type decoder struct {
	chunk   chunk
	id      string // of the last chunk
	runs    []run  // of different channels
	choices choices
}

// maxRuns bounds the remembered runs. Most chats have two: a reasoning and an answer.
const maxRuns = 8

// Decode implements [upstream.Decoder]. Payloads keep all bytes except for a few that make
// official SDKs fail.
func (d *decoder) Decode(name, data string) upstream.Event {
	if e, ok := d.decodeRepeat(name, data); ok {
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

// decodeRepeat decodes an event of a run without parsing the payload around the text.
// Nearly all events belong to a run.
func (d *decoder) decodeRepeat(name, data string) (upstream.Event, bool) {
	for i := range d.runs {
		if r := &d.runs[i]; r.event.Frame.Name == name {
			if text := r.textOf(data); text != "" {
				e := r.event
				e.Text = jsontext.SingleLine(text)
				return e, true
			}
		}
	}
	return upstream.Event{}, false
}

// decodeText decodes a splittable chunk.
func (d *decoder) decodeText(name string, meaning *upstream.Meaning) upstream.Event {
	c := &d.chunk
	text := c.texts[0].raw
	frame := c.frame(name)
	r := d.run(frame.Channel)
	meaning.Kind = upstream.KindText
	*r = newRun(upstream.Event{Event: typewriter.Event{Frame: frame}, Meaning: meaning}, c.payload(firstPiece|lastPiece))
	e := r.event
	e.Text = text
	return e
}

// run returns the remembered run of a channel, or a free place.
func (d *decoder) run(channel string) *run {
	for i := range d.runs {
		if d.runs[i].event.Frame.Channel == channel {
			return &d.runs[i]
		}
	}
	if len(d.runs) == maxRuns {
		d.runs = append(d.runs[:0], d.runs[1:]...)
	}
	d.runs = append(d.runs, run{})
	return &d.runs[len(d.runs)-1]
}

// meaning returns the meaning of the chunk, without texts. A chunk with text is of
// KindPiece.
func (d *decoder) meaning(name string) *upstream.Meaning {
	c := &d.chunk
	m := &upstream.Meaning{Usage: readUsage(find(c.members, "usage"))}
	if id := find(c.members, "id").Str; id != d.id {
		d.id = strings.Clone(id) // a copy does not keep the chunk in memory
	}
	m.Message, m.Chat.ID = d.id, d.id
	for i := range c.choices {
		d.choices.add(c.choices[i].value)
	}
	if d.choices.areFinished() || len(c.choices) == 0 && m.Usage != nil {
		m.Phase = upstream.MayClose
	}
	switch failure := readFailure(c.members, "the answer failed", name == "error"); {
	case failure != nil:
		m.Kind, m.Failure, m.Phase = upstream.KindFailed, failure, upstream.Ended
	case len(c.texts) > 0:
		m.Kind = upstream.KindPiece
	case m.Phase == upstream.MayClose:
		m.Kind = upstream.KindCompleted
	case len(c.choices) > 0:
		m.Kind = upstream.KindWorking
	}
	return m
}

func readUsage(v gjson.Result) *upstream.Usage {
	if !v.IsObject() {
		return nil
	}
	count := func(name string) int { return int(v.Get(name).Int()) }
	return &upstream.Usage{Input: count("prompt_tokens"), Output: count("completion_tokens"), Total: count("total_tokens")}
}

// choices tracks which choices of a stream are finished.
type choices struct{ begun, finished uint64 } // bits by index

// maxChoices is the number of choices that are tracked; OpenAI allows 128. Any further
// choices share the last place.
const maxChoices = 64

// add adds a choice of a chunk.
func (s *choices) add(choice gjson.Result) {
	bit := uint64(1) << min(choice.Get("index").Uint(), maxChoices-1)
	s.begun |= bit
	if reason := choice.Get("finish_reason").String(); reason != "" && reason != "null" {
		s.finished |= bit
	}
}

func (s *choices) areFinished() bool { return s.begun != 0 && s.begun == s.finished }
