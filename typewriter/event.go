package typewriter

import (
	"fmt"
	"strconv"
	"strings"
)

// Event is an event of a stream: a frame, which the events of a run share, and a text.
type Event struct {
	// Frame is the event's type and the payload around its text. It is never nil and
	// must not be changed.
	Frame *Frame

	// Text is the text within the payload: the inside of a JSON string, escapes included.
	// It is empty in an event that is not text.
	Text string
}

// Frame is the common part of the events of a run, which differ only in their text.
type Frame struct {
	// Name is the event's type. It may be empty.
	Name string

	// Head and Tail are the payload before and after the text. The payload of an event
	// that is not text is in Head.
	Head, Tail string

	// Twin, if not empty, is the payload between the text and a second copy of the text:
	// the payload is then Head, text, Twin, text, Tail.
	Twin string

	// Channel identifies the running text that the event extends. A grapheme cluster may
	// span events of the same channel. An event without a channel is not text and is
	// written in one piece.
	Channel string

	// Kind is the kind of the text.
	Kind TextKind

	// Number, if not 0, is the index in Head at which the number of the event's first
	// grapheme cluster is inserted. Payloads without an id of their own use it. A frame
	// has no Number if it has Once.
	Number int

	// Once holds the payloads of pieces that differ from the others; nil if none do.
	Once *Once
}

// TextKind is a kind of text.
type TextKind int

// The kinds of text.
const (
	Answer TextKind = iota
	Reasoning
	Refusal
)

// Once holds the payloads of an event that has fields which must not be repeated in each
// piece of its text: for example the role, which only the first piece has, or the reason
// for the end, which only the last piece has.
type Once struct {
	// First surrounds the first piece, and Last the last one. If either is zero, that
	// piece does not differ from the others.
	First, Last Payload

	// Only surrounds a text that is written in one piece.
	Only Payload
}

// Payload surrounds a text as the fields of the same names do in [Frame].
type Payload struct{ Head, Twin, Tail string }

func (p Payload) isZero() bool { return p == Payload{} }

func (p Payload) size() int { return len(p.Head) + len(p.Twin) + len(p.Tail) }

// piece is the position of a piece in its event's text.
type piece uint8

const (
	firstPiece piece = 1 << iota
	lastPiece
)

// IsText reports whether the event's text is typed.
func (f *Frame) IsText() bool { return f.Channel != "" }

// endsWithEvent reports whether a text that continues in another event nevertheless ends
// with this one, whose last piece carries more than the text.
func (f *Frame) endsWithEvent() bool { return f.Once != nil && !f.Once.Last.isZero() }

// size returns roughly how many bytes of memory the frame takes.
func (f *Frame) size() int {
	const header = 112
	size := header + len(f.Name) + len(f.Head) + len(f.Twin) + len(f.Tail) + len(f.Channel)
	if f.Once != nil {
		const once = 144
		size += once + f.Once.First.size() + f.Once.Last.size() + f.Once.Only.size()
	}
	return size
}

// payload returns the payload of a piece.
func (f *Frame) payload(p piece) Payload {
	if f.Once != nil {
		switch {
		case p == firstPiece|lastPiece:
			return f.Once.Only
		case p == firstPiece && !f.Once.First.isZero():
			return f.Once.First
		case p == lastPiece && !f.Once.Last.isZero():
			return f.Once.Last
		}
	}
	return Payload{f.Head, f.Twin, f.Tail}
}

// Payload returns the payload of an event whose text is written in one piece. In place of
// a Number it has nothing.
func (e Event) Payload() string {
	p := e.Frame.payload(firstPiece | lastPiece)
	if p.Twin != "" {
		return p.Head + e.Text + p.Twin + e.Text + p.Tail
	}
	return p.Head + e.Text + p.Tail
}

// Position is a place in a log: everything before byte Offset of the text of
// entry Entry has been played. The zero value is the beginning.
type Position struct {
	Entry  int
	Offset int
}

// String writes the position as "entry.offset".
func (p Position) String() string { return string(p.Append(nil)) }

// Append appends what [Position.String] returns.
func (p Position) Append(dst []byte) []byte {
	dst = append(strconv.AppendInt(dst, int64(p.Entry), 10), '.')
	return strconv.AppendInt(dst, int64(p.Offset), 10)
}

// ParsePosition reads what [Position.String] wrote and nothing else.
func ParsePosition(s string) (Position, error) {
	entry, offset, _ := strings.Cut(s, ".")
	e, errEntry := strconv.Atoi(entry)
	o, errOffset := strconv.Atoi(offset)
	p := Position{Entry: e, Offset: o}
	if errEntry != nil || errOffset != nil || e < 0 || o < 0 || p.String() != s {
		return Position{}, fmt.Errorf("cannot read position %q: want entry.offset", s)
	}
	return p, nil
}
