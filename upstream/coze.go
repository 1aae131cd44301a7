package upstream

import (
	"crypto/rand"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/typewriter"
)

// The names of Coze's events that mean something to us; all others pass.
const (
	eventDelta          = "conversation.message.delta"
	eventChatCompleted  = "conversation.chat.completed"
	eventChatFailed     = "conversation.chat.failed"
	eventRequiresAction = "conversation.chat.requires_action"
	eventError          = "error"
	eventDone           = "done"
	eventStudioDone     = "conversation.stream.done" // how coze-studio ends a stream
)

// doneData is the data of Coze's done event: a JSON string.
const doneData = `"[DONE]"`

// phase is how far an event shows a stream to be.
type phase int

const (
	running  phase = iota
	mayClose       // the chat is over: the stream may end without more, though audio may follow
	done           // nothing follows
)

// cozeDecoder knows what the events of one Coze stream mean. It is not safe for
// concurrent use.
type cozeDecoder struct {
	keepStudioDone bool

	random string               // ends the ids that this stream's bare objects get
	frames [2]*typewriter.Frame // the last one of each kind of text, to be shared
}

// event turns an event into one to be typed, or passed on, and tells the stream's
// phase. The payload keeps all its bytes but the few that official SDKs break on.
func (d *cozeDecoder) event(name, data string) (typewriter.Event, phase) {
	if gjson.Valid(data) {
		data = portable(data)
		if name == eventDelta {
			if e, ok := d.delta(name, data); ok {
				return e, running
			}
		}
	}
	switch {
	case name == eventStudioDone && !d.keepStudioDone:
		return whole(eventDone, doneData), done
	case name == eventDone, name == eventStudioDone, data == doneData, data == "[DONE]":
		return whole(name, data), done
	case strings.HasSuffix(name, ".completed") && strings.TrimSpace(data) == "{}":
		data = `{"status":"completed"}`
	}
	switch name {
	case eventChatCompleted, eventChatFailed, eventRequiresAction, eventError:
		return whole(name, data), mayClose
	default:
		return whole(name, data), running
	}
}

// whole is an event that is not split.
func whole(name, data string) typewriter.Event {
	return typewriter.Event{Frame: &typewriter.Frame{Name: name, Head: data}}
}

// ErrorEvent tells a client in mid-stream what went wrong.
func ErrorEvent(err *Error) typewriter.Event {
	msg, _ := json.Marshal(err.Msg) // a string always can be
	return whole(eventError, `{"code":`+strconv.Itoa(err.Code)+`,"msg":`+string(msg)+`}`)
}

// portable writes valid JSON so that every SDK reads it as one line: white space
// between tokens that is a line feed becomes a space (it stands for several data
// lines, which JS, Go and Python break on), and the characters that Python's
// splitlines takes for line ends become escapes.
func portable(data string) string {
	if strings.IndexByte(data, '\n') >= 0 {
		data = strings.ReplaceAll(data, "\n", " ")
	}
	for _, separator := range []struct{ char, escape string }{
		{"\u0085", `\u0085`}, {"\u2028", `\u2028`}, {"\u2029", `\u2029`},
	} {
		if strings.Contains(data, separator.char) {
			data = strings.ReplaceAll(data, separator.char, separator.escape)
		}
	}
	return data
}

// deltaFields is what a delta's top level tells.
type deltaFields struct {
	id, kind, contentType, role, createdAt gjson.Result
	content, reasoning                     gjson.Result
	repeated                               bool // a text field stands there twice
}

func readDelta(data string) deltaFields {
	var f deltaFields
	gjson.Parse(data).ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "id":
			f.id = value
		case "type":
			f.kind = value
		case "content_type":
			f.contentType = value
		case "role":
			f.role = value
		case "created_at":
			f.createdAt = value
		case "content":
			f.repeated = f.repeated || f.content.Exists()
			f.content = value
		case "reasoning_content":
			f.repeated = f.repeated || f.reasoning.Exists()
			f.reasoning = value
		}
		return true
	})
	return f
}

// delta turns a delta into text, if that is what it is: an answer's text or its
// reasoning, not a card or a tool's call, and one field only.
func (d *cozeDecoder) delta(name, data string) (typewriter.Event, bool) {
	f := readDelta(data)
	content := f.content.Type == gjson.String && len(f.content.Raw) > len(`""`)
	reasoning := f.reasoning.Type == gjson.String && len(f.reasoning.Raw) > len(`""`)
	if content == reasoning || f.repeated {
		return typewriter.Event{}, false
	}
	field, kind, channel := f.content, 0, "content "+f.id.Raw
	if reasoning {
		field, kind, channel = f.reasoning, 1, "reasoning "+f.id.Raw
	} else if f.kind.Exists() && f.kind.Str != "answer" || f.contentType.Exists() && f.contentType.Str != "text" {
		return typewriter.Event{}, false
	}
	begin, end := field.Index+1, field.Index+len(field.Raw)-1
	text := typewriter.Event{Frame: d.frames[kind], Text: data[begin:end]}
	if last := d.frames[kind]; last == nil || last.Number > 0 ||
		last.Name != name || last.Head != data[:begin] || last.Tail != data[end:] {
		text.Frame = &typewriter.Frame{
			Name: name, Head: strings.Clone(data[:begin]), Tail: strings.Clone(data[end:]), Channel: channel,
		}
		if !f.id.Exists() {
			d.complete(text.Frame, f)
		}
		d.frames[kind] = text.Frame
	}
	return text, true
}

// complete gives a bare object what clients of a chat expect: an id of its own for
// each event, and what else is missing.
func (d *cozeDecoder) complete(frame *typewriter.Frame, f deltaFields) {
	if d.random == "" {
		d.random = strings.ToLower(rand.Text()[:8])
	}
	brace := strings.IndexByte(frame.Head, '{') + 1
	head := frame.Head[:brace] + `"id":"char_`
	frame.Number = len(head)
	head += "_" + d.random + `",`
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
