package typewriter

import (
	"fmt"
	"strconv"
	"strings"
)

// Event is an event of a stream: a frame, usually shared with neighbouring events, and a
// text.
type Event struct {
	// Frame is the event's type and the payload around the text. Frame must not be nil
	// and must not be modified, because events share frames.
	Frame *Frame

	// Text is the encoded text between Frame.Head and Frame.Tail: the inside of a JSON
	// string, including escapes. Events without a channel have no text.
	Text string
}

// Frame is the part of an event that a run of events shares.
type Frame struct {
	// Name is the event's type, or empty for an unnamed event.
	Name string

	// Head and Tail are the payload before and after the text. Events without a channel
	// have their whole payload in Head.
	Head, Tail string

	// Twin, if not empty, is the payload between the text and a second copy of the text:
	// the payload is then Head, text, Twin, text, Tail.
	Twin string

	// Channel names the text of the event. Consecutive events of the same channel form a
	// continuous text, and a grapheme cluster may span them. Events with an empty
	// channel are not text and are written undivided.
	Channel string

	// Kind is the kind of the text.
	Kind TextKind

	// Snapshot makes the payload contain the whole text of the channel up to the end of the
	// text, for services that send all text so far in each event. Event.Text is still the
	// new text alone. A channel's frames are either all snapshots or none.
	Snapshot bool

	// Number, if not 0, is an offset in Head and Tail together. A number is inserted
	// there: the number of the event in its Series, or without a Series the sequence
	// number of the event's first cluster, for payloads without an id of their own.
	Number int

	// Series, if not nil, is the series that counts the event.
	Series *Series

	// Once holds the payloads of pieces that differ from the others; nil if none do.
	Once *Once
}

// Series is a series of events with consecutive numbers. The events of each player count, so
// a divided event takes several numbers. The first number of a player that does not start at
// the beginning of the log is at least the next number of any earlier player.
type Series struct {
	// Name identifies the series within a stream.
	Name string

	// First is the number of the first event.
	First int64
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
type Payload struct {
	Head, Twin, Tail string
	Number           int
}

func (p Payload) isZero() bool { return p == Payload{} }

func (p Payload) size() int { return len(p.Head) + len(p.Twin) + len(p.Tail) }

// piece is the position of a piece in its event's text.
type piece uint8

const (
	firstPiece piece = 1 << iota
	lastPiece
)

// IsText reports whether the text of events with this frame is paced.
func (f *Frame) IsText() bool { return f.Channel != "" }

// numbersClusters reports whether the frame has a sequence number of clusters.
func (f *Frame) numbersClusters() bool { return f.Number > 0 && f.Series == nil }

// endsCluster reports whether no cluster spans the end of the event, because the last
// piece carries more than text.
func (f *Frame) endsCluster() bool { return f.Once != nil && !f.Once.Last.isZero() }

// size returns the approximate memory use of the frame in bytes.
func (f *Frame) size() int {
	const header = 120
	size := header + len(f.Name) + len(f.Head) + len(f.Twin) + len(f.Tail) + len(f.Channel)
	if f.Once != nil {
		const once = 168
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
	return Payload{f.Head, f.Twin, f.Tail, f.Number}
}

// Payload returns the payload of the event with its whole text, without a number. The
// payload of a snapshot lacks the text of the events before; see [Snapshots.Payload].
func (e Event) Payload() string {
	p := e.Frame.payload(firstPiece | lastPiece)
	if p.Twin != "" {
		return p.Head + e.Text + p.Twin + e.Text + p.Tail
	}
	return p.Head + e.Text + p.Tail
}

// Position is a position in a log: everything before byte Offset of the text of entry
// Entry has been played. The zero value is the beginning of the log.
type Position struct {
	Entry  int
	Offset int
}

// String formats the position as "entry.offset".
func (p Position) String() string { return string(p.Append(nil)) }

// Append appends the result of [Position.String] to dst.
func (p Position) Append(dst []byte) []byte {
	dst = append(strconv.AppendInt(dst, int64(p.Entry), 10), '.')
	return strconv.AppendInt(dst, int64(p.Offset), 10)
}

// ParsePosition parses the format of [Position.String] and rejects any other spelling.
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
