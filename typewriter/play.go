package typewriter

import (
	"context"
	"time"
)

// HoldTime is how long a cluster that may still grow waits for the rest of it.
const HoldTime = 100 * time.Millisecond

// Writer is where a player writes. It is called from one goroutine.
type Writer interface {
	// Write takes one event. It may keep it until the next Flush, but must not
	// keep Data.
	Write(Output) error

	// Flush sends what was written. It is called once for the events that are due
	// together, and not without any.
	Flush() error

	// Heartbeat sends a sign of life, at once.
	Heartbeat() error
}

// Output is an event that leaves.
type Output struct {
	Name string
	Data []byte

	// Next is where to go on after this event.
	Next Position

	// Clusters is how many clusters of text the event holds; 0: it is not text.
	Clusters int

	// Lag is how long ago the event arrived: the oldest part of it. Late is how
	// long ago it was due.
	Lag, Late time.Duration
}

// Player plays a log to one viewer.
type Player struct {
	Log  *Log
	Pace Pace

	// From is where to begin.
	From Position

	// Heartbeat is how long nothing is written before a heartbeat is; 0: never.
	Heartbeat time.Duration

	// Forget lets go of the log's entries once they are played.
	Forget bool
}

// Play writes the events of the log from the player's position on, each when it
// is due, until the log has ended. Text is typed cluster by cluster; every other
// event waits until the text before it has been typed. The concatenation of the
// texts written equals that of the texts in the log.
//
// It returns nil at the log's end, ctx's error when that is done, or the
// writer's. It starts no goroutine.
func (p *Player) Play(ctx context.Context, w Writer) error {
	// One channel for the log and for ctx: a select costs by how many it waits for.
	ready := make(chan struct{}, 1)
	defer p.Log.Subscribe(ready)()
	defer context.AfterFunc(ctx, func() {
		select {
		case ready <- struct{}{}:
		default:
		}
	})()
	s := newScript(p, w)
	timer := time.NewTimer(never)
	defer timer.Stop()
	beat := s.now // when something was written last
	for {
		over, err := s.round()
		if over || err != nil {
			return err
		}
		wake := s.wake
		if p.Heartbeat > 0 {
			if s.wrote {
				beat = s.now
			} else if s.now >= beat+p.Heartbeat {
				if err := w.Heartbeat(); err != nil {
					return err
				}
				beat = s.now
			}
			wake = min(wake, beat+p.Heartbeat)
		}
		timer.Reset(wake - s.time())
		select {
		case <-ready:
			if err := ctx.Err(); err != nil {
				return err
			}
		case <-timer.C:
		}
	}
}

// never is a time that does not come.
const never = time.Duration(1<<63 - 1)
