package streams

import (
	"context"
	"crypto/subtle"
	"errors"
	"iter"
	"time"

	"sse-typewriter/typewriter"
)

// Continue completes a stream whose writer is lost. Given the recorded events, it returns
// the events that follow, up to an end, and their source. The events end when ctx is done.
type Continue func(ctx context.Context, recorded iter.Seq[typewriter.Event]) (iter.Seq[typewriter.Event], Source)

// catchUp bounds the wait of a viewer for a stream of another replica to reach the
// viewer's position.
const catchUp = 3 * time.Second

// share starts to copy a new stream to the store.
func (r *Registry) share(s *Stream) {
	if r.options.Store == nil || !s.resumable {
		return
	}
	s.shared = true
	s.LocalOnly = r.options.Store.Create(r.writing, s.ID, s.metadata()) != nil
	r.mu.Lock()
	defer r.mu.Unlock()
	r.startWriter(s)
}

func (s *Stream) metadata() Metadata {
	return Metadata{OwnerHash: s.owner, LogID: s.LogID, Started: s.Log.Started()}
}

// outbound returns the stream for [Store.Write]. The entries that the log already holds
// came from the store.
func (s *Stream) outbound() Outbound {
	barrier := s.Log.Barrier()
	return Outbound{Metadata: s.metadata(), Barrier: barrier, Written: barrier.Committed(), OnCommand: s.onCommand}
}

// startWriter copies a stream to the store in a goroutine that ends when the whole log is
// stored, or with the registry; with the lock held. It reports false if the registry has
// stopped already.
func (r *Registry) startWriter(s *Stream) bool {
	if r.writing.Err() != nil {
		return false
	}
	out := s.outbound()
	if s.LocalOnly {
		out.Barrier.Open() // the store is known to be unavailable
	}
	r.writers.Go(func() {
		_ = r.options.Store.Write(r.writing, s.ID, out) // the store logs its errors
		s.Ended()                                       // the barrier has hidden the end until now
	})
	return true
}

// onCommand executes a command of another replica.
func (s *Stream) onCommand(command Command) {
	switch command {
	case CommandSkip:
		s.Skipping.Set()
	case CommandStop:
		r := s.registry
		r.mu.Lock()
		defer r.mu.Unlock()
		if !s.stopping && !s.remote && r.sharing.Err() == nil {
			// The upstream may take long to reply.
			r.work.Go(func() { s.Cancel(r.sharing) })
		}
		s.stopping = true
	case CommandView:
		s.registry.mu.Lock()
		defer s.registry.mu.Unlock()
		s.updateLifecycle() // restarts the grace
	}
}

// Find adds a viewer to a stream of any replica. The error is [ErrGone] or
// [ErrUnavailable]. If the stream's writer is lost, Find's replica may become the writer
// and complete the stream with proceed.
func (r *Registry) Find(ctx context.Context, id, owner string, proceed Continue) (*Stream, error) {
	if s, ok := r.Attach(id, owner); ok {
		return s, s.awaitLoad(ctx)
	}
	if r.options.Store == nil {
		return nil, ErrGone
	}
	metadata, err := r.options.Store.Find(ctx, id)
	if err != nil && !errors.Is(err, ErrGone) {
		return nil, ErrUnavailable
	}
	hash := hashOwner(id, owner)
	if err != nil {
		metadata.OwnerHash = make([]byte, len(hash))
	}
	if subtle.ConstantTimeCompare(metadata.OwnerHash, hash) != 1 {
		return nil, ErrGone
	}
	s, err := r.addRemote(id, metadata, proceed) //nolint:contextcheck // the stream outlives its first viewer
	if err != nil {
		return nil, err
	}
	return s, s.awaitLoad(ctx)
}

