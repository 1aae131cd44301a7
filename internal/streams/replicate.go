package streams

import (
	"context"
	"crypto/sha256"
	"errors"
	"iter"
	"time"

	"sse-typewriter/typewriter"
)

// Continue completes a stream after the loss of the writer. Given the origin and the
// recorded events, the function returns the remaining events, up to an end, and their
// source. The events end when ctx is done.
type Continue func(ctx context.Context, origin Origin, recorded iter.Seq[typewriter.Event]) (iter.Seq[typewriter.Event], Source)

// catchUp bounds the wait of a viewer for a stream of another replica to reach the
// viewer's position.
const catchUp = 3 * time.Second

// Lookup is a request of a client for a stream.
type Lookup struct {
	ID, Owner string

	// From is the client's cursor after an earlier read, or zero.
	From Cursor

	// Link is the token of a link, and Right the right that the client needs. Without a right
	// (0) the Owner counts.
	Link  string
	Right Right

	// Continue completes the stream at this replica after the loss of the writer. Without the
	// function (nil), the stream waits for another replica or another viewer.
	Continue Continue
}

// Find adds a viewer to a stream of any replica. The error is [ErrGone] or
// [ErrUnavailable], possibly as [ErrIncompatible]. If the stream's writer is lost, this
// replica may become the writer.
func (r *Registry) Find(ctx context.Context, l Lookup) (*Stream, error) {
	if s, ok := r.attach(l); ok {
		return s, s.ready(ctx, l)
	}
	if r.options.Store == nil {
		return nil, ErrGone
	}
	metadata, err := r.options.Store.Find(ctx, l.ID)
	switch {
	case errors.Is(err, ErrIncompatible):
		return nil, ErrIncompatible
	case err != nil && !errors.Is(err, ErrGone):
		return nil, ErrUnavailable
	}
	if opened, local := localSince(l.ID); err != nil && local && time.Since(opened) < localLifetime {
		return nil, ErrUnavailable // another replica may hold the stream
	}
	if err != nil {
		metadata.OwnerHash = make([]byte, sha256.Size)
	}
	if !l.admits(metadata.OwnerHash, metadata.LinkKey) || err != nil {
		return nil, ErrGone
	}
	if !r.options.Knows(metadata.Origin) {
		return nil, ErrIncompatible
	}
	s, err := r.addRemote(l, metadata) //nolint:contextcheck // the stream outlives its first viewer
	if err != nil {
		return nil, err
	}
	return s, s.ready(ctx, l)
}

// onFork reports whether the stream holds the text before a viewer's cursor.
func (s *Stream) onFork(from Cursor) bool {
	return from.Position != typewriter.Position{} && s.Epochs.Of(from.Position) == from.Epoch
}

// ready waits until the viewer of a lookup can read the stream. After an error the viewer is
// detached.
func (s *Stream) ready(ctx context.Context, l Lookup) error {
	if err := s.awaitLoad(ctx); err != nil {
		return err
	}
	var stored error
	if s.shared && (l.Right != 0 || s.mayBeStopped()) {
		stored = s.refresh(ctx)
	}
	err := s.checkLink(l, stored)
	if err != nil {
		s.Detach()
	}
	return err
}

// refreshTimeout bounds the wait of a viewer for the commands of other replicas.
const refreshTimeout = 300 * time.Millisecond

// refresh reads the commands that other replicas have stored.
func (s *Stream) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	metadata, err := s.registry.options.Store.Find(ctx, s.ID)
	if err != nil {
		return err
	}
	if metadata.StopPoint != nil {
		s.stopAt(*metadata.StopPoint)
	}
	if metadata.Revoked {
		s.setRevoked()
	}
	return nil
}

