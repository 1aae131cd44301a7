package typewriter

import (
	"context"
	"strconv"
	"time"
)

// Writer is the destination of a player. [Player.Play] calls the methods from a single
// goroutine and stops at the first error.
type Writer interface {
	// Write writes an event. Implementations must not retain the event.
	Write(*Output) error

	// Flush sends all written events. Flush follows the last Write of each group of
	// events due together.
	Flush() error

	// Heartbeat sends a sign of life immediately.
	Heartbeat() error
}

// Output is an event written by a player.
type Output struct {
	// Frame is the event's type and the payload around the text.
	Frame *Frame

	// Text is the part of the text in this event.
	Text []byte

	// Number is the number to insert, for frames with a Number.
	Number int64

	// Next is the position after the event.
	Next Position

	// Clusters is the number of clusters in Text, or 0 if the event is not paced text.
	Clusters int

	// Lag is the time since the oldest part of the event arrived.
	Lag time.Duration

	// Late is the time since the event was due.
	Late time.Duration

	before []byte // for a snapshot, the text of the channel before the event
	piece  piece  // which part of its entry's text the event ends in
}

// AppendData appends the payload of the event to dst.
func (o *Output) AppendData(dst []byte) []byte {
	p := o.Frame.payload(o.piece)
	inTail := p.Number - len(p.Head)
	if inTail <= 0 {
		dst = o.appendNumbered(dst, p.Head, p.Number)
	} else {
		dst = append(dst, p.Head...)
	}
	if p.Twin != "" {
		dst = append(append(dst, o.before...), o.Text...)
		dst = append(dst, p.Twin...)
	}
	dst = append(append(dst, o.before...), o.Text...)
	return o.appendNumbered(dst, p.Tail, inTail)
}

// appendNumbered appends a part of the payload to dst, with the number at an offset in part
// that is greater than 0.
func (o *Output) appendNumbered(dst []byte, part string, offset int) []byte {
	if offset > 0 {
		dst = append(dst, part[:offset]...)
		dst = strconv.AppendInt(dst, o.Number, 10)
		part = part[offset:]
	}
	return append(dst, part...)
}

// Player plays a log to one viewer. Log and Pace are required.
type Player struct {
	Log  *Log
	Pace Pace

	// From is the start position.
	From Position

	// Heartbeat, if not 0, is the interval of heartbeats while nothing else is written.
	Heartbeat time.Duration

	// Skip, if not nil, ends the pacing once set.
	Skip *Skip

	// TrimPlayed frees entries of the log once they are played. No other player may
	// read the log then.
	TrimPlayed bool
}

// Play writes the events of the log, from p.From to the end of the log, each when it is
// due. Text is written cluster by cluster; any other event follows the text before it. The
// concatenation of the texts written equals the concatenation of the texts in the log.
//
// Play returns nil at the end of the log, or the first error of w or ctx.
func (p *Player) Play(ctx context.Context, w Writer) error {
	signal := make(chan struct{}, 1)
	wake := Notify(signal)
	defer p.Log.Subscribe(wake)()
	defer p.Skip.subscribe(wake)()
	defer context.AfterFunc(ctx, wake)()
	timer := time.NewTimer(never)
	defer timer.Stop()
	s := newPlayback(p, w)
	lastWrite := s.now // of an event or a heartbeat
	for changed := true; ; {
		done, err := s.step(changed)
		if done || err != nil {
			return err
		}
		wakeAt := s.wakeAt
		if p.Heartbeat > 0 {
			if s.wrote {
				lastWrite = s.now
			} else if s.now >= lastWrite+p.Heartbeat {
				if err := w.Heartbeat(); err != nil {
					return err
				}
				lastWrite = s.now
			}
			wakeAt = min(wakeAt, lastWrite+p.Heartbeat)
		}
		timer.Reset(wakeAt - s.time())
		select {
		case <-signal:
			if err := ctx.Err(); err != nil {
				return err
			}
			changed = true
		case <-timer.C:
			changed = false
		}
	}
}

// never is an infinite time.
const never = time.Duration(1<<63 - 1)
