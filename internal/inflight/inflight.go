// Package inflight counts operations in flight and waits for them. It never cancels an
// operation.
package inflight

import (
	"context"
	"sync"
)

// Group counts operations in flight. Unlike a [sync.WaitGroup], the count may rise from
// zero during a Wait. The zero value is ready to use. A Group is safe for concurrent use.
type Group struct {
	mu   sync.Mutex
	n    int
	zero []chan struct{} // closed when n reaches 0
}

// Add increments the count.
func (g *Group) Add() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n++
}

// Done decrements the count.
func (g *Group) Done() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n--
	if g.n > 0 {
		return
	}
	for _, c := range g.zero {
		close(c)
	}
	g.zero = nil
}

// Go counts f while f runs in a new goroutine.
func (g *Group) Go(f func()) {
	g.Add()
	go func() {
		defer g.Done()
		f()
	}()
}

// Len returns the current count.
func (g *Group) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.n
}

// Wait blocks until the count has been zero at some moment, or returns the error of ctx.
func (g *Group) Wait(ctx context.Context) error {
	g.mu.Lock()
	if g.n == 0 {
		g.mu.Unlock()
		return nil
	}
	zero := make(chan struct{})
	g.zero = append(g.zero, zero)
	g.mu.Unlock()
	select {
	case <-zero:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
