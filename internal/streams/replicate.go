package streams

import (
	"context"
	"crypto/subtle"
	"errors"
	"iter"
	"time"

	"sse-typewriter/typewriter"
)

// Continue goes on with a stream whose replica is gone, given the events that were
// recorded of it. It returns those that follow, up to an end, and their source. They end
// when ctx does.
type Continue func(ctx context.Context, seen iter.Seq[typewriter.Event]) (iter.Seq[typewriter.Event], Source)

// catchUp is how long a viewer waits for a stream of another replica to come to where
// the viewer was.
const catchUp = 3 * time.Second

// share has a new stream written to the store.
func (r *Registry) share(s *Stream) {
	if r.options.Store == nil || !s.kept {
		return
	}
	s.shared = true
	s.LocalOnly = r.options.Store.Create(r.writing, s.ID, s.about()) != nil
	r.mu.Lock()
	defer r.mu.Unlock()
	r.write(s)
}

func (s *Stream) about() Metadata {
	return Metadata{OwnerHash: s.owner, LogID: s.LogID, Started: s.Log.Started()}
}

// feed is the stream for the store to write. What is in its log by now came from there.
func (s *Stream) feed() Feed {
	barrier := s.Log.Barrier()
	return Feed{Metadata: s.about(), Barrier: barrier, Written: barrier.Committed(), OnCommand: s.asked}
}

// write starts to write a stream to the store; with the lock held. It ends when the log
// has ended and is written, at the latest with the registry. It does not when that has
// stopped already, and reports so.
func (r *Registry) write(s *Stream) bool {
	if r.writing.Err() != nil {
		return false
	}
	feed := s.feed()
	if s.LocalOnly {
		feed.Barrier.Open() // the store is out of reach already
	}
	r.writers.Go(func() {
		_ = r.options.Store.Write(r.writing, s.ID, feed) // the store tells of its troubles itself
		s.Ended()                                // which could not be seen before
	})
	return true
}

// asked does what another replica asks.
func (s *Stream) asked(ask Command) {
	switch ask {
	case CommandSkip:
		s.Skipping.Set()
	case CommandStop:
		r := s.registry
		r.mu.Lock()
		defer r.mu.Unlock()
		if !s.stopping && !s.remote && r.sharing.Err() == nil {
			// It may take as long as the upstream takes.
			r.work.Go(func() { s.Cancel(r.sharing) })
		}
		s.stopping = true
	case CommandView:
		s.registry.mu.Lock()
		defer s.registry.mu.Unlock()
		s.settle() // the grace begins again
	}
}

// Find is [Registry.Attach] for the streams of all replicas: the error is [ErrGone], or
// [ErrUnavailable] when it cannot be told now. If the replica that has the stream is
// lost, proceed is called to go on with it here.
func (r *Registry) Find(ctx context.Context, id, owner string, proceed Continue) (*Stream, error) {
	if s, ok := r.Attach(id, owner); ok {
		return s, s.awaitLoad(ctx)
	}
	if r.options.Store == nil {
		return nil, ErrGone
	}
	about, err := r.options.Store.Find(ctx, id)
	if err != nil && !errors.Is(err, ErrGone) {
		return nil, ErrUnavailable
	}
	sealed := seal(id, owner)
	if err != nil {
		about.OwnerHash = make([]byte, len(sealed))
	}
	if subtle.ConstantTimeCompare(about.OwnerHash, sealed) != 1 {
		return nil, ErrGone
	}
	s, err := r.adopt(id, about, proceed) //nolint:contextcheck // the stream outlives its first viewer
	if err != nil {
		return nil, err
	}
	return s, s.awaitLoad(ctx)
}

// adopt adds a stream of another replica, with a viewer, and starts to read it. It ends
// with the stream, or when nobody looks on any more.
func (r *Registry) adopt(id string, about Metadata, proceed Continue) (*Stream, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.streams[id]; ok { // another viewer was faster
		s.viewers++
		s.settle()
		return s, nil
	}
	if r.draining.Load() {
		return nil, ErrUnavailable
	}
	ctx, cancel := context.WithCancel(r.sharing)
	s := &Stream{
		ID: id, LogID: about.LogID, Log: typewriter.NewLog(typewriter.LogOptions{Started: about.Started, Budget: r.budget, Overhead: streamBytes}),
		registry: r, owner: about.OwnerHash, kept: true, shared: true, remote: true,
		viewers: 1, loaded: make(chan struct{}),
	}
	s.source = s.borrowed(cancel)
	r.streams[id] = s
	r.work.Go(func() {
		defer cancel()
		r.follow(ctx, s, proceed)
	})
	return s, nil
}

