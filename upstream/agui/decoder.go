package agui

import (
	"cmp"
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split"
)

// Types of events.
const (
	eventRunStarted  = "RUN_STARTED"
	eventRunFinished = "RUN_FINISHED"
	eventRunError    = "RUN_ERROR"
)

// textKinds are the kinds of the typed texts by the types of their events. The last one is
// that of earlier versions.
var textKinds = map[string]typewriter.TextKind{
	"TEXT_MESSAGE_CONTENT":          typewriter.Answer,
	"TEXT_MESSAGE_CHUNK":            typewriter.Answer,
	"REASONING_MESSAGE_CONTENT":     typewriter.Reasoning,
	"REASONING_MESSAGE_CHUNK":       typewriter.Reasoning,
	"THINKING_TEXT_MESSAGE_CONTENT": typewriter.Reasoning,
}

// decoder implements [upstream.Decoder].
type decoder struct {
	runs    split.Runs
	cutter  split.Cutter
	members []split.Member
	chat    upstream.Chat
}

// Decode implements [upstream.Decoder].
func (d *decoder) Decode(name, data string) upstream.Event {
	if e, ok := d.runs.Decode(name, data); ok {
		return e
	}
	if !gjson.Valid(data) {
		return upstream.Pass(name, data, nil)
	}
	data = jsontext.SingleLine(data)
	d.members = split.AppendMembers(d.members[:0], gjson.Parse(data))
	eventType := split.Find(d.members, "type").Str
	if kind, ok := textKinds[eventType]; ok {
		if e, ok := d.decodeDelta(name, data, kind); ok {
			return e
		}
	}
	return upstream.Pass(name, data, d.meaning(eventType))
}

// decodeDelta decodes a delta of a message.
func (d *decoder) decodeDelta(name, data string, kind typewriter.TextKind) (upstream.Event, bool) {
	value := split.Find(d.members, "delta")
	text := split.RawString(value)
	if text == "" || split.MayRepeat(d.members) {
		return upstream.Event{}, false
	}
	d.cutter.Reset(data, split.TextOf(value))
	d.cutter.Edit(d.members, scopeOf)
	id := split.Find(d.members, "messageId")
	frame, whole := d.cutter.Frame(typewriter.Frame{
		Name: name, Channel: split.Find(d.members, "type").Str + " " + id.Raw, Kind: kind,
	})
	e := upstream.Event{
		Event:   typewriter.Event{Frame: frame, Text: text},
		Meaning: &upstream.Meaning{Kind: upstream.KindText, Chat: d.chat, Message: strings.Clone(id.Str)},
	}
	d.runs.Begin(e, whole)
	return e, true
}

// scopeOf returns the scope of a field of a delta. A chunk with a role or a name begins a
// message; the event of another framework (rawEvent) is there once.
func scopeOf(m split.Member) split.Scope {
	switch {
	case split.IsEmpty(m.Value):
		return split.EveryPiece
	case m.Key == "role", m.Key == "name":
		return split.OnlyFirst
	case m.Value.Type == gjson.JSON:
		return split.OnlyLast
	default:
		return split.EveryPiece
	}
}

// meaning returns the meaning of an event of a type without typed text.
func (d *decoder) meaning(eventType string) *upstream.Meaning {
	m := &upstream.Meaning{}
	switch eventType {
	case eventRunStarted:
		d.chat = upstream.Chat{
			ID:           strings.Clone(split.Find(d.members, "runId").Str), // a copy does not keep the event in memory
			Conversation: strings.Clone(split.Find(d.members, "threadId").Str),
		}
		m.Kind = upstream.KindCreated
	case eventRunFinished: // another run may follow
		m.Kind, m.Phase = upstream.KindCompleted, upstream.MayClose
	case eventRunError:
		m.Kind, m.Phase = upstream.KindFailed, upstream.Ended
		m.Failure = upstream.ServiceError(cmp.Or(split.Find(d.members, "message").String(), "the run failed"), split.Find(d.members, "code").String())
	default:
		switch {
		case strings.HasPrefix(eventType, "TOOL_CALL_"):
			m.Kind = upstream.KindOutput
		case strings.HasPrefix(eventType, "STEP_"), strings.HasSuffix(eventType, "_START"):
			m.Kind = upstream.KindWorking
		}
	}
	m.Chat = d.chat
	return m
}
