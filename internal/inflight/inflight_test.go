package inflight

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Whoever waits is told when the count has come to zero, although it goes up again.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tally Group
		if err := tally.Wait(t.Context()); err != nil {
			t.Errorf("nothing is going on, and got %v", err)
		}
		end := make(chan struct{})
		tally.Add()
		tally.Go(func() { <-end })
		if n := tally.Len(); n != 2 {
			t.Errorf("%d are counted, want 2", n)
		}
		waited := make(chan error, 2)
		for range 2 {
			go func() { waited <- tally.Wait(t.Context()) }()
		}
		synctest.Wait()
		tally.Done()
		synctest.Wait()
		if len(waited) != 0 {
			t.Error("one is still going on, and nobody waits")
		}
		close(end)
		synctest.Wait()
		tally.Add()
		if len(waited) != 2 || <-waited != nil || <-waited != nil {
			t.Error("not all were told")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := tally.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's error", err)
		}
		tally.Done()
		if err := tally.Wait(t.Context()); err != nil || tally.Len() != 0 {
			t.Errorf("got %v, and %d are counted", err, tally.Len())
		}
	})
}
