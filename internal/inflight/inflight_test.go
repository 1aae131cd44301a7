package inflight

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Wait returns once the count has been zero, even if it rises again at once.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var group Group
		if err := group.Wait(t.Context()); err != nil {
			t.Errorf("an empty group: %v", err)
		}
		end := make(chan struct{})
		group.Add()
		group.Go(func() { <-end })
		if n := group.Len(); n != 2 {
			t.Errorf("the count is %d, want 2", n)
		}
		waited := make(chan error, 2)
		for range 2 {
			go func() { waited <- group.Wait(t.Context()) }()
		}
		synctest.Wait()
		group.Done()
		synctest.Wait()
		if len(waited) != 0 {
			t.Error("Wait returned while the count was 1")
		}
		close(end)
		synctest.Wait()
		group.Add()
		if len(waited) != 2 || <-waited != nil || <-waited != nil {
			t.Error("not all calls of Wait returned")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := group.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's error", err)
		}
		group.Done()
		if err := group.Wait(t.Context()); err != nil || group.Len() != 0 {
			t.Errorf("got %v and a count of %d", err, group.Len())
		}
	})
}
