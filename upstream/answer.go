package upstream

import (
	"strings"
	"unicode/utf8"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
)

// Stage is the progress of a chat. Stages follow each other in their order; some may be
// skipped.
type Stage int

// The stages of a chat.
const (
	Waiting   Stage = iota // no event yet
	Created                // the service has created the chat
	Working                // the model has started
	Thinking               // the model is reasoning
	Answering              // the answer has begun
	Completed              // the answer is complete
)

// Answer collects the answer of a chat from the chat's events, without the reasoning. The
// zero value is ready to use. An Answer is not safe for concurrent use.
type Answer struct {
	Stage Stage

	// Failure is the error of a failed chat.
	Failure *Error

	// Chat is the chat; unknown until an event names the chat.
	Chat Chat

	// Length is the current length of the answer in characters.
	Length int

	messages []*answerMessage
}

// answerMessage is a message of an answer.
type answerMessage struct {
	channel string
	text    []byte
	high    rune // a high surrogate at the end of the text, or 0
}

// Add adds the next event.
func (a *Answer) Add(e Event) {
	m := e.Meaning
	if !a.Chat.IsKnown() {
		a.Chat = m.Chat
	}
	switch m.Kind {
	case KindText:
		a.addText(Text{e.Frame.Kind, e.Frame.Channel, e.Text})
		if m.Phase != Running { // the last piece of the answer says so
			a.reach(Completed)
		}
	case KindPiece:
		for _, t := range m.Texts {
			a.addText(t)
		}
	case KindCreated:
		a.reach(Created)
	case KindWorking, KindOutput:
		a.reach(Working)
	case KindMessageDone:
		a.complete(m.Texts)
	case KindReplaced:
		a.messages, a.Length = nil, 0
		a.complete(m.Texts)
	case KindCompleted:
		a.reach(Completed)
	case KindFailed, KindNeedsTool:
		if a.Failure == nil { // the first failure explains the others
			a.Failure = m.Failure
		}
	}
}

func (a *Answer) reach(s Stage) { a.Stage = max(a.Stage, s) }

func (a *Answer) addText(t Text) {
	if t.Kind == typewriter.Reasoning {
		a.reach(Thinking)
		return
	}
	a.reach(Answering)
	a.add(t.Channel, t.Text)
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

// complete adds the texts of a complete message, unless they came in pieces before.
func (a *Answer) complete(texts []Text) {
	for _, t := range texts {
		if t.Kind != typewriter.Reasoning && t.Text != "" && a.message(t.Channel) == nil {
			a.reach(Answering)
			a.add(t.Channel, t.Text)
		}
	}
}

// Text returns the answer. Blank lines separate the messages, and U+FFFD replaces invalid
// characters.
func (a *Answer) Text() string {
	texts := make([]string, 0, len(a.messages))
	for _, m := range a.messages {
		texts = append(texts, strings.ToValidUTF8(string(jsontext.AppendSurrogate(m.text, m.high)), "\uFFFD"))
	}
	return strings.Join(texts, "\n\n")
}
