// Package inflight counts what is going on and waits until nothing is. It never ends
// anything itself.
package inflight

import (
	"context"
	"sync"
)

// Group is a count that can be waited for while it goes up and down: unlike a
// sync.WaitGroup, it may leave zero while somebody waits. The zero value is ready; it
// is safe for concurrent use.
type Group struct {
	mu   sync.Mutex
	n    int
	zero []chan struct{} // closed when n comes to 0
}

// Add counts one more.
func (t *Group) Add() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
}

// Done counts one less.
func (t *Group) Done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n--
	if t.n > 0 {
		return
	}
	for _, c := range t.zero {
		close(c)
	}
	t.zero = nil
}

// Go runs f, which is counted, in a goroutine. It ends with f.
func (t *Group) Go(f func()) {
	t.Add()
	go func() {
		defer t.Done()
		f()
	}()
}

// Len returns the count.
func (t *Group) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

// Wait waits until the count has been zero at one moment, or until ctx is done, whose
// error it then returns.
func (t *Group) Wait(ctx context.Context) error {
	t.mu.Lock()
	if t.n == 0 {
		t.mu.Unlock()
		return nil
	}
	zero := make(chan struct{})
	t.zero = append(t.zero, zero)
	t.mu.Unlock()
	select {
	case <-zero:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
