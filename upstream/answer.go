package upstream

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
)

// Stage is how far a chat has come. Each follows the one before, though some may be
// missing.
type Stage int

// The stages of a chat.
const (
	Waiting   Stage = iota // nothing has been told
	Created                // the chat has a name
	Working                // the model has begun
	Thinking               // it reasons
	Answering              // there is text of the answer
	Completed              // the answer is whole
)

// Answer follows a chat's events and collects what it says: for those who want the
// whole answer and no part of it. The zero value is that of a chat without events. It
// is not safe for concurrent use.
type Answer struct {
	Stage Stage

	// Failure is what the chat has ended with, if not well.
	Failure *Error

	// ChatID and ConversationID name the chat, once an event has.
	ChatID, ConversationID string

	// Length is how long the answer is so far, in characters.
	Length int

	messages []*answerMessage
}

// answerMessage is the text of one of the answer's messages.
type answerMessage struct {
	channel string
	text    []byte
	high    rune // the first half of a surrogate pair, whose second is to come
}

// Add takes the next event.
func (a *Answer) Add(e typewriter.Event) {
	if e.Frame.IsText() {
		a.addText(e)
		return
	}
	data := e.Frame.Head
	if a.ChatID == "" {
		if _, chat := parseIDs(e.Frame.Name, data); chat.isKnown() {
			a.ChatID, a.ConversationID = chat.id, chat.conversation
		}
	}
	switch e.Frame.Name {
	case eventChatCreated:
		a.reach(Created)
	case eventChatInProgress:
		a.reach(Working)
	case eventCompleted:
		a.complete(readListed(data))
	case eventChatCompleted:
		a.reach(Completed)
	case eventChatFailed:
		a.fail(gjson.Get(data, "last_error"), "the chat failed")
	case eventError:
		a.fail(gjson.Parse(data), "the chat failed")
	case eventRequiresAction:
		a.fail(gjson.Result{}, "the bot waits for the result of a tool")
	}
}

func (a *Answer) reach(s Stage) { a.Stage = max(a.Stage, s) }

func (a *Answer) addText(e typewriter.Event) {
	if fieldOf(e.Frame) == fieldReasoning {
		a.reach(Thinking)
		return
	}
	a.reach(Answering)
	a.add(e.Frame.Channel, e.Text)
}

func (a *Answer) add(channel, text string) {
	m := a.message(channel)
	if m == nil {
		m = &answerMessage{channel: channel}
		a.messages = append(a.messages, m)
	}
	before := len(m.text)
	m.text, m.high = jsontext.Unescape(m.text, text, m.high)
	a.Length += utf8.RuneCount(m.text[before:])
}

func (a *Answer) message(channel string) *answerMessage {
	for _, m := range a.messages {
		if m.channel == channel {
			return m
		}
	}
	return nil
}

// complete takes a message that is whole. If it came in deltas, nothing is new.
func (a *Answer) complete(m listedMessage) {
	channel := contentChannel + gjson.Get(m.data, "id").Raw
	if text := m.texts[fieldContent]; text != "" && a.message(channel) == nil {
		a.reach(Answering)
		a.add(channel, text)
	}
}

// fail keeps the first failure: what follows is less to the point.
func (a *Answer) fail(told gjson.Result, otherwise string) {
	if a.Failure == nil {
		a.Failure = serviceError(told, otherwise)
	}
}

// ownReasons are the reasons of the failures that [ErrorEvent] reports, by code.
var ownReasons = reasonsByCode(
	apierror.Canceled, apierror.EventTooLarge, apierror.Cut, apierror.TooLarge, apierror.IdleTimeout, apierror.MaxTime,
)

func reasonsByCode(failures ...*Error) map[int]string {
	reasons := map[int]string{}
	for _, e := range failures {
		reasons[e.Code] = e.Reason
	}
	return reasons
}

// serviceError is how it ends when the service says why: with its code and words.
func serviceError(told gjson.Result, otherwise string) *Error {
	code := int(told.Get("code").Int())
	return &Error{
		Reason: cmp.Or(ownReasons[code], "refused"), Status: http.StatusBadGateway, Code: code,
		Msg: cmp.Or(told.Get("msg").String(), otherwise),
	}
}

// Text returns the answer. Several messages are paragraphs of it, and what is no text
// stands there as U+FFFD.
func (a *Answer) Text() string {
	texts := make([]string, 0, len(a.messages))
	for _, m := range a.messages {
		texts = append(texts, strings.ToValidUTF8(string(jsontext.AppendSurrogate(m.text, m.high)), "\uFFFD"))
	}
	return strings.Join(texts, "\n\n")
}

// maxRefusal is how much is read of a reply that is no stream.
const maxRefusal = 64 << 10

// Refusal reads a reply that is no stream though one was asked for, and tells why that
// is.
func (r *Reply) Refusal() *Error {
	body, _ := io.ReadAll(io.LimitReader(r.Body, maxRefusal)) // what there is of it will do
	return serviceError(gjson.ParseBytes(body), fmt.Sprintf("it answered with status %d", r.Status))
}
