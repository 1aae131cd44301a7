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

	// Channel names the text of the event. Consecutive events of the same channel form a
	// continuous text, and a grapheme cluster may span them. Events with an empty
	// channel are not text and are written undivided.
	Channel string

	// Number, if not 0, is an offset in Head. The sequence number of the event's
	// first cluster is inserted there, for payloads without an id of their own.
	Number int
}

// IsText reports whether the text of events with this frame is paced.
func (f *Frame) IsText() bool { return f.Channel != "" }

// size returns the approximate memory use of the frame in bytes.
func (f *Frame) size() int {
	const header = 80
	return header + len(f.Name) + len(f.Head) + len(f.Tail) + len(f.Channel)
}

// appendHead appends the payload before the text, with the sequence number of the first
// cluster.
func (f *Frame) appendHead(dst []byte, number int64) []byte {
	if f.Number == 0 {
		return append(dst, f.Head...)
	}
	dst = append(dst, f.Head[:f.Number]...)
	dst = strconv.AppendInt(dst, number, 10)
	return append(dst, f.Head[f.Number:]...)
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
