package mock

import (
	"bytes"
	"fmt"
	"time"
)

// Event is an event of a stream, after a pause. An event without a pause joins the write of
// the previous event.
type Event struct {
	After  time.Duration
	Name   string
	Data   []byte
	IsText bool // a piece of an answer
}

// Encoder encodes an event. The number counts the events of a stream from 0.
type Encoder func(number int, e Event) []byte

// CompactSSE encodes an event as SSE without optional spaces.
func CompactSSE(_ int, e Event) []byte {
	return fmt.Appendf(nil, "event:%s\ndata:%s\n\n", e.Name, e.Data)
}

// SSE encodes an event as SSE with a space after each colon.
func SSE(_ int, e Event) []byte {
	return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", e.Name, e.Data)
}

// WithLineEnds returns an encoder with other line ends than LF.
func WithLineEnds(encode Encoder, end string) Encoder {
	return func(number int, e Event) []byte {
		return bytes.ReplaceAll(encode(number, e), []byte("\n"), []byte(end))
	}
}

// CommentedSSE encodes an event with all features of the SSE standard: a byte order mark,
// comments, retry, ids, spaces after colons, and two data lines for one JSON.
func CommentedSSE(number int, e Event) []byte {
	var out []byte
	if number == 0 {
		out = append(out, "\uFEFF: a comment at the start\nretry: 3000\n\n"...)
	}
	if number%4 == 2 {
		out = append(out, ": still here\n\n"...)
	}
	id := fmt.Sprintf("id: %d\n", number)
	if number%2 == 0 {
		out = append(out, id...)
		id = ""
	}
	out = fmt.Appendf(out, "event: %s\n%s", e.Name, id)
	// A line may end where JSON allows white space: after its first comma.
	if head, tail, ok := bytes.Cut(e.Data, []byte(`,"`)); ok && number%3 != 0 {
		return fmt.Appendf(out, "data: %s,\n: in between\ndata: \"%s\n\n", head, tail)
	}
	return fmt.Appendf(out, "data: %s\n\n", e.Data)
}

// steps encodes events; those without a pause join the previous step.
func steps(events []Event, encode Encoder) []Step {
	var out []Step
	for i, e := range events {
		text := encode(i, e)
		if i > 0 && e.After == 0 {
			last := &out[len(out)-1]
			last.Bytes = append(last.Bytes, text...)
			continue
		}
		out = append(out, Step{After: e.After, Bytes: text})
	}
	return out
}

// Delivery turns the events of a stream into writes.
type Delivery func([]Event) ([]Step, Ending)

// Deliver delivers events by d, or all of them if d is nil.
func (d Delivery) Deliver(events []Event, encode Encoder) ([]Step, Ending) {
	if d == nil {
		d = Whole(encode)
	}
	return d(events)
}

// Whole delivers all events.
func Whole(encode Encoder) Delivery {
	return func(events []Event) ([]Step, Ending) { return steps(events, encode), EndWell }
}

// CutMiddle breaks the connection within a piece in the middle of the answer.
func CutMiddle(encode Encoder) Delivery {
	return func(events []Event) ([]Step, Ending) {
		i := middle(events)
		last := encode(i, events[i])
		return append(steps(events[:i], encode), Step{events[i].After, last[:len(last)/2]}), EndCut
	}
}

// CutEarly breaks the connection before the first piece of the answer.
func CutEarly(encode Encoder) Delivery {
	return func(events []Event) ([]Step, Ending) { return steps(events[:firstText(events)], encode), EndCut }
}

// StopMiddle ends the response properly in the middle of the answer.
func StopMiddle(encode Encoder) Delivery {
	return func(events []Event) ([]Step, Ending) { return steps(events[:middle(events)], encode), EndWell }
}

// Hang delivers all events and then keeps the connection open.
func Hang(encode Encoder) Delivery {
	return func(events []Event) ([]Step, Ending) { return steps(events, encode), EndHang }
}

// ByteByByte writes each byte in a step. The last byte of an event is due with the event; see
// StretchForBytes.
func ByteByByte(encode Encoder) Delivery {
	return func(events []Event) ([]Step, Ending) {
		var out []Step
		for i, e := range events {
			text := encode(i, e)
			wait := e.After - time.Duration(len(text)-1)*byteTime
			for j := range text {
				out = append(out, Step{wait, text[j : j+1]})
				wait = byteTime
			}
		}
		return out, EndWell
	}
}

// byteTime is the pause before each byte in ByteByByte.
const byteTime = time.Millisecond

// StretchForBytes returns the necessary pause before an event for ByteByByte.
func StretchForBytes(number int, e Event, encode Encoder) time.Duration {
	return max(e.After, time.Duration(len(encode(number, e)))*byteTime)
}

// firstText returns the index of the first piece of the answer, or the number of events.
func firstText(events []Event) int {
	for i, e := range events {
		if e.IsText {
			return i
		}
	}
	return len(events)
}

// middle returns the index of the piece in the middle of the answer.
func middle(events []Event) int {
	var pieces []int
	for i, e := range events {
		if e.IsText {
			pieces = append(pieces, i)
		}
	}
	if len(pieces) == 0 {
		return len(events) - 1
	}
	return pieces[len(pieces)/2]
}
