package anthropic

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
	runs    split.Runs
	cutter  split.Cutter
	id      string // of the message
	model   string
	input   int // tokens of the request
	members []split.Member
	delta   []split.Member // members of the delta
}

// Decode implements [upstream.Decoder]. Payloads keep all their bytes, except for line
// breaks.
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
	if name != "" && name != eventType { // SDKs decide by the name
		return upstream.Pass(name, data, nil)
	}
	if eventType == eventBlockDelta {
		if e, ok := d.decodeDelta(name, data); ok {
			return e
		}
	}
	return upstream.Pass(name, data, d.meaning(eventType))
}

// textField is the field of a kind of text.
type textField struct {
	key  string
	kind typewriter.TextKind
}

// textFields are the fields of deltas by the types of the deltas. Deltas of other types are
// no text for readers: the input of a tool, a signature, a citation, a compaction.
var textFields = map[string]textField{
	"text_delta":     {"text", typewriter.Answer},
	"thinking_delta": {"thinking", typewriter.Reasoning},
}

// decodeDelta decodes a delta with text. The service has no fields beside the type, the
// index and the text; any others are in the last piece.
func (d *decoder) decodeDelta(name, data string) (upstream.Event, bool) {
	d.delta = split.AppendMembers(d.delta[:0], split.Find(d.members, "delta"))
	field, ok := textFields[split.Find(d.delta, "type").Str]
	value := split.Find(d.delta, field.key)
	text := split.RawString(value)
	if !ok || text == "" || split.MayRepeat(d.members) || split.MayRepeat(d.delta) {
		return upstream.Event{}, false
	}
	d.cutter.Reset(data, split.TextOf(value))
	d.cutter.Edit(d.members, scopeOf)
	d.cutter.Edit(d.delta, scopeOf)
	frame, whole := d.cutter.Frame(typewriter.Frame{
		Name: name, Channel: field.key + " " + split.Find(d.members, "index").Raw, Kind: field.kind,
	})
	e := upstream.Event{
		Event:   typewriter.Event{Frame: frame, Text: text},
		Meaning: &upstream.Meaning{Kind: upstream.KindText, Message: d.id, Chat: d.chat()},
	}
	d.runs.Begin(e, whole)
	return e, true
}

// scopeOf returns the scope of a field of an event, or of a delta.
func scopeOf(m split.Member) split.Scope {
	if m.Key == "type" || m.Key == "index" || split.IsEmpty(m.Value) {
		return split.EveryPiece
	}
	return split.OnlyLast
}

func (d *decoder) chat() upstream.Chat { return upstream.Chat{ID: d.id} }

// done is the meaning of the final event. Gateways may send other events after it.
var done = &upstream.Meaning{Kind: upstream.KindDone, Phase: upstream.Ended}

// meaning returns the meaning of an event of a type without typed text.
func (d *decoder) meaning(eventType string) *upstream.Meaning {
	m := &upstream.Meaning{}
	switch eventType {
	case eventMessageStart:
		message := split.Find(d.members, "message")
		d.id = strings.Clone(message.Get("id").String()) // a copy does not keep the event in memory
		d.input, d.model = inputTokens(message.Get("usage")), strings.Clone(message.Get("model").Str)
		m.Kind = upstream.KindCreated
		if d.input > 0 { // the output of this event is not that of the answer
			m.Usage = &upstream.Usage{Input: d.input, Model: d.model}
		}
	case eventBlockStart:
		m.Kind = upstream.KindWorking
		block := split.Find(d.members, "content_block")
		if m.Texts = d.blockTexts(block); m.Texts != nil {
			m.Kind = upstream.KindPiece
		} else if kind := block.Get("type").Str; kind != "text" && kind != "thinking" { // a tool call, for example
			m.Kind = upstream.KindOutput
		}
	case eventMessageDelta:
		m.Kind, m.Usage = upstream.KindWorking, d.usage()
		if split.Find(d.members, "delta").Get("stop_reason").Str != "" {
			m.Kind, m.Phase = upstream.KindCompleted, upstream.MayClose
		}
	case eventMessageStop:
		return done
	case eventError:
		m.Kind, m.Failure, m.Phase = upstream.KindFailed, readFailure(d.members, "the answer failed"), upstream.Ended
	}
	m.Message, m.Chat = d.id, d.chat()
	return m
}

// blockTexts returns the text in the start of a block. The service has been seen to start
// all blocks with an empty text.
func (d *decoder) blockTexts(block gjson.Result) []upstream.Text {
	for _, field := range textFields {
		text := split.RawString(block.Get(field.key))
		if block.Get("type").Str == field.key && text != "" {
			index := split.Find(d.members, "index").Raw
			return []upstream.Text{{Kind: field.kind, Channel: field.key + " " + index, Text: strings.Clone(text)}}
		}
	}
	return nil
}

// usage returns the token count in an event, or nil. The input may be in the first event of
// the message only.
func (d *decoder) usage() *upstream.Usage {
	v := split.Find(d.members, "usage")
	if !v.IsObject() {
		return nil
	}
	input, output := max(inputTokens(v), d.input), int(v.Get("output_tokens").Int())
	return &upstream.Usage{Input: input, Output: output, Total: input + output, Model: d.model}
}

// inputTokens returns the tokens of a request, including those in the cache.
func inputTokens(usage gjson.Result) int {
	return int(usage.Get("input_tokens").Int() + usage.Get("cache_creation_input_tokens").Int() + usage.Get("cache_read_input_tokens").Int())
}
