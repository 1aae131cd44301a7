package coze

import (
	"crypto/rand"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// decoder implements [upstream.Decoder].
type decoder struct {
	keepStudioDone bool

	named  bool                       // an event has named the chat
	suffix string                     // of the ids of the stream's bare objects
	last   [textFields]upstream.Event // the last delta of each field, whose frame is shared
}

// Decode implements [upstream.Decoder]. Payloads keep all their bytes, except for the few
// bytes that make official SDKs fail.
func (d *decoder) Decode(name, data string) upstream.Event {
	if e, ok := d.decodeRepeat(name, data); ok {
		return e
	}
	isJSON := gjson.Valid(data)
	if isJSON {
		data = jsontext.SingleLine(data)
		if name == eventDelta {
			if e, ok := d.decodeDelta(name, data); ok {
				return e
			}
		}
	}
	switch {
	case name == eventStudioDone && !d.keepStudioDone:
		return upstream.Pass(eventDone, doneData, done)
	case name == eventDone, name == eventStudioDone, data == doneData, data == "[DONE]":
		return upstream.Pass(name, data, done)
	}
	meaning := d.meaning(name, data, isJSON)
	if strings.HasSuffix(name, ".completed") && strings.TrimSpace(data) == "{}" {
		data = `{"status":"completed"}`
	}
	return upstream.Pass(name, data, meaning)
}

var done = &upstream.Meaning{Kind: upstream.KindDone, Phase: upstream.Done}

// decodeDelta decodes a delta with text to split: text of an answer or of a reasoning, in a
// single field, and not a card or a tool call.
func (d *decoder) decodeDelta(name, data string) (upstream.Event, bool) {
	f := readFields(data)
	content, reasoning := rawString(f.texts[typewriter.Answer]) != "", rawString(f.texts[typewriter.Reasoning]) != ""
	if content == reasoning || f.ambiguous {
		return upstream.Event{}, false
	}
	kind := typewriter.Answer
	if reasoning {
		kind = typewriter.Reasoning
	} else if !f.isAnswer() || !f.isPlain() {
		return upstream.Event{}, false
	}
	field := f.texts[kind]
	begin, end := field.Index+1, field.Index+len(field.Raw)-1
	head, tail := data[:begin], data[end:]
	last := &d.last[kind]
	if frame := last.Frame; frame == nil || frame.Number > 0 || frame.Name != name || frame.Head != head || frame.Tail != tail {
		last.Frame = &typewriter.Frame{
			Name: name, Head: strings.Clone(head), Tail: strings.Clone(tail), Channel: f.channel(kind), Kind: kind,
		}
		message, chat := f.ids(name)
		d.named = d.named || chat.IsKnown()
		last.Meaning = &upstream.Meaning{Kind: upstream.KindText, Chat: chat, Message: message}
		if !f.id.Exists() {
			d.fillDefaults(last.Frame, f)
		}
	}
	e := *last
	e.Text = data[begin:end]
	return e, true
}

// decodeRepeat decodes a delta like nearly all deltas: equal to an earlier delta except for
// the text. Nothing but the text is parsed.
func (d *decoder) decodeRepeat(name, data string) (upstream.Event, bool) {
	for i := range d.last {
		f := d.last[i].Frame
		if f == nil || f.Name != name || len(data) <= len(f.Head)+len(f.Tail) ||
			!strings.HasPrefix(data, f.Head) || !strings.HasSuffix(data, f.Tail) {
			continue
		}
		quoted := data[len(f.Head)-1 : len(data)-len(f.Tail)+1]
		if gjson.Valid(quoted) { // otherwise the text ends earlier, and the rest differs too
			e := d.last[i]
			e.Text = jsontext.SingleLine(quoted[1 : len(quoted)-1])
			return e, true
		}
	}
	return upstream.Event{}, false
}

// fillDefaults adds fields that clients of a chat expect to a bare object: an id, different
// for each event, and other missing fields.
func (d *decoder) fillDefaults(frame *typewriter.Frame, f fields) {
	if d.suffix == "" {
		d.suffix = strings.ToLower(rand.Text()[:8])
	}
	brace := strings.IndexByte(frame.Head, '{') + 1
	head := frame.Head[:brace] + `"id":"char_`
	frame.Number = len(head)
	head += "_" + d.suffix + `",`
	if !f.role.Exists() {
		head += `"role":"assistant",`
	}
	if !f.kind.Exists() {
		head += `"type":"answer",`
	}
	frame.Head = head + frame.Head[brace:]
	if !f.createdAt.Exists() {
		last := strings.LastIndexByte(frame.Tail, '}')
		frame.Tail = frame.Tail[:last] + `,"created_at":` + strconv.FormatInt(time.Now().UnixMilli(), 10) + frame.Tail[last:]
	}
}

// kinds are the meanings of event names.
var kinds = map[string]upstream.Meaning{
	eventDelta:          {Kind: upstream.KindPiece},
	eventCompleted:      {Kind: upstream.KindMessageDone},
	eventChatCreated:    {Kind: upstream.KindCreated},
	eventChatInProgress: {Kind: upstream.KindWorking},
	eventChatCompleted:  {Kind: upstream.KindCompleted, Phase: upstream.MayClose},
	eventChatFailed:     {Kind: upstream.KindFailed, Phase: upstream.MayClose},
	eventRequiresAction: {Kind: upstream.KindNeedsTool, Phase: upstream.MayClose},
	eventError:          {Kind: upstream.KindFailed, Phase: upstream.MayClose},
}

// meaning returns the meaning of an event without typed text. Once the chat is known,
// meaning skips the payloads of KindOther, which may be large.
func (d *decoder) meaning(name, data string, isJSON bool) *upstream.Meaning {
	m := kinds[name]
	if m.Kind == upstream.KindOther && d.named {
		return &m
	}
	f := fields{}
	if isJSON {
		f = readFields(data)
		m.Message, m.Chat = f.ids(name)
		d.named = d.named || m.Chat.IsKnown()
	}
	switch name {
	case eventDelta:
		m.Texts, m.Ambiguous = f.allTexts(), f.ambiguous
	case eventCompleted:
		whole := f.message(data)
		if text := whole.texts[typewriter.Answer]; text != "" {
			m.Texts = []upstream.Text{{Kind: typewriter.Answer, Channel: whole.channels[typewriter.Answer], Text: text}}
		}
	case eventChatCompleted:
		m.Usage = readUsage(gjson.Get(data, "usage"))
	case eventChatFailed:
		m.Failure = serviceError(gjson.Get(data, "last_error"), "the chat failed")
	case eventError:
		m.Failure = serviceError(gjson.Parse(data), "the chat failed")
	case eventRequiresAction:
		m.Failure = serviceError(gjson.Result{}, "the bot waits for the result of a tool")
	}
	return &m
}

func readUsage(v gjson.Result) *upstream.Usage {
	if !v.IsObject() {
		return nil
	}
	count := func(name string) int { return int(v.Get(name).Int()) }
	return &upstream.Usage{Input: count("input_count"), Output: count("output_count"), Total: count("token_count")}
}

// chatEvents begins the names of the events whose payload is a chat. The payloads of
// others are messages or pieces of messages.
const chatEvents = "conversation.chat."
