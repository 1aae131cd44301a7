package typewriter

import (
	"fmt"
	"strconv"
	"strings"
)

// Event is one event of a stream: a frame, usually shared with its neighbours, and a
// text.
type Event struct {
	// Frame is the event's type and the payload around the text. It must not be nil
	// and must not be modified, because events share frames.
	Frame *Frame

	// Text is the text between Frame.Head and Frame.Tail in its encoded form: the
	// inside of a JSON string, including escapes. Events that are not text have none.
	Text string
}

// Frame is the part of an event that a run of events shares.
type Frame struct {
	// Name is the event's type, or empty for an unnamed event.
	Name string

	// Head and Tail are the payload before and after the text. Events that are not
	// text have their whole payload in Head.
	Head, Tail string

	// Channel names the text to which the event adds. Consecutive events of the same
	// channel form one text, and a grapheme cluster may span them. An empty channel
	// marks an event that is not text and is written undivided.
	Channel string

	// Number, if not 0, is an offset in Head. The sequence number of the event's
	// first cluster is inserted there, for payloads that have no id of their own.
	Number int
}

// IsText reports whether the text of events with this frame is paced.
func (f *Frame) IsText() bool { return f.Channel != "" }

// size returns the approximate memory use of the frame in bytes.
func (f *Frame) size() int {
	const header = 80
	return header + len(f.Name) + len(f.Head) + len(f.Tail) + len(f.Channel)
}

// appendHead appends the payload before the text. Number is the sequence number of the
// cluster that follows.
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
