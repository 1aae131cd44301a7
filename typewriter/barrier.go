package typewriter

import "time"

// Barrier stands between a log and its readers: while it is shut they see only what has
// passed it, and not the log's end. It is for one goroutine that writes elsewhere what
// the log holds, before anybody sees it.
type Barrier struct {
	log   *Log
	ready chan struct{}

	// What follows belongs to log.mu.
	shut   bool
	passed int
}

// Barrier sets up a gate, which is shut. A log has one at most.
func (l *Log) Barrier() *Barrier {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gate = &Barrier{log: l, ready: make(chan struct{}, 1), shut: true, passed: l.entries0 + len(l.entries)}
	return l.gate
}

// Ready has a value whenever the log has grown or ended since it was read last.
func (g *Barrier) Ready() <-chan struct{} { return g.ready }

// Len returns how many entries have come up to the gate, and whether that is all.
func (g *Barrier) Len() (n int, ended bool) {
	g.log.mu.Lock()
	defer g.log.mu.Unlock()
	return g.log.entries0 + len(g.log.entries), g.log.ended
}

// Read is [Log.Read] for what has not passed, too. It reports false also when the entry
// was let go of.
func (g *Barrier) Read(i int) (Event, time.Duration, bool) {
	g.log.mu.Lock()
	defer g.log.mu.Unlock()
	if i < g.log.entries0 {
		return Event{}, 0, false
	}
	return g.log.read(i)
}

// Freed reports whether the log was freed.
func (g *Barrier) Freed() bool {
	g.log.mu.Lock()
	defer g.log.mu.Unlock()
	return g.log.freed
}

// Advance shows the first n entries to the readers.
func (g *Barrier) Advance(n int) {
	g.log.mu.Lock()
	defer g.log.mu.Unlock()
	if g.shut && n > g.passed {
		g.passed = n
		g.log.readers.notify()
	}
}

// Committed returns how many entries readers can have seen.
func (g *Barrier) Committed() int {
	g.log.mu.Lock()
	defer g.log.mu.Unlock()
	n, _ := g.log.shown()
	return n
}

// Open has readers see everything, as it comes.
func (g *Barrier) Open() {
	g.log.mu.Lock()
	defer g.log.mu.Unlock()
	if g.shut {
		g.shut = false
		g.log.readers.notify()
	}
}

// HandOff is [Log.HandOff]: nothing more passes.
func (g *Barrier) HandOff() { g.log.HandOff() }

// Shut undoes Open, for what comes from now on.
func (g *Barrier) Shut() {
	g.log.mu.Lock()
	defer g.log.mu.Unlock()
	if !g.shut && !g.log.ended {
		g.shut, g.passed = true, g.log.entries0+len(g.log.entries)
	}
}

func (g *Barrier) wake() {
	select {
	case g.ready <- struct{}{}:
	default:
	}
}

// HandOff ends the log for its readers where they see it: the rest of the stream is kept
// elsewhere. What is appended yet, nobody sees.
func (l *Log) HandOff() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n, ended := l.shown(); !ended {
		l.left, l.leftAt = true, n
		l.readers.notify()
	}
}

// HandedOff reports whether readers saw an end that was not the stream's.
func (l *Log) HandedOff() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left
}
