package typewriter

import "sync"

// Skip ends the pacing of all players that share it: they write their backlog at once
// and later text as it arrives. The zero value is not set. All methods are safe for
// concurrent use.
type Skip struct {
	mu        sync.Mutex
	set       bool
	listeners listeners
}

// Set ends the pacing, for players that start later too.
func (s *Skip) Set() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set = true
	s.listeners.notify()
}

// IsSet reports whether the pacing has ended. A nil Skip is never set.
func (s *Skip) IsSet() bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.set
}

// subscribe arranges for wake to be called by Set until unsubscribe is called. It must
// not call s.
func (s *Skip) subscribe(wake func()) (unsubscribe func()) {
	if s == nil {
		return func() {}
	}
	return s.listeners.add(&s.mu, wake)
}
