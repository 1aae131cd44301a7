package typewriter

import "time"

// Barrier is the commit point of a log. While the barrier is shut, readers of the log see
// only committed entries and no end. The goroutine with the barrier stores entries
// elsewhere before committing them. All methods are safe for concurrent use.
type Barrier struct {
	log   *Log
	ready chan struct{}

	// Guarded by log.mu.
	shut   bool
	passed int // the number of committed entries
}

// Barrier installs a barrier, shut and with all present entries committed. A log has at
// most one barrier.
func (l *Log) Barrier() *Barrier {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.barrier = &Barrier{log: l, ready: make(chan struct{}, 1), shut: true, passed: l.firstKept + len(l.entries)}
	return l.barrier
}

// Ready returns a channel for a value after each growth and the end of the log.
func (b *Barrier) Ready() <-chan struct{} { return b.ready }

// Len returns the number of entries, committed or not, and whether the log has ended.
func (b *Barrier) Len() (n int, ended bool) {
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	return b.log.firstKept + len(b.log.entries), b.log.ended
}

// Read is like [Log.Read] but includes uncommitted entries, and returns false for trimmed
// entries.
func (b *Barrier) Read(i int) (Event, time.Duration, bool) {
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	if i < b.log.firstKept {
		return Event{}, 0, false
	}
	return b.log.read(i)
}

// Freed reports whether the log has been freed.
func (b *Barrier) Freed() bool {
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	return b.log.freed
}

// Advance commits the first n entries.
func (b *Barrier) Advance(n int) {
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	if b.shut && n > b.passed {
		b.passed = n
		b.log.readers.notify()
	}
}

// Committed returns the number of entries visible to readers.
func (b *Barrier) Committed() int {
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	n, _ := b.log.shown()
	return n
}

// Open makes all entries visible to readers as they arrive.
func (b *Barrier) Open() {
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	if b.shut {
		b.shut = false
		b.log.readers.notify()
	}
}

// HandOff is [Log.HandOff].
func (b *Barrier) HandOff() { b.log.HandOff() }

// Shut undoes Open for later entries.
func (b *Barrier) Shut() {
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	if !b.shut && !b.log.ended {
		b.shut, b.passed = true, b.log.firstKept+len(b.log.entries)
	}
}

// wake makes Ready's channel ready.
func (b *Barrier) wake() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// HandOff ends the log for readers after the visible entries, because the rest of the
// stream is stored elsewhere. HandOff has no effect on an ended log.
func (l *Log) HandOff() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n, ended := l.shown(); !ended {
		l.handedOff, l.visible, l.endAt = true, n, time.Since(l.start)
		l.readers.notify()
	}
}

// HandedOff reports whether [Log.HandOff] has ended the log for readers.
func (l *Log) HandedOff() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.handedOff
}
