package redisstore

import (
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"sse-typewriter/typewriter"
)

// Fields of an entry. Entry i of a log is i+1 in Redis, whose ids begin at 1, so that
// nothing can be written twice. An entry without a frame has that of the one before.
const (
	fieldText    = "t"
	fieldArrived = "a" // milliseconds since the log was begun
	fieldName    = "n"
	fieldHead    = "h"
	fieldTail    = "l"
	fieldChannel = "c"
	fieldNumber  = "i"
	fieldEnd     = "e" // the log's end; nothing else is in that entry
)

// Fields of what is known about a stream; besides, one for each Ask.
const (
	fieldSeal    = "seal"
	fieldStarted = "started" // in milliseconds since 1970
	fieldLogID   = "logid"
	fieldWriter  = "writer" // the replica that may write
)

// encode returns the fields of an entry, given the frame of the one before.
func encode(e typewriter.Event, at time.Duration, before *typewriter.Frame) []any {
	fields := []any{fieldText, e.Text, fieldArrived, at.Milliseconds()}
	if f := e.Frame; f != before {
		fields = append(fields, fieldName, f.Name, fieldHead, f.Head)
		if f.IsText() {
			fields = append(fields, fieldTail, f.Tail, fieldChannel, f.Channel)
		}
		if f.Number > 0 {
			fields = append(fields, fieldNumber, f.Number)
		}
	}
	return fields
}

// size is about what fields take in Redis.
func size(fields []any) (n int) {
	for _, f := range fields {
		n += 4
		if text, ok := f.(string); ok {
			n += len(text)
		}
	}
	return n
}

// decoder reads entries in their order.
type decoder struct {
	frame *typewriter.Frame
	n     int // entries read so far
}

// decode reads an entry; ok is false if it is not the one that follows.
func (d *decoder) decode(m redis.XMessage) (e typewriter.Event, at time.Duration, ended, ok bool) {
	number, _, _ := strings.Cut(m.ID, "-")
	if number != strconv.Itoa(d.n+1) {
		return e, 0, false, false
	}
	if _, ended = m.Values[fieldEnd]; ended {
		return e, 0, true, true
	}
	text := func(field string) string {
		value, _ := m.Values[field].(string)
		return value
	}
	if _, framed := m.Values[fieldHead]; framed {
		i, _ := strconv.Atoi(text(fieldNumber))
		f := &typewriter.Frame{
			Name: text(fieldName), Head: text(fieldHead), Tail: text(fieldTail), Channel: text(fieldChannel),
			Number: i,
		}
		if i < 0 || i > len(f.Head) {
			return e, 0, false, false
		}
		d.frame = f
	}
	if d.frame == nil {
		return e, 0, false, false
	}
	ms, _ := strconv.ParseInt(text(fieldArrived), 10, 64)
	d.n++
	return typewriter.Event{Frame: d.frame, Text: text(fieldText)}, time.Duration(ms) * time.Millisecond, false, true
}