// addRemote adds a stream of another replica with one viewer. A goroutine reads the stream
// until the end, or until the grace after the last viewer has passed.
func (r *Registry) addRemote(l Lookup, metadata Metadata) (*Stream, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.streams[l.ID]; ok { // added by another viewer meanwhile
		s.addViewer(l)
		return s, nil
	}
	if r.draining.Load() {
		return nil, ErrUnavailable
	}
	ctx, cancel := context.WithCancel(r.sharing)
	s := &Stream{
		ID: l.ID, Origin: metadata.Origin, LogID: metadata.LogID, Log: typewriter.NewLog(typewriter.LogOptions{Started: metadata.Started, Budget: r.budget, Overhead: streamOverhead}),
		registry: r, owner: metadata.OwnerHash, linkKey: metadata.LinkKey, claim: metadata.Claim, resumable: true, shared: true, remote: true,
		viewers: 1, loaded: make(chan struct{}),
	}
	if l.Continue != nil {
		s.heir = &l
	}
	s.source = s.remoteSource(cancel)
	r.streams[l.ID] = s
	r.work.Go(func() {
		defer cancel()
		r.replicate(ctx, s)
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
func (r *Registry) replicate(ctx context.Context, s *Stream) {
	loaded := false
	err := r.options.Store.Read(ctx, s.ID, Inbound{
		Metadata: s.metadata(), Log: s.Log, Epochs: &s.Epochs, OnCommand: s.onCommand,
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
		MayContinue: func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return s.heir != nil
		},
	})
	switch {
	case err == nil:
	case errors.Is(err, ErrOrphaned):
		r.takeOver(ctx, s)
		return
	case errors.Is(err, typewriter.ErrFull):
		s.unlist()
		s.Log.End(r.options.Full(s.Origin, s.Log)...)
	default:
		s.handOff() // the last viewer has left, or the registry stops
		return
	}
	s.release(failure{})
	s.Ended()
}

// handOff ends a stream at this replica. Viewers can resume at another replica.
func (s *Stream) handOff() {
	s.unlist()
	s.Log.HandOff()
	s.Log.End()
	s.release(failure{})
	s.Ended()
}

// takeOver completes a stream as the new writer, with the lookup of a viewer (the heir).
// [Stream.Record] handles a panic of [Lookup.Continue], because the panic would repeat at other
// replicas.
func (r *Registry) takeOver(ctx context.Context, s *Stream) {
	n, _ := s.Log.Len()
	r.mu.Lock()
	s.remote = false
	heir := s.heir
	if n > 0 && s.claim.Name != "" {
		r.claims[s.claim.Name] = s
	}
	writing := r.startWriter(s)
	r.mu.Unlock()
	if !writing {
		_ = r.options.Store.Write(r.writing, s.ID, s.outbound()) //nolint:contextcheck // the cancelled context makes Write hand the stream off
		s.handOff()
		return
	}
	_ = s.Record(func(yield func(typewriter.Event) bool) { // the log holds the error
		events, source := heir.Continue(ctx, s.Origin, s.Log.Events(n))
		s.AddConversation(heir.Owner, source.Conversation)
		r.mu.Lock()
		s.taken = source
		s.views.follow(source)
		stopping := s.stopping
		r.mu.Unlock()
		if stopping {
			source.Cancel(ctx)
		}
		events(yield)
	})
}

// remoteSource returns the source of a stream of another writer. After a takeover the
// source delegates to the source returned by [Continue].
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

// unlist removes the stream from the registry. Current viewers keep the stream.
func (s *Stream) unlist() {
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	s.delete()
}

// Seek returns the position from which to play the stream for a viewer at a cursor. If only
// another replica has reached the position, Seek waits up to catchUp. The error is
// [ErrUnavailable] if another replica may hold the cursor's text, and [ErrNoPosition] for a
// stream of this process without the text.
func (s *Stream) Seek(ctx context.Context, from Cursor) (typewriter.Position, error) {
	log := s.View()
	ready := make(chan struct{}, 1)
	defer log.Subscribe(typewriter.Notify(ready))()
	timer := time.NewTimer(catchUp)
	defer timer.Stop()
	for {
		n, ended := log.Len()
		epoch := s.Epochs.Of(from.Position)
		reached := from.Position.Entry < n || from.Position.Entry == n && from.Position.Offset == 0
		switch {
		case log.HandedOff():
			return typewriter.Position{}, ErrUnavailable
		case log != s.Log && !log.Contains(from.Position):
			return typewriter.Position{Entry: n}, nil // the viewer was ahead of the stop point
		case epoch == from.Epoch && reached && log.Contains(from.Position):
			return log.Canonical(from.Position), nil
		case epoch > from.Epoch && s.Epochs.list()[from.Epoch] == 0:
			return typewriter.Position{}, nil // all earlier text is lost; the log says so
		case !s.shared:
			return typewriter.Position{}, ErrNoPosition
		case ended || epoch > from.Epoch || epoch == from.Epoch && reached:
			return typewriter.Position{}, ErrUnavailable
		}
		select {
		case <-ready:
		case <-timer.C:
			return typewriter.Position{}, ErrUnavailable
		case <-ctx.Done():
			return typewriter.Position{}, ErrUnavailable
		}
	}
}

// Skip makes the players of the stream play the backlog at once, at all replicas.
func (s *Stream) Skip(ctx context.Context) {
	s.Skipping.Set()
	_ = s.send(ctx, CommandSkip) // local players have skipped already
}

// Cancel asks the upstream to stop the answer, at whichever replica is the writer, and
// skips the backlog. All links are revoked.
func (s *Stream) Cancel(ctx context.Context) {
	s.revoke(ctx)
	s.registry.mu.Lock()
	cancel := s.source.Cancel
	s.registry.mu.Unlock()
	if cancel != nil {
		cancel(ctx)
	}
	s.Skip(ctx)
}

// send sends a command to the other replicas of the stream.
func (s *Stream) send(ctx context.Context, command Command) error {
	if !s.shared {
		return nil
	}
	return s.registry.options.Store.Send(ctx, s.ID, command)
}
