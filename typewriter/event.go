package typewriter

import (
	"fmt"
	"strconv"
	"strings"
)

// Event is one event of a stream: what all events of a run have in common, and
// the text that is this one's own.
type Event struct {
	// Frame is the event's type and the payload around its text. It is never nil
	// and is shared between events: nobody changes it.
	Frame *Frame

	// Text is the text between Frame.Head and Frame.Tail as it stands in the
	// payload: the inside of a JSON string, escapes and all. It is empty in an
	// event that is not text.
	Text string
}

// Frame is what the events of a run have in common.
type Frame struct {
	// Name is the event's type; empty for an unnamed event.
	Name string

	// Head and Tail are the payload before and after the text. An event that is
	// not text has its whole payload in Head.
	Head, Tail string

	// Channel tells which running text the event adds to: the texts of events
	// with the same channel are read as one, and a grapheme cluster may span
	// them. Empty: the event is not text and passes in one piece.
	Channel string

	// Number, when not 0, is the place in Head where the running number of the
	// event's first cluster is written. It serves payloads that bring no id.
	Number int
}

// IsText reports whether the event's text is to be typed.
func (f *Frame) IsText() bool { return f.Channel != "" }

// Size is what the frame holds in memory, in bytes, near enough.
func (f *Frame) size() int {
	const header = 80
	return header + len(f.Name) + len(f.Head) + len(f.Tail) + len(f.Channel)
}

// appendHead begins a payload: what stands before the text. Number is the
// running number of the cluster that follows.
func (f *Frame) appendHead(dst []byte, number int64) []byte {
	if f.Number == 0 {
		return append(dst, f.Head...)
	}
	dst = append(dst, f.Head[:f.Number]...)
	dst = strconv.AppendInt(dst, number, 10)
	return append(dst, f.Head[f.Number:]...)
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
