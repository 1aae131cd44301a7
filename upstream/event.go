package upstream

import (
	"cmp"
	"iter"

	"sse-typewriter/typewriter"
)

// Event is an event of a stream: the bytes for package typewriter, and their meaning.
type Event struct {
	typewriter.Event

	// Meaning is never nil. Events of a run share a meaning, so do not change it.
	Meaning *Meaning
}

// Meaning is the decoded content of an event, except for typed text.
type Meaning struct {
	Kind  Kind
	Phase Phase

	// Chat is the chat of the event. The fields are empty if the event names no chat.
	Chat Chat

	// Message is the id of the event's message, block or choice; empty if unknown.
	Message string

	// Texts are the texts within an event of KindMessageDone, KindPiece or KindReplaced.
	Texts []Text

	// Ambiguous reports that clients may disagree about the texts of the event, for
	// example because of a repeated field.
	Ambiguous bool

	// Failure is the error of an event of KindFailed or KindNeedsTool.
	Failure *Error

	// Usage is the token count in the event, or nil.
	Usage *Usage
}

// Kind is the kind of an event.
type Kind int

// The kinds of events.
const (
	KindOther       Kind = iota
	KindText             // typed text: a piece of an answer, a reasoning or a refusal
	KindPiece            // text in an event that cannot be split
	KindCreated          // the service has created the chat
	KindWorking          // the model has started
	KindMessageDone      // a message is complete
	KindCompleted        // the chat is complete
	KindFailed           // the chat failed
	KindNeedsTool        // the chat waits for the result of a tool of the client's
	KindDone             // the stream is complete
	KindOutput           // a piece of output other than text, such as a tool call
	KindReplaced         // the whole answer anew, in place of the text before
)

// IsOutput reports whether the model has begun to answer: with text, a reasoning, a refusal
// or a tool call. Heartbeats and reports of progress are no output.
func (k Kind) IsOutput() bool {
	switch k {
	case KindOther, KindCreated, KindWorking:
		return false
	}
	return true
}

// Phase is the progress of a stream.
type Phase int

// The phases of a stream.
const (
	Running  Phase = iota
	MayClose       // the chat is over: the stream may end, or other events may follow
	Ended          // the stream is complete: it may end in any way, or other events may follow
	Done           // no event follows
)

// Chat identifies a chat at a service.
type Chat struct{ ID, Conversation string }

// IsKnown reports whether the chat can be identified.
func (c Chat) IsKnown() bool { return c.ID != "" }

// Text is a text of a channel.
type Text struct {
	Kind    typewriter.TextKind
	Channel string // as in the frames of the text's pieces
	Text    string // the inside of a JSON string
}

// Usage is a count of tokens in a stream up to an event. A count of 0 is unknown.
type Usage struct {
	Input, Output, Total int

	// Model is the name of the model as the service reports the name, or empty.
	Model string
}

// IsKnown reports whether any tokens are counted.
func (u Usage) IsKnown() bool { return u.Input != 0 || u.Output != 0 || u.Total != 0 }

// Merge returns u with the known values of a later usage of the same stream.
func (u Usage) Merge(later Usage) Usage {
	return Usage{
		Input: cmp.Or(later.Input, u.Input), Output: cmp.Or(later.Output, u.Output), Total: cmp.Or(later.Total, u.Total),
		Model: cmp.Or(later.Model, u.Model),
	}
}

// Pass returns an undivided event. A nil meaning stands for KindOther.
func Pass(name, data string, meaning *Meaning) Event {
	if meaning == nil {
		meaning = other
	}
	return Event{typewriter.Event{Frame: &typewriter.Frame{Name: name, Head: data}}, meaning}
}

var other = &Meaning{}

// Sent is the part of a stream before a failure: the first event, unless that is not stored
// any more, and the last one. The frames are nil if there are no such events.
type Sent struct{ First, Last typewriter.Event }

// Add adds the next event.
func (s *Sent) Add(e typewriter.Event) {
	if s.First.Frame == nil {
		s.First = e
	}
	s.Last = e
}

// SentIn returns the part of a stream that consists of recorded events.
func SentIn(recorded iter.Seq[typewriter.Event]) Sent {
	var s Sent
	for e := range recorded {
		s.Add(e)
	}
	return s
}

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
