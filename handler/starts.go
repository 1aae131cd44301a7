package handler

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/streams"
)

// starts are the starts under way at this replica. Requests with the same idempotency key
// share a start. A start outlives the requests by the grace of a stream: the service may
// already be at work when a client disconnects to repeat the request.
type starts struct {
	registry  *streams.Registry
	lifecycle *lifecycle
	logger    *slog.Logger

	mu    sync.Mutex
	named map[string]*start // by the name of the claim
}

func newStarts(registry *streams.Registry, lifecycle *lifecycle, logger *slog.Logger) *starts {
	return &starts{registry: registry, lifecycle: lifecycle, logger: logger, named: map[string]*start{}}
}

// opener opens a stream for a claim, within a context that ends with the cancel function.
type opener func(ctx context.Context, cancel context.CancelFunc, claimed *streams.Start) opened

// start is a start under way. Requests wait for done, and then read the result.
type start struct {
	starts *starts
	claim  streams.Claim
	cancel context.CancelFunc
	done   chan struct{}
	result result // set when done is closed

	// starts.mu guards the fields below.
	waiting int         // requests between join and leave
	abandon *time.Timer // runs while no request waits
	ended   bool
	taken   bool // the first request has taken the result
}

// result is the result of a start.
type result struct {
	opened

	// id is the id of the stream, opened by this start or an earlier one, or empty.
	id string
}

// join returns the start with the name of a claim, or begins one. The caller calls leave
// after reading the result. The error is [streams.ErrClaimed] if the start under way is for
// another request.
func (a *starts) join(claim streams.Claim, open opener) (*start, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, ok := a.named[claim.Name]
	switch {
	case !ok:
		s = a.begin(claim, open)
	case s.claim.Request != claim.Request:
		return nil, streams.ErrClaimed
	}
	s.waiting++
	if s.abandon != nil {
		s.abandon.Stop()
		s.abandon = nil
	}
	return s, nil
}

// begin begins a start, with the lock held. The goroutine ends with the start.
func (a *starts) begin(claim streams.Claim, open opener) *start {
	ctx, cancel := context.WithCancel(a.lifecycle.shutdownCtx)
	s := &start{starts: a, claim: claim, cancel: cancel, done: make(chan struct{})}
	a.named[claim.Name] = s
	a.lifecycle.inflight.Go(func() { s.end(s.run(ctx, open)) })
	return s
}

// run claims the name and opens the stream. After a failure the name is free again.
func (s *start) run(ctx context.Context, open opener) (r result) {
	defer func() {
		if cause := recover(); cause != nil {
			s.starts.logger.Error("panic", "stream", s.claim.Stream, "cause", cause, "stack", string(debug.Stack()))
			r = result{opened: opened{err: apierror.Internal}}
		}
	}()
	claimed, id, err := s.starts.registry.Claim(ctx, s.claim)
	if claimed == nil {
		return result{opened: opened{err: err}, id: id}
	}
	defer func() {
		if r.stream == nil {
			claimed.Release(context.WithoutCancel(ctx))
		}
	}()
	r.opened = open(ctx, s.cancel, claimed)
	if r.stream != nil {
		r.id = r.stream.ID
	}
	return r
}

// end publishes the result.
func (s *start) end(r result) {
	s.starts.mu.Lock()
	delete(s.starts.named, s.claim.Name)
	s.result, s.ended = r, true
	if s.abandon != nil {
		s.abandon.Stop()
	}
	unused := s.waiting == 0
	s.starts.mu.Unlock()
	close(s.done)
	if unused {
		s.discard()
	}
}

// first reports whether the caller is the first one to take the result.
func (s *start) first() bool {
	s.starts.mu.Lock()
	defer s.starts.mu.Unlock()
	first := !s.taken
	s.taken = true
	return first
}

// leave ends the wait of a request. A start without a waiting request is canceled after the
// grace.
func (s *start) leave() {
	s.starts.mu.Lock()
	s.waiting--
	unused := s.waiting == 0 && s.ended
	if s.waiting == 0 && !s.ended {
		s.abandon = time.AfterFunc(s.starts.registry.Grace(), s.cancelAbandoned)
	}
	s.starts.mu.Unlock()
	if unused {
		s.discard()
	}
}

// cancelAbandoned cancels a start for which no request waits.
func (s *start) cancelAbandoned() {
	s.starts.mu.Lock()
	defer s.starts.mu.Unlock()
	if s.waiting == 0 && !s.ended {
		s.cancel()
	}
}

// discard releases the result after the last request. A stream goes on for its viewers.
func (s *start) discard() {
	if s.result.stream != nil {
		s.result.stream.Detach()
		return
	}
	if s.result.reply != nil {
		s.result.reply.Close()
	}
	if s.result.release != nil {
		s.result.release()
	}
	s.cancel()
}
