package typewriter

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// No ring is lost, however it meets the wait. The clock is the real one: in a bubble a
// timer fires only when all goroutines wait. It is waited for only if a ring is lost.
func TestWakerLosesNoWake(t *testing.T) {
	const (
		rounds = 10_000
		lost   = 10 * time.Second
	)
	for ringers := range int64(2) {
		ringers++
		w := newWaker()
		defer w.timer.Stop()
		var ringing sync.WaitGroup
		var round, done atomic.Int64
		for ringer := range ringers {
			ringing.Go(func() {
				for r := range int64(rounds) {
					for spins := 1; round.Load() <= r; spins++ {
						if spins%1000 == 0 { // mostly it stays on its processor
							runtime.Gosched()
						}
					}
					// Sooner or later, so that each step of the wait is met.
					for range r * (ringer + 1) % 61 {
						done.Load()
					}
					done.Add(1)
					w.Wake()
				}
			})
		}
		for known := int64(0); known < rounds*ringers; {
			if known == round.Load()*ringers {
				round.Add(1)
			}
			began := time.Now()
			if w.wait(lost, known%8 > 0) {
				known = done.Load()
			}
			if time.Since(began) >= lost {
				t.Errorf("of %d ringers, one was not heard in round %d", ringers, round.Load())
				break
			}
		}
		round.Store(rounds)
		ringing.Wait()
	}
}

// An alarm that does not ring lets all the time go by, but for what rang before; once it
// rings it is heard at once.
func TestWaker(t *testing.T) {
	for _, timerOnly := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWaker()
			defer w.timer.Stop()
			check := func(what string, d time.Duration, want bool, took time.Duration) {
				t.Helper()
				began := time.Now()
				rung := w.wait(d, timerOnly)
				if got := time.Since(began); rung != want || got != took {
					t.Errorf("timerOnly %v, %s: %v after %v, want %v after %v", timerOnly, what, rung, got, want, took)
				}
			}
			check("new", time.Second, false, time.Second)
			w.Wake()
			w.Wake()
			check("it rang before", time.Second, true, 0)
			check("heard", time.Second, false, time.Second)
			time.AfterFunc(ms(10), w.Wake)
			check("it rings meanwhile", time.Second, true, ms(10))
			check("heard, too", time.Second, false, time.Second)
			time.AfterFunc(ms(10), w.Wake)
			check("a time that does not come", never, true, ms(10))
			check("a time that is over", -time.Second, false, 0)
			check("and again", time.Second, false, time.Second)
		})
	}
}

// A ring is heard whichever way of waiting comes after it, and not for ever.
func TestWakerChangesMode(t *testing.T) {
	for _, timerOnly := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWaker()
			defer w.timer.Stop()
			w.Wake()
			if !w.wait(time.Hour, timerOnly) {
				t.Error("not heard")
			}
			w.wait(time.Hour, !timerOnly) // may hear it once more
			began := time.Now()
			if w.wait(time.Second, !timerOnly) || time.Since(began) != time.Second {
				t.Error("heard for ever")
			}
		})
	}
}
