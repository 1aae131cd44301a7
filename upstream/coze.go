package upstream

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/typewriter"
)

// The names of Coze's events that mean something to us; all others pass.
const (
	eventDelta          = "conversation.message.delta"
	eventCompleted      = "conversation.message.completed"
	eventChatCreated    = "conversation.chat.created"
	eventChatInProgress = "conversation.chat.in_progress"
	eventChatCompleted  = "conversation.chat.completed"
	eventChatFailed     = "conversation.chat.failed"
	eventRequiresAction = "conversation.chat.requires_action"
	eventError          = "error"
	eventDone           = "done"
	eventStudioDone     = "conversation.stream.done" // how coze-studio ends a stream
)

// EventTypes returns the names of the events that Coze is known to send.
func EventTypes() []string {
	return []string{
		eventDelta, eventCompleted, eventChatCreated, "conversation.chat.in_progress", eventChatCompleted,
		eventChatFailed, eventRequiresAction, "conversation.audio.delta", eventError, eventDone, eventStudioDone, "ping",
	}
}

// doneData is the data of Coze's done event: a JSON string.
const doneData = `"[DONE]"`

// chatEvents is how the names of those events begin that hold a chat; all others
// that tell of one hold a message, or a part of it.
const chatEvents = "conversation.chat."

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

	random string                        // ends the ids that this stream's bare objects get
	frames [textFields]*typewriter.Frame // the last one of each kind of text, to be shared
}

// event turns an event into one to be typed, or passed on, and tells the stream's
// phase. The payload keeps all its bytes but the few that official SDKs break on.
func (d *cozeDecoder) event(name, data string) (typewriter.Event, phase) {
	if e, ok := d.decodeRepeat(name, data); ok {
		return e, running
	}
	if gjson.Valid(data) {
		data = singleLineJSON(data)
		if name == eventDelta {
			if e, ok := d.delta(name, data); ok {
				return e, running
			}
		}
	}
	switch {
	case name == eventStudioDone && !d.keepStudioDone:
		return passthrough(eventDone, doneData), done
	case name == eventDone, name == eventStudioDone, data == doneData, data == "[DONE]":
		return passthrough(name, data), done
	case strings.HasSuffix(name, ".completed") && strings.TrimSpace(data) == "{}":
		data = `{"status":"completed"}`
	}
	switch name {
	case eventChatCompleted, eventChatFailed, eventRequiresAction, eventError:
		return passthrough(name, data), mayClose
	default:
		return passthrough(name, data), running
	}
}

// passthrough is an event that is not split.
func passthrough(name, data string) typewriter.Event {
	return typewriter.Event{Frame: &typewriter.Frame{Name: name, Head: data}}
}

// DoneEvent returns the event that ends a stream.
func DoneEvent() typewriter.Event { return passthrough(eventDone, doneData) }

// ErrorEvent tells a client in mid-stream what went wrong.
func ErrorEvent(err *Error) typewriter.Event {
	return passthrough(eventError, string(jsonx.Marshal(struct {
		Code int    `json:"code"`
		Msg  string `json:"msg"`
	}{err.Code, err.Msg})))
}

