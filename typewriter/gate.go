package typewriter

import "time"

// Gate stands between a log and its readers: while it is shut they see only what has
// passed it, and not the log's end. It is for one goroutine that writes elsewhere what
// the log holds, before anybody sees it.
type Gate struct {
	log   *Log
	ready chan struct{}

	// What follows belongs to log.mu.
	shut   bool
	passed int
}

// Gate sets up a gate, which is shut. A log has one at most.
func (l *Log) Gate() *Gate {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gate = &Gate{log: l, ready: make(chan struct{}, 1), shut: true, passed: l.entries0 + len(l.entries)}
	return l.gate
}

// Ready has a value whenever the log has grown or ended since it was read last.
func (g *Gate) Ready() <-chan struct{} { return g.ready }

// Len returns how many entries have come up to the gate, and whether that is all.
func (g *Gate) Len() (n int, ended bool) {
	g.log.mu.Lock()
	defer g.log.mu.Unlock()
	return g.log.entries0 + len(g.log.entries), g.log.ended
}

// Read is [Log.Read] for what has not passed, too. It reports false also when the entry
// was let go of.
func (g *Gate) Read(i int) (Event, time.Duration, bool) {
	g.log.mu.Lock()
	defer g.log.mu.Unlock()
	if i < g.log.entries0 {
		return Event{}, 0, false
	}
	return g.log.read(i)
}

// Freed reports whether the log was freed.
func (g *Gate) Freed() bool {
	g.log.mu.Lock()
	defer g.log.mu.Unlock()
	return g.log.freed
}

// Pass shows the first n entries to the readers.
func (g *Gate) Pass(n int) {
	g.log.mu.Lock()
	defer g.log.mu.Unlock()
	if g.shut && n > g.passed {
		g.passed = n
		g.log.wakeReaders()
	}
}

// Passed returns how many entries readers can have seen.
func (g *Gate) Passed() int {
	g.log.mu.Lock()
	defer g.log.mu.Unlock()
	n, _ := g.log.shown()
	return n
}

// Open has readers see everything, as it comes.
func (g *Gate) Open() {
	g.log.mu.Lock()
	defer g.log.mu.Unlock()
	if g.shut {
		g.shut = false
		g.log.wakeReaders()
	}
}

// Leave is [Log.Leave]: nothing more passes.
func (g *Gate) Leave() { g.log.Leave() }

// Shut undoes Open, for what comes from now on.
func (g *Gate) Shut() {
	g.log.mu.Lock()
	defer g.log.mu.Unlock()
	if !g.shut && !g.log.ended {
		g.shut, g.passed = true, g.log.entries0+len(g.log.entries)
	}
}

func (g *Gate) wake() {
	select {
	case g.ready <- struct{}{}:
	default:
	}
}

// Leave ends the log for its readers where they see it: the rest of the stream is kept
// elsewhere. What is appended yet, nobody sees.
func (l *Log) Leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n, ended := l.shown(); !ended {
		l.left, l.leftAt = true, n
		l.wakeReaders()
	}
}

// Left reports whether readers saw an end that was not the stream's.
func (l *Log) Left() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left
}
