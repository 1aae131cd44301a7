package typewriter

import (
	"context"
	"time"
)

// Writer is where a player writes. It is called from one goroutine.
type Writer interface {
	// Write takes one event, which it must not keep.
	Write(*Output) error

	// Flush sends what was written. It is called once for the events that are due
	// together, and not without any.
	Flush() error

	// Heartbeat sends a sign of life, at once.
	Heartbeat() error
}

// Output is an event that leaves.
type Output struct {
	// Frame is the event's type and what is around its text, and Text that: what is to
	// be typed, or what is left of an event that is not typed. See AppendData.
	Frame *Frame
	Text  []byte

	// Number is the running number of its first cluster, if the frame wants one.
	Number int64

	// Next is where to go on after this event.
	Next Position

	// Clusters is how many clusters of text the event holds; 0: it is not text.
	Clusters int

	// Lag is how long ago the event arrived: the oldest part of it. Late is how
	// long ago it was due.
	Lag, Late time.Duration
}

// AppendData appends the event's payload.
func (o *Output) AppendData(dst []byte) []byte {
	dst = o.Frame.appendHead(dst, o.Number)
	dst = append(dst, o.Text...)
	return append(dst, o.Frame.Tail...)
}

// Player plays a log to one viewer.
type Player struct {
	Log  *Log
	Pace Pace

	// From is where to begin.
	From Position

	// Heartbeat is how long nothing is written before a heartbeat is; 0: never.
	Heartbeat time.Duration

	// Skip, if not nil, ends the pacing when it is set.
	Skip *Skip

	// TrimPlayed lets go of the log's entries once they are played.
	TrimPlayed bool
}

// Play writes the events of the log from the player's position on, each when it
// is due, until the log has ended. Text is typed cluster by cluster; every other
// event waits until the text before it has been typed. The concatenation of the
// texts written equals that of the texts in the log.
//
// It returns nil at the log's end, ctx's error when that is done, or the
// writer's. It starts no goroutine, but for a moment when ctx ends.
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

// never is a time that does not come.
const never = time.Duration(1<<63 - 1)
