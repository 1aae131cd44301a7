package streams

import (
	"context"
	"errors"
	"time"
)

// Claim reserves the name of a start for a stream, so that a client which repeats the start
// finds the stream.
type Claim struct {
	// Name identifies the start among the starts of all clients. It must be a hash.
	Name string

	// Request is a hash of the request. A claim is for this request alone.
	Request string

	// Stream is the id of the claiming stream.
	Stream string

	// Started reports whether the stream can be found. Otherwise the stream is about to be
	// opened, or has no entry that would survive the loss of the replica.
	Started bool
}

// ClaimLease is the lifetime of a claim without a stream after each renewal: the claim of a
// lost replica is free afterwards.
const ClaimLease = 5 * time.Second

const (
	claimRenewal = 1500 * time.Millisecond // interval of the renewals
	claimPoll    = 100 * time.Millisecond  // interval of the looks at the claim of another replica
)

// ErrClaimed reports a claim of the same name for another request.
var ErrClaimed = errors.New("the name is claimed for another request")

// Start is a claim of this replica for a stream that has not been opened. Either
// [Registry.Open] or [Start.Release] ends a Start.
type Start struct {
	registry *Registry
	claim    Claim
	end      context.CancelFunc // ends the renewal
}

// Claim claims a name for the stream that the caller is about to open, and returns the
// Start. If another stream has the name, Claim returns the id of that stream. While a
// stream with the name is being opened at another replica, Claim waits. Callers must not
// claim a name concurrently in one process. During an outage of the store, only streams of
// this replica are known.
//
// The error is [ErrClaimed], [ErrUnavailable] if the stream with the name cannot be
// reached now, or the error of ctx.
func (r *Registry) Claim(ctx context.Context, c Claim) (start *Start, stream string, err error) {
	for {
		holder, err := r.holder(ctx, c)
		switch {
		case err != nil:
			return nil, "", err
		case holder.Request != c.Request:
			return nil, "", ErrClaimed
		case holder.Stream == c.Stream:
			return r.start(c), "", nil //nolint:contextcheck // the claim outlives the request
		case holder.Started:
			return nil, holder.Stream, nil
		}
		select {
		case <-time.After(claimPoll):
		case <-ctx.Done():
			return nil, "", ctx.Err()
		}
	}
}

// holder claims a name once, and returns the claim that holds the name.
func (r *Registry) holder(ctx context.Context, c Claim) (Claim, error) {
	if holder, ok := r.localClaim(c.Name); ok || r.options.Store == nil {
		if !ok {
			holder = c
		}
		return holder, nil
	}
	for {
		holder, err := r.options.Store.Claim(ctx, c)
		switch {
		case errors.Is(err, ErrIncompatible):
			return Claim{}, ErrIncompatible
		case err != nil:
			return c, ctx.Err()
		case holder.Stream == c.Stream || !holder.Started:
			return holder, nil
		}
		switch _, err := r.options.Store.Find(ctx, holder.Stream); {
		case err == nil:
			return holder, nil
		case !errors.Is(err, ErrGone):
			return Claim{}, ErrUnavailable
		}
		if err := r.options.Store.Release(ctx, holder); err != nil { // the stream was evicted
			return Claim{}, ErrUnavailable
		}
	}
}

// localClaim returns the claim of a stream of this replica.
func (r *Registry) localClaim(name string) (Claim, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.claims[name]
	if !ok {
		return Claim{}, false
	}
	return Claim{Name: name, Request: s.claim.Request, Stream: s.ID, Started: true}, true
}

// start returns the Start for a claim. A goroutine renews the claim until the end of the
// Start or of the registry.
func (r *Registry) start(c Claim) *Start {
	ctx, cancel := context.WithCancel(r.sharing)
	s := &Start{registry: r, claim: c, end: cancel}
	if r.options.Store == nil {
		return s
	}
	r.work.Go(func() {
		ticker := time.NewTicker(claimRenewal)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				_, _ = r.options.Store.Claim(ctx, c) // repeated
			case <-ctx.Done():
				return
			}
		}
	})
	return s
}

// Release frees the name: the next client with the name starts a stream.
func (s *Start) Release(ctx context.Context) {
	s.end()
	if store := s.registry.options.Store; store != nil {
		_ = store.Release(ctx, s.claim) // after an error the claim lapses
	}
}

// claimFor gives the claim of a Start to a stream; with the lock of the registry held. Nil
// stands for no claim.
func (s *Start) claimFor(stream *Stream) {
	if s == nil {
		return
	}
	s.end()
	s.registry.claims[s.claim.Name] = stream
}