// singleLineJSON writes valid JSON so that every SDK reads it as one line: white space
// between tokens that ends a line becomes a space (it would stand for several data
// lines, which JS, Go and Python break on), and the characters that Python's
// splitlines takes for line ends become escapes.
func singleLineJSON(data string) string {
	for _, end := range []string{"\n", "\r"} {
		if strings.Contains(data, end) {
			data = strings.ReplaceAll(data, end, " ")
		}
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

func (f deltaFields) isAnswer() bool { return !f.kind.Exists() || f.kind.Str == "answer" }

// isPlain reports whether the content is running text, and no card or the like.
func (f deltaFields) isPlain() bool { return !f.contentType.Exists() || f.contentType.Str == "text" }

// textField is a field of a message that holds text.
type textField int

const (
	fieldContent textField = iota
	fieldReasoning
	textFields // their number
)

// How the channels of the two begin; the message's id follows, as it stands in JSON.
const (
	contentChannel   = "content "
	reasoningChannel = "reasoning "
)

// fieldOf tells which field the text of a delta is.
func fieldOf(f *typewriter.Frame) textField {
	if strings.HasPrefix(f.Channel, reasoningChannel) {
		return fieldReasoning
	}
	return fieldContent
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
	field, kind, channel := f.content, fieldContent, contentChannel+f.id.Raw
	if reasoning {
		field, kind, channel = f.reasoning, fieldReasoning, reasoningChannel+f.id.Raw
	} else if !f.isAnswer() || !f.isPlain() {
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
			d.fillDefaults(text.Frame, f)
		}
		d.frames[kind] = text.Frame
	}
	return text, true
}

// decodeRepeat turns a delta into text that differs from one before it in nothing but its
// text, as nearly all do. The rest is not looked at decodeRepeat.
func (d *cozeDecoder) decodeRepeat(name, data string) (typewriter.Event, bool) {
	for _, f := range d.frames {
		if f == nil || f.Name != name || len(data) <= len(f.Head)+len(f.Tail) ||
			!strings.HasPrefix(data, f.Head) || !strings.HasSuffix(data, f.Tail) {
			continue
		}
		quoted := data[len(f.Head)-1 : len(data)-len(f.Tail)+1]
		if gjson.Valid(quoted) { // or the text is over before it seems to be
			return typewriter.Event{Frame: f, Text: singleLineJSON(quoted[1 : len(quoted)-1])}, true
		}
	}
	return typewriter.Event{}, false
}

// fillDefaults gives a bare object what clients of a chat expect: an id of its own for
// each event, and what else is missing.
func (d *cozeDecoder) fillDefaults(frame *typewriter.Frame, f deltaFields) {
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

// The paths that a chat is asked about at.
const (
	pathRetrieve = "/v3/chat/retrieve"
	pathMessages = "/v3/chat/message/list"
	pathCancel   = "/v3/chat/cancel"
)

// statusCompleted is the state of a chat that ended well.
const statusCompleted = "completed"

// chatEndings are the states that a chat ends in, each with the event that tells so;
// none tells of a chat that was canceled. A chat of any other state goes on.
var chatEndings = map[string]string{
	statusCompleted:   eventChatCompleted,
	"failed":          eventChatFailed,
	"requires_action": eventRequiresAction,
	"canceled":        "",
}

// chatRef is what a chat is found by.
type chatRef struct{ id, conversation string }

func (n chatRef) isKnown() bool { return n.id != "" && n.conversation != "" }

func (n chatRef) query() string {
	return "conversation_id=" + url.QueryEscape(n.conversation) + "&chat_id=" + url.QueryEscape(n.id)
}

func (n chatRef) body() []byte {
	return jsonx.Marshal(struct {
		Conversation string `json:"conversation_id"`
		Chat         string `json:"chat_id"`
	}{n.conversation, n.id})
}

// credentials returns those headers of a request which say who asks, and how: other
// requests about the same chat need them.
func credentials(header http.Header) http.Header {
	kept := http.Header{}
	for name, values := range header {
		if name := http.CanonicalHeaderKey(name); name == "Authorization" || strings.HasPrefix(name, "X-Coze-") {
			kept[name] = append(kept[name], values...)
		}
	}
	return kept
}

// parseIDs tells which message and which chat an event's payload is about; what it
// does not tell is empty.
func parseIDs(name, data string) (message string, chat chatRef) {
	found := gjson.GetMany(data, "id", "chat_id", "conversation_id")
	// Copies, so that they do not keep the payload.
	id, chatID, conversation := strings.Clone(found[0].String()), strings.Clone(found[1].String()), strings.Clone(found[2].String())
	if strings.HasPrefix(name, chatEvents) {
		return "", chatRef{id, conversation}
	}
	return id, chatRef{chatID, conversation}
}

// listedMessage is a message of a chat's list.
type listedMessage struct {
	id, data string
	texts    [textFields]string // those that come in deltas, without quotes; empty: none
}

func readListed(data string) listedMessage {
	f := readDelta(data)
	m := listedMessage{id: f.id.String(), data: data}
	if !f.isAnswer() || f.repeated {
		return m
	}
	m.texts[fieldReasoning] = rawString(f.reasoning)
	if f.isPlain() {
		m.texts[fieldContent] = rawString(f.content)
	}
	return m
}

// rawString is what stands between the quotes of a JSON string; empty if it is none.
func rawString(v gjson.Result) string {
	if v.Type != gjson.String {
		return ""
	}
	return v.Raw[1 : len(v.Raw)-1]
}

// isQuestion reports whether a message is the user's, which no stream repeats.
func (m listedMessage) isQuestion() bool {
	return gjson.Get(m.data, "type").Str == "question" || gjson.Get(m.data, "role").Str == "user"
}

// delta writes a listed message as its deltas are written, with a text in one field.
// They have no times, and the field of the reasoning only if they are of it.
func (m listedMessage) delta(field textField, text string) string {
	var b strings.Builder
	put := func(key, value string) {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(key + ":" + value)
	}
	gjson.Parse(m.data).ForEach(func(key, value gjson.Result) bool {
		switch {
		case key.Str == "created_at", key.Str == "updated_at":
		case key.Str == "content" && field == fieldContent, key.Str == "reasoning_content" && field == fieldReasoning:
			put(key.Raw, `"`+text+`"`)
		case key.Str == "content":
			put(key.Raw, `""`)
		case key.Str == "reasoning_content":
		default:
			put(key.Raw, value.Raw)
		}
		return true
	})
	return "{" + b.String() + "}"
}
