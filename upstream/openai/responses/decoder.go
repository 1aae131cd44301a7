package responses

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
	members []split.Member // of the event; reused
	cutter  split.Cutter
	chatID  string
	parts   map[string]*part // the last part of each type of delta
	run     run              // of the last delta
}

func newDecoder() upstream.Decoder { return &decoder{parts: map[string]*part{}} }

// done is the meaning of the final event of some gateways.
var done = &upstream.Meaning{Kind: upstream.KindDone, Phase: upstream.Done}

// Decode implements [upstream.Decoder]. Payloads keep all bytes except for a few that make
// official SDKs fail.
func (d *decoder) Decode(name, data string) upstream.Event {
	if e, ok := d.run.decode(name, data); ok {
		return e
	}
	if strings.TrimSpace(data) == doneData {
		return upstream.Pass(name, data, done)
	}
	if !gjson.Valid(data) {
		return upstream.Pass(name, data, nil)
	}
	data = jsontext.SingleLine(data)
	event := gjson.Parse(data)
	d.members = split.AppendMembers(d.members[:0], event)
	eventType := cmp.Or(d.field("type").Str, name)
	if kind, ok := deltas[eventType]; ok {
		return d.decodeDelta(name, data, eventType, kind)
	}
	return upstream.Pass(name, data, d.meaning(eventType, event))
}

// field returns a field of the event.
func (d *decoder) field(name string) gjson.Result { return split.Find(d.members, name) }

// deltas are the types of events with a piece of text, and the kinds of their texts.
// Gateways use the older name response.reasoning.delta.
var deltas = map[string]typewriter.TextKind{
	"response.output_text.delta":            typewriter.Answer,
	"response.refusal.delta":                typewriter.Refusal,
	"response.reasoning_text.delta":         typewriter.Reasoning,
	"response.reasoning.delta":              typewriter.Reasoning,
	"response.reasoning_summary_text.delta": typewriter.Reasoning,
}

// part is a part of an item of the response: a text that arrives in deltas.
type part struct {
	item, output, index string // as in the events
	channel             string
	meaning             *upstream.Meaning // of a delta
}

// decodeDelta decodes a piece of text. An event without text, or with a repeated field, is
// not split.
func (d *decoder) decodeDelta(name, data, eventType string, kind typewriter.TextKind) upstream.Event {
	delta := d.field("delta")
	text := split.RawString(delta)
	if text == "" {
		return upstream.Pass(name, data, nil)
	}
	p := d.part(eventType)
	if split.MayRepeat(d.members) {
		return upstream.Pass(name, data, &upstream.Meaning{
			Kind: upstream.KindPiece, Message: p.item, Ambiguous: true,
			Texts: []upstream.Text{{Kind: kind, Channel: p.channel, Text: text}},
		})
	}
	d.cutter.Reset(data, split.TextOf(delta))
	d.cutter.Edit(d.members, scopeOf)
	frame, _ := d.cutter.Frame(typewriter.Frame{Name: name, Channel: p.channel, Kind: kind})
	e := upstream.Event{Event: typewriter.Event{Frame: frame, Text: text}, Meaning: p.meaning}
	if frame.Once == nil {
		d.run.begin(e, data, d.members)
	}
	return e
}

// scopeOf returns the scope of a field of a delta. SDKs append the probabilities of tokens;
// ids, indexes and numbers are the same in each piece, and so is the sequence number, by
// which a client continues a stored response.
func scopeOf(m split.Member) split.Scope {
	switch {
	case split.IsEmpty(m.Value) || m.Value.Type != gjson.JSON:
		return split.EveryPiece
	case m.Key == "logprobs":
		return split.EmptyUntilLast
	default:
		return split.OnlyLast
	}
}

// part returns the part of the response that the event continues.
func (d *decoder) part(eventType string) *part {
	item, output, index := d.place()
	if p := d.parts[eventType]; p != nil && p.item == item && p.output == output && p.index == index {
		return p
	}
	p := &part{item: strings.Clone(item), output: strings.Clone(output), index: strings.Clone(index)} // copies do not keep the event in memory
	partType := strings.TrimSuffix(strings.TrimPrefix(eventType, "response."), ".delta")
	p.channel = channelOf(partType, item, output, index)
	p.meaning = &upstream.Meaning{Kind: upstream.KindText, Message: p.item}
	d.parts[eventType] = p
	return p
}

// place returns the place of the event's part in the response: the id and the index of the
// item, and the index of the part in the item.
func (d *decoder) place() (item, output, index string) {
	return d.field("item_id").Str, d.field("output_index").Raw, cmp.Or(d.field("content_index").Raw, d.field("summary_index").Raw)
}

// channelOf returns the channel of a part with a type.
func channelOf(partType, item, output, index string) string {
	return strings.Join([]string{partType, item, output, index}, " ")
}