// awaitLoad waits until what the store holds of the stream is in its log; if that takes
// too long it detaches the viewer.
func (s *Stream) awaitLoad(ctx context.Context) error {
	if s.loaded == nil {
		return nil
	}
	timer := time.NewTimer(catchUp)
	defer timer.Stop()
	select {
	case <-s.loaded:
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	s.Detach()
	return ErrUnavailable
}

// follow reads a stream of another replica and, if that is lost, goes on with it.
func (r *Registry) follow(ctx context.Context, s *Stream, proceed Continue) {
	loaded := false
	err := r.options.Store.Read(ctx, s.ID, Feed{
		Metadata: s.about(), Log: s.Log, OnCommand: s.asked,
		OnLoaded: func() {
			if !loaded {
				loaded = true
				close(s.loaded)
			}
		},
		HasViewers: func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return s.viewers > 0
		},
	})
	switch {
	case err == nil:
	case errors.Is(err, ErrOrphaned):
		r.takeOver(ctx, s, proceed)
		return
	case errors.Is(err, typewriter.ErrFull):
		s.forget()
		s.Log.End(r.options.Full)
	default:
		s.leave() // nobody looks on, or the process ends
		return
	}
	s.release(failure{})
	s.Ended()
}

// leave ends a stream here that is kept elsewhere, where those who look on find it.
func (s *Stream) leave() {
	s.forget()
	s.Log.HandOff()
	s.Log.End()
	s.release(failure{})
	s.Ended()
}

// takeOver goes on with a stream that this replica has become the writer of. That proceed
// may panic is the recording's business: replicas that take it over next would do no better.
func (r *Registry) takeOver(ctx context.Context, s *Stream, proceed Continue) {
	n, _ := s.Log.Len()
	r.mu.Lock()
	s.remote = false
	writing := r.write(s)
	r.mu.Unlock()
	if !writing {
		_ = r.options.Store.Write(r.writing, s.ID, s.feed()) //nolint:contextcheck // done as it is, it hands the stream on
		s.leave()
		return
	}
	_ = s.Record(func(yield func(typewriter.Event) bool) { // the log tells
		events, source := proceed(ctx, s.Log.Events(n))
		r.mu.Lock()
		s.taken = source
		stopping := s.stopping
		r.mu.Unlock()
		if stopping {
			source.Cancel(ctx)
		}
		events(yield)
	})
}

// borrowed is the source of a stream that another replica has, or had.
func (s *Stream) borrowed(stop func()) Source {
	taken := func() Source {
		s.registry.mu.Lock()
		defer s.registry.mu.Unlock()
		return s.taken
	}
	return Source{
		Stop: stop,
		Cancel: func(ctx context.Context) {
			if own := taken(); own.Cancel != nil {
				own.Cancel(ctx)
				return
			}
			s.registry.mu.Lock()
			s.stopping = true
			s.registry.mu.Unlock()
			_ = s.ask(ctx, CommandStop) // if it fails, the viewers go on
		},
		Failure: func() (reason string, cause error) {
			if own := taken(); own.Failure != nil {
				return own.Failure()
			}
			return "", nil
		},
	}
}

// forget has nobody find the stream here any more.
func (s *Stream) forget() {
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	if s.registry.streams[s.ID] == s {
		delete(s.registry.streams, s.ID)
	}
	s.forgotten = true
}

// Await waits until the stream has come to a position where a viewer was, which another
// replica may have shown it, but not for long. It reports whether it has, or has ended.
func (s *Stream) Await(ctx context.Context, p typewriter.Position) bool {
	ready := make(chan struct{}, 1)
	defer s.Log.Subscribe(typewriter.Notify(ready))()
	timer := time.NewTimer(catchUp)
	defer timer.Stop()
	for {
		n, ended := s.Log.Len()
		if ended || !s.shared || p.Entry < n || p.Entry == n && p.Offset == 0 {
			return true
		}
		select {
		case <-ready:
		case <-timer.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// Skip has the players of the stream, of all replicas, type what waits at once.
func (s *Stream) Skip(ctx context.Context) {
	s.Skipping.Set()
	_ = s.ask(ctx, CommandSkip) // those of this replica have been told
}

// Cancel has the upstream stop the answer, whichever replica has it, and the players
// type what waits.
func (s *Stream) Cancel(ctx context.Context) {
	s.registry.mu.Lock()
	cancel := s.source.Cancel
	s.registry.mu.Unlock()
	if cancel != nil {
		cancel(ctx)
	}
	s.Skip(ctx) // nobody wants to wait for what is left
}

// ask asks those that have the stream elsewhere.
func (s *Stream) ask(ctx context.Context, ask Command) error {
	if !s.shared {
		return nil
	}
	return s.registry.options.Store.Send(ctx, s.ID, ask)
}

// Drain has no more streams of other replicas read here.
func (r *Registry) Drain() { r.draining.Store(true) }

// Stop leaves what is shared to the other replicas: streams that run here go on there,
// and viewers of theirs can go on there, too. It takes [HandOver] at most.
func (r *Registry) Stop() {
	r.Drain()
	r.mu.Lock()
	r.endWriting()
	r.mu.Unlock()
	r.writers.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endSharing()
}

// Close is Stop, and waits for all that the registry has begun.
func (r *Registry) Close() {
	r.Stop()
	r.work.Wait()
}
