package streams

import "errors"

// share starts to copy a new stream to the store.
func (r *Registry) share(s *Stream, owner string) {
	if r.options.Store == nil || !s.resumable {
		return
	}
	s.shared = true
	if r.options.Store.Create(r.writing, s.ID, s.metadata()) != nil {
		s.LocalOnly = true
		s.ID = localID(s.ID)
		s.owner = hashOwner(s.ID, owner)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.startWriter(s)
}

func (s *Stream) metadata() Metadata {
	claim := s.claim
	claim.Stream = s.ID
	return Metadata{OwnerHash: s.owner, Origin: s.Origin, LogID: s.LogID, Started: s.Log.Started(), LinkKey: s.linkKey, Claim: claim}
}

// outbound returns the stream for [Store.Write]. All entries in the log at this time came
// from the store.
func (s *Stream) outbound() Outbound {
	barrier := s.Log.Barrier()
	return Outbound{
		Metadata: s.metadata(), Barrier: barrier, Epochs: &s.Epochs, Written: barrier.Committed(), OnCommand: s.onCommand,
		Conversations: s.conversationNames,
	}
}

// startWriter copies a stream to the store in a goroutine, which ends when the whole log is
// stored, or with the registry. It returns false if the registry has stopped. The lock must
// be held.
func (r *Registry) startWriter(s *Stream) bool {
	if r.writing.Err() != nil {
		return false
	}
	s.out = s.outbound()
	if s.LocalOnly {
		s.out.Barrier.Open() // the store is known to be unavailable
	}
	r.writers.Go(func() {
		r.written(s, r.options.Store.Write(r.writing, s.ID, s.out))
		s.Ended() // the barrier has hidden the end until now
	})
	return true
}

// written handles the result of [Store.Write]. The store has logged the error.
func (r *Registry) written(s *Stream, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		s.stored = true
	case !errors.Is(err, ErrFenced):
	case s.Log.HandedOff():
		s.delete()
		s.stop()
	case r.streams[s.ID] == s: // viewers here cannot resume elsewhere
		delete(r.streams, s.ID)
		r.forks[s.ID] = s
	}
}

// restoreLoop stores finished streams again after each loss of the store's data.
func (r *Registry) restoreLoop() {
	for lost := r.options.Store.Lost(); ; {
		select {
		case <-lost:
		case <-r.writing.Done():
			return
		}
		lost = r.options.Store.Lost()
		for _, s := range r.storedStreams() {
			_ = r.options.Store.Write(r.writing, s.ID, s.out) // logged by the store
		}
	}
}

// storedStreams returns the finished streams that were written by this replica.
func (r *Registry) storedStreams() (all []*Stream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.streams {
		if s.stored && !s.remote {
			all = append(all, s)
		}
	}
	return all
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
	case CommandRevoke:
		s.setRevoked()
	case CommandView:
		s.registry.mu.Lock()
		defer s.registry.mu.Unlock()
		s.updateLifecycle() // restarts the grace
	}
}