// addRemote adds a stream of another replica with one viewer, and starts to read it until
// its end, or until a grace after its last viewer.
func (r *Registry) addRemote(id string, metadata Metadata, proceed Continue) (*Stream, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.streams[id]; ok { // added by another viewer meanwhile
		s.viewers++
		s.updateLifecycle()
		return s, nil
	}
	if r.draining.Load() {
		return nil, ErrUnavailable
	}
	ctx, cancel := context.WithCancel(r.sharing)
	s := &Stream{
		ID: id, LogID: metadata.LogID, Log: typewriter.NewLog(typewriter.LogOptions{Started: metadata.Started, Budget: r.budget, Overhead: streamOverhead}),
		registry: r, owner: metadata.OwnerHash, resumable: true, shared: true, remote: true,
		viewers: 1, loaded: make(chan struct{}),
	}
	s.source = s.remoteSource(cancel)
	r.streams[id] = s
	r.work.Go(func() {
		defer cancel()
		r.replicate(ctx, s, proceed)
	})
	return s, nil
}

// awaitLoad waits until the log holds the stored entries. If loading takes too long,
// awaitLoad detaches the viewer.
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

// replicate reads a stream of another replica. If the writer is lost, replicate takes the
// stream over.
func (r *Registry) replicate(ctx context.Context, s *Stream, proceed Continue) {
	loaded := false
	err := r.options.Store.Read(ctx, s.ID, Inbound{
		Metadata: s.metadata(), Log: s.Log, OnCommand: s.onCommand,
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
		s.unlist()
		s.Log.End(r.options.Full)
	default:
		s.handOff() // the last viewer has left, or the registry stops
		return
	}
	s.release(failure{})
	s.Ended()
}

// handOff ends a stream at this replica. Its viewers can resume at another one.
func (s *Stream) handOff() {
	s.unlist()
	s.Log.HandOff()
	s.Log.End()
	s.release(failure{})
	s.Ended()
}

// takeOver completes a stream as its new writer. [Stream.Record] handles a panic of
// proceed, which would repeat at any other replica.
func (r *Registry) takeOver(ctx context.Context, s *Stream, proceed Continue) {
	n, _ := s.Log.Len()
	r.mu.Lock()
	s.remote = false
	writing := r.startWriter(s)
	r.mu.Unlock()
	if !writing {
		_ = r.options.Store.Write(r.writing, s.ID, s.outbound()) //nolint:contextcheck // the cancelled context makes Write hand the stream off
		s.handOff()
		return
	}
	_ = s.Record(func(yield func(typewriter.Event) bool) { // the log holds the error
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

// remoteSource returns the source of a stream that another replica writes. After a
// takeover it delegates to the source that completes the stream.
func (s *Stream) remoteSource(stop func()) Source {
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
			_ = s.send(ctx, CommandStop) // after an error the stream just goes on
		},
		Failure: func() (reason string, cause error) {
			if own := taken(); own.Failure != nil {
				return own.Failure()
			}
			return "", nil
		},
	}
}

// unlist removes the stream from the registry. Its viewers stay.
func (s *Stream) unlist() {
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	if s.registry.streams[s.ID] == s {
		delete(s.registry.streams, s.ID)
	}
	s.unlisted = true
}

// Await waits a few seconds for the stream to reach a position that another replica may
// have sent to the viewer. It reports whether the stream has reached it, or has ended.
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

// Skip makes the players of the stream play the backlog at once, at all replicas.
func (s *Stream) Skip(ctx context.Context) {
	s.Skipping.Set()
	_ = s.send(ctx, CommandSkip) // local players have skipped already
}

// Cancel asks the upstream to stop the answer, at whichever replica is the writer, and
// skips the backlog.
func (s *Stream) Cancel(ctx context.Context) {
	s.registry.mu.Lock()
	cancel := s.source.Cancel
	s.registry.mu.Unlock()
	if cancel != nil {
		cancel(ctx)
	}
	s.Skip(ctx)
}

// send sends a command to the other replicas that hold the stream.
func (s *Stream) send(ctx context.Context, command Command) error {
	if !s.shared {
		return nil
	}
	return s.registry.options.Store.Send(ctx, s.ID, command)
}
