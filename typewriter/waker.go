package typewriter

import (
	"sync/atomic"
	"time"
)

// waker wakes one goroutine at a time, or when it rings before.
type waker struct {
	timer     *time.Timer
	signal    chan struct{}
	woken     atomic.Bool
	timerOnly atomic.Bool // the timer is all that is waited for
}

func newWaker() *waker {
	return &waker{timer: time.NewTimer(never), signal: make(chan struct{}, 1)}
}

// Wake ends the wait that is, or is next; it may end the one after that, too.
func (w *waker) Wake() {
	w.woken.Store(true)
	select {
	case w.signal <- struct{}{}:
	default:
	}
	if w.timerOnly.Load() {
		w.timer.Reset(0)
	}
}

// wait waits for a time, and reports whether ring was called since it has returned last;
// of a ring in the same moment the next wait may tell. timerOnly says that it hardly ever is.
//
// A select of two channels costs twice the wait for one. But a timer that is set to an
// earlier time has the runtime look through all timers of the processor, so where it may
// ring often the select is cheaper.
func (w *waker) wait(d time.Duration, timerOnly bool) (woken bool) {
	w.timer.Reset(d)
	if timerOnly {
		w.timerOnly.Store(true)
		if !w.woken.Load() {
			<-w.timer.C
		}
		w.timerOnly.Store(false)
		return w.woken.Swap(false)
	}
	select {
	case <-w.signal:
		return true
	case <-w.timer.C:
		return false
	}
}

// never is a time that does not come.
const never = time.Duration(1<<63 - 1)
