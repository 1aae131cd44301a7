package upstream

import (
	"iter"

	"sse-typewriter/typewriter"
)

// Event is an event of a stream: its bytes, as package typewriter plays them, and what
// they mean.
type Event struct {
	typewriter.Event

	// Meaning is never nil. It is shared by the events of a run and must not be changed.
	Meaning *Meaning
}

// Meaning is the decoded content of an event, except for the text that is typed.
type Meaning struct {
	Kind  Kind
	Phase Phase

	// Chat is the chat that the event belongs to. Its fields are empty if the event does
	// not name one.
	Chat Chat

	// Message is the id of the message, block or choice that the event belongs to; empty
	// if it is unknown.
	Message string

	// Texts are the texts within an event that is not typed: those of a complete
	// message, or of a piece that cannot be split.
	Texts []Text

	// Ambiguous reports that clients may disagree about the texts of the event, because
	// a field is repeated.
	Ambiguous bool

	// Failure is the error of an event of KindFailed or KindNeedsTool.
	Failure *Error

	// Usage is the token count that the event reports; nil if it reports none.
	Usage *Usage
}

// Kind is the kind of an event.
type Kind int

// The kinds of events.
const (
	KindOther       Kind = iota
	KindText             // text that is typed: a piece of an answer, a reasoning or a refusal
	KindPiece            // text that is not typed, because the event cannot be split
	KindCreated          // the service has created the chat
	KindWorking          // the model has started
	KindMessageDone      // a message is complete
	KindCompleted        // the chat is complete
	KindFailed           // the chat failed
	KindNeedsTool        // the chat waits for the result of a tool of the client's
	KindDone             // the stream is complete
)

// Phase is the progress of a stream.
type Phase int

// The phases of a stream.
const (
	Running  Phase = iota
	MayClose       // the chat is over: the stream may end, or other events may follow
	Done           // no event follows
)

// Chat identifies a chat at its service.
type Chat struct{ ID, Conversation string }

// IsKnown reports whether the chat can be identified.
func (c Chat) IsKnown() bool { return c.ID != "" }

// Text is a text of one channel.
type Text struct {
	Kind    typewriter.TextKind
	Channel string // that of the frames of the text's events
	Text    string // the inside of a JSON string
}

// Usage is a count of tokens.
type Usage struct{ Input, Output, Total int }

// Pass returns an event that is written in one piece. It may be called with a nil meaning
// if the event is of KindOther.
func Pass(name, data string, meaning *Meaning) Event {
	if meaning == nil {
		meaning = other
	}
	return Event{typewriter.Event{Frame: &typewriter.Frame{Name: name, Head: data}}, meaning}
}

var other = &Meaning{}

// Typed returns the events as package typewriter records them.
func Typed(events iter.Seq[Event]) iter.Seq[typewriter.Event] {
	return func(yield func(typewriter.Event) bool) {
		for e := range events {
			if !yield(e.Event) {
				return
			}
		}
	}
}
