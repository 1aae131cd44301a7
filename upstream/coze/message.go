package coze

import (
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// textFields is the number of text fields of a message. The index of a field is a
// [typewriter.TextKind].
const textFields = 2

// channels begin the names of the channels of each field. The message's JSON id follows.
var channels = [textFields]string{typewriter.Answer: "content ", typewriter.Reasoning: "reasoning "}

// fields are fields of a message or of a delta.
type fields struct {
	id, chatID, conversationID         gjson.Result
	kind, contentType, role, createdAt gjson.Result

	texts     [textFields]gjson.Result
	ambiguous bool // a text field is repeated
}

func readFields(data string) fields {
	var f fields
	gjson.Parse(data).ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "id":
			f.id = value
		case "chat_id":
			f.chatID = value
		case "conversation_id":
			f.conversationID = value
		case "type":
			f.kind = value
		case "content_type":
			f.contentType = value
		case "role":
			f.role = value
		case "created_at":
			f.createdAt = value
		case "content":
			f.setText(typewriter.Answer, value)
		case "reasoning_content":
			f.setText(typewriter.Reasoning, value)
		}
		return true
	})
	return f
}

func (f *fields) setText(kind typewriter.TextKind, value gjson.Result) {
	f.ambiguous = f.ambiguous || f.texts[kind].Exists()
	f.texts[kind] = value
}

func (f *fields) isAnswer() bool { return !f.kind.Exists() || f.kind.Str == "answer" }

// isPlain reports whether the content is text, and not a card for example.
func (f *fields) isPlain() bool { return !f.contentType.Exists() || f.contentType.Str == "text" }

// ids returns the ids of the message and the chat of an event with a name. Missing ids are
// empty; the chat needs both of its ids.
func (f *fields) ids(name string) (message string, chat upstream.Chat) {
	id, chatID := f.id, f.chatID
	if strings.HasPrefix(name, chatEvents) {
		id, chatID = gjson.Result{}, id
	}
	// Copies do not keep the payload in memory.
	message = strings.Clone(id.String())
	if chat = (upstream.Chat{ID: chatID.String(), Conversation: f.conversationID.String()}); chat.ID == "" || chat.Conversation == "" {
		return message, upstream.Chat{}
	}
	return message, upstream.Chat{ID: strings.Clone(chat.ID), Conversation: strings.Clone(chat.Conversation)}
}

// channel returns the channel of a field.
func (f *fields) channel(kind typewriter.TextKind) string { return channels[kind] + f.id.Raw }

// allTexts returns all texts that are not empty.
func (f *fields) allTexts() []upstream.Text {
	var all []upstream.Text
	for _, kind := range []typewriter.TextKind{typewriter.Reasoning, typewriter.Answer} {
		if text := rawString(f.texts[kind]); text != "" {
			all = append(all, upstream.Text{Kind: kind, Channel: f.channel(kind), Text: strings.Clone(text)})
		}
	}
	return all
}

// rawString returns the text between the quotes of a JSON string, or "" for any other
// value.
func rawString(v gjson.Result) string {
	if v.Type != gjson.String {
		return ""
	}
	return v.Raw[1 : len(v.Raw)-1]
}

// message is a complete message.
type message struct {
	id, data string
	texts    [textFields]string // streamed texts, as the insides of JSON strings
	channels [textFields]string
}

func readMessage(data string) message {
	f := readFields(data)
	return f.message(data)
}

// message returns the complete message with these fields.
func (f *fields) message(data string) message {
	m := message{id: f.id.String(), data: data}
	for kind := range textFields {
		m.channels[kind] = f.channel(typewriter.TextKind(kind))
	}
	if !f.isAnswer() || f.ambiguous {
		return m
	}
	m.texts[typewriter.Reasoning] = rawString(f.texts[typewriter.Reasoning])
	if f.isPlain() {
		m.texts[typewriter.Answer] = rawString(f.texts[typewriter.Answer])
	}
	return m
}

// isQuestion reports whether the message is the user's. Streams do not contain questions.
func (m message) isQuestion() bool {
	return gjson.Get(m.data, "type").Str == "question" || gjson.Get(m.data, "role").Str == "user"
}

// delta returns the message as a delta with a text in one field. Deltas have no times, and
// no empty field for reasoning.
func (m message) delta(kind typewriter.TextKind, text string) string {
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
		case key.Str == "content" && kind == typewriter.Answer, key.Str == "reasoning_content" && kind == typewriter.Reasoning:
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
