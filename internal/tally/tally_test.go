package tally

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Whoever waits goes on when the count is zero, also when it goes up again after that.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tally Tally
		if err := tally.Wait(t.Context()); err != nil {
			t.Errorf("of nothing: %v", err)
		}
		began := time.Now()
		tally.Go(func() { time.Sleep(time.Second) })
		tally.Go(func() {
			time.Sleep(2 * time.Second)
			tally.Done() // of the one below
		})
		tally.Add()
		if n := tally.Len(); n != 3 {
			t.Errorf("%d are going on, want 3", n)
		}
		if err := tally.Wait(t.Context()); err != nil || time.Since(began) != 2*time.Second || tally.Len() != 0 {
			t.Errorf("waited for %v, %d are left, error %v", time.Since(began), tally.Len(), err)
		}
	})
}

// Nobody waits longer than he wants.
func TestWaitGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tally Tally
		tally.Add()
		defer tally.Done()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := tally.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("waited for %v, error %v", time.Since(began), err)
		}
	})
}
