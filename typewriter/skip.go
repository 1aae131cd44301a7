package typewriter

import "sync"

// Skip is a switch to end the pacing of players: once set, all players with the same Skip
// write the backlog at once and later text on arrival. The zero value is not set. All
// methods are safe for concurrent use.
type Skip struct {
	mu        sync.Mutex
	set       bool
	listeners listeners
}

// Set ends the pacing, also of players started later.
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

// subscribe arranges for Set to call wake until unsubscribe is called. The callback must not
// call s.
func (s *Skip) subscribe(wake func()) (unsubscribe func()) {
	if s == nil {
		return func() {}
	}
	return s.listeners.add(&s.mu, wake)
}
