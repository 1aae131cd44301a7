package house

import (
	"cmp"
	"crypto/rand"
	"strconv"
	"strings"
	"time"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// fields are the JSON fields of a message's texts.
var fields = [...]string{"content", "reasoning_content"}

// The indexes of fields.
const (
	content = iota
	reasoning
)

// kinds are the kinds of text in the fields.
var kinds = [...]typewriter.TextKind{content: typewriter.Answer, reasoning: typewriter.Reasoning}

// fieldOf returns the index of a text's field. A refusal is an answer.
func fieldOf(kind typewriter.TextKind) int {
	if kind == typewriter.Reasoning {
		return reasoning
	}
	return content
}

// translator translates the events of a stream into those of a single message. It reads the
// meaning of events only.
type translator struct {
	created string // time in milliseconds
	id      string // of the message, as JSON; empty before the first text
	chat    upstream.Chat
	usage   *upstream.Usage
	isOver  bool // the last event has been translated

	runs  [len(fields)]upstream.Event // without texts; their frames are shared by all deltas
	texts [len(fields)][]byte         // so far, as the insides of JSON strings
	typed map[string]bool             // channels of the service with text

	out []upstream.Event // of the last event; reused
}

func newTranslator() *translator {
	return &translator{created: strconv.FormatInt(time.Now().UnixMilli(), 10), typed: map[string]bool{}}
}

// add returns the translation of the next event, valid until the next call.
func (t *translator) add(e upstream.Event) []upstream.Event {
	t.out = t.out[:0]
	if t.isOver {
		return nil
	}
	m := e.Meaning
	if !t.chat.IsKnown() {
		t.chat = m.Chat
	}
	if m.Usage != nil {
		usage := *m.Usage
		if t.usage != nil {
			usage = t.usage.Merge(usage)
		}
		t.usage = &usage
	}
	switch m.Kind {
	case upstream.KindText:
		t.addText(m, upstream.Text{Kind: e.Frame.Kind, Channel: e.Frame.Channel, Text: e.Text})
	case upstream.KindPiece:
		for _, text := range m.Texts {
			t.addText(m, text)
		}
	case upstream.KindMessageDone: // texts that did not come in pieces
		for _, text := range m.Texts {
			if text.Text != "" && !t.typed[text.Channel] {
				t.addText(m, text)
			}
		}
	case upstream.KindReplaced:
		t.replace(m)
	case upstream.KindFailed, upstream.KindNeedsTool:
		t.isOver = true
		t.out = append(t.out, errorEvent(m.Failure))
	case upstream.KindDone:
		return t.end()
	}
	return t.out
}

// addText adds a delta with a text.
func (t *translator) addText(m *upstream.Meaning, text upstream.Text) {
	t.typed[text.Channel] = true
	t.name(m.Message)
	field := fieldOf(text.Kind)
	run := &t.runs[field]
	if run.Frame == nil {
		*run = t.newRun(field)
	}
	e := *run
	e.Text = text.Text
	t.texts[field] = append(t.texts[field], text.Text...)
	t.out = append(t.out, e)
}

// replace replaces the answer. Deltas cannot take text back, so only the complete message has
// the replacement, unless the answer has not begun.
func (t *translator) replace(m *upstream.Meaning) {
	if len(t.texts[content]) == 0 {
		for _, text := range m.Texts {
			t.addText(m, text)
		}
		return
	}
	t.texts[content] = t.texts[content][:0]
	for _, text := range m.Texts {
		t.texts[content] = append(t.texts[content], text.Text...)
	}
}

// name determines the id of the message, if possible as the service's.
func (t *translator) name(id string) {
	if t.id == "" {
		t.id = string(jsonx.Marshal(cmp.Or(id, "msg_"+strings.ToLower(rand.Text()))))
	}
}

// head returns the payload of an event up to the texts.
func (t *translator) head() string { return `{"id":` + t.id + `,"role":"assistant","type":"answer"` }

// newRun returns the common part of the deltas with a field.
func (t *translator) newRun(field int) upstream.Event {
	return upstream.Event{
		Event: typewriter.Event{Frame: &typewriter.Frame{
			Name:    eventDelta,
			Head:    t.head() + `,"` + fields[field] + `":"`,
			Tail:    `","created_at":` + t.created + `}`,
			Channel: fields[field],
			Kind:    kinds[field],
		}},
		Meaning: &upstream.Meaning{Kind: upstream.KindText, Chat: t.chat, Usage: t.usage},
	}
}

// end returns the last events, unless they have been returned.
func (t *translator) end() []upstream.Event {
	if t.isOver {
		return nil
	}
	t.isOver = true
	t.name("")
	meaning := &upstream.Meaning{Kind: upstream.KindCompleted, Chat: t.chat, Usage: t.usage}
	return []upstream.Event{upstream.Pass(eventCompleted, t.message(), meaning), done}
}

// message returns the complete message as JSON.
func (t *translator) message() string {
	var b strings.Builder
	b.WriteString(t.head() + `,"content":"`)
	b.Write(t.texts[content])
	b.WriteByte('"')
	if len(t.texts[reasoning]) > 0 {
		b.WriteString(`,"reasoning_content":"`)
		b.Write(t.texts[reasoning])
		b.WriteByte('"')
	}
	b.WriteString(`,"created_at":` + t.created)
	if t.usage != nil {
		b.WriteString(`,"usage":`)
		b.Write(jsonx.Marshal(usage{t.usage.Total, t.usage.Output, t.usage.Input}))
	}
	b.WriteByte('}')
	return b.String()
}

// usage is a count of tokens in an event.
type usage struct {
	Total  int `json:"token_count"`
	Output int `json:"output_count"`
	Input  int `json:"input_count"`
}
