package aisdk

import (
	"cmp"
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split"
)

// decoder implements [upstream.Decoder].
type decoder struct {
	runs    split.Runs
	cutter  split.Cutter
	members []split.Member
	id      string // of the message
}

// Decode implements [upstream.Decoder].
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

// done is the meaning of the final event.
var done = &upstream.Meaning{Kind: upstream.KindDone, Phase: upstream.Done}

// textKinds are the kinds of the typed texts by the types of their events.
var textKinds = map[string]typewriter.TextKind{"text-delta": typewriter.Answer, "reasoning-delta": typewriter.Reasoning}

// decodeDelta decodes a delta of a text part. The last piece has the providerMetadata of the
// delta, because clients replace the metadata of the part.
func (d *decoder) decodeDelta(name, data string, kind typewriter.TextKind) (upstream.Event, bool) {
	value := split.Find(d.members, "delta")
	text := split.RawString(value)
	if text == "" || split.MayRepeat(d.members) {
		return upstream.Event{}, false
	}
	d.cutter.Reset(data, split.TextOf(value))
	d.cutter.Edit(d.members, scopeOf)
	frame, whole := d.cutter.Frame(typewriter.Frame{
		Name: name, Channel: split.Find(d.members, "type").Str + " " + split.Find(d.members, "id").Raw, Kind: kind,
	})
	e := upstream.Event{
		Event:   typewriter.Event{Frame: frame, Text: text},
		Meaning: &upstream.Meaning{Kind: upstream.KindText, Message: d.id},
	}
	d.runs.Begin(e, whole)
	return e, true
}

// scopeOf returns the scope of a field of a delta.
func scopeOf(m split.Member) split.Scope {
	if m.Value.Type == gjson.JSON && !split.IsEmpty(m.Value) {
		return split.OnlyLast
	}
	return split.EveryPiece
}

// meaning returns the meaning of an event of a type without typed text.
func (d *decoder) meaning(eventType string) *upstream.Meaning {
	m := &upstream.Meaning{}
	switch eventType {
	case "start":
		d.id = strings.Clone(split.Find(d.members, "messageId").Str) // a copy does not keep the event in memory
		m.Kind = upstream.KindCreated
	case "start-step":
		m.Kind = upstream.KindWorking
	case "finish":
		m.Kind, m.Phase = upstream.KindCompleted, upstream.MayClose
	case "abort":
		m.Phase = upstream.MayClose
	case "error": // the app ends the message after it
		m.Kind, m.Phase = upstream.KindFailed, upstream.MayClose
		m.Failure = upstream.ServiceError(cmp.Or(split.Find(d.members, "errorText").String(), "the answer failed"), "")
	case "text-delta", "reasoning-delta":
		m.Kind = upstream.KindWorking
	case "file":
		m.Kind = upstream.KindOutput
	default:
		if strings.HasPrefix(eventType, "tool-input-") {
			m.Kind = upstream.KindOutput
		}
	}
	m.Message = d.id
	return m
}
