package typewriter

import (
	"math/rand/v2"
	"time"
)

// pacer says when the next cluster is due. It is pure policy: it has no clock and
// is told the time, as time since the log's start.
//
// Text is laid out on an axis of natural time, where each cluster is followed by
// the pause that its class has. The player moves along that axis at a speed of
// 1/factor; the pacer chooses the factor anew whenever text arrives or a cluster
// leaves.
type pacer struct {
	pace   Pace
	pauses *Pauses
	random rand.PCG

	clock  time.Duration // what follows holds at this time
	rest   time.Duration // natural time from here to the next cluster
	pos    time.Duration // where the next cluster stands
	end    time.Duration // where the text that has arrived ends
	factor float64

	// The pause that rest is left of. If it took white space to follow, char is
	// the character that it is for, else unknown.
	pause       time.Duration
	pendingRune rune

	deadlines deadlines
}

// catchUpShare is the part of the max lag in which the backlog would be typed. The
// simulation in test/sim chose it: see docs/pacing.md.
const catchUpShare = 3

func newPacer(pace Pace, now time.Duration) pacer {
	p := pacer{pace: pace, pauses: pace.Pauses, clock: now, factor: 1, pendingRune: unknown}
	if pace.Mode == Smooth {
		// All pauses alike and as long as may be: the deadlines alone decide.
		p.pauses = &Pauses{other: pause{min: pace.MaxLag, max: pace.MaxLag}}
		p.pace.Speed = 1
	}
	seed1, seed2 := pace.Seed, pace.Seed
	if pace.Seed == 0 {
		seed1, seed2 = rand.Uint64(), rand.Uint64()
	}
	p.random.Seed(seed1, seed2)
	return p
}

// arrive tells the pacer of text that arrived at a time: its natural time, the
// part of it that is the last cluster's pause, and its first character.
func (p *pacer) arrive(at, natural, lastPause time.Duration, first rune) {
	p.advance(at)
	if p.pendingRune != unknown {
		p.resolvePause(first)
	}
	p.end += natural
	if p.pace.MaxLag > 0 {
		p.deadlines.add(deadline{pos: p.end - lastPause, by: at + p.pace.MaxLag})
	}
	p.updateFactor()
}

// due returns when the next cluster leaves, one that arrived at a time.
func (p *pacer) due(arrived time.Duration) time.Duration {
	due := p.clock
	if p.rest > 0 {
		due += time.Duration(float64(p.rest) * p.factor)
	}
	if p.pace.MaxLag > 0 {
		due = min(due, arrived+p.pace.MaxLag)
	}
	return due
}

// typed tells the pacer that a cluster left, and when: its character and the one
// that follows, either of which may be unknown. The time is the one at which it
// was due, if it was only the machine that was late.
func (p *pacer) typed(at time.Duration, char, next rune) {
	p.clock = max(p.clock, at)
	pause, tentative := p.pauses.after(char, next)
	p.pendingRune = unknown
	if tentative {
		p.pendingRune = char
	}
	p.pause = p.draw(pause)
	p.rest = p.pause
	p.pos = min(p.pos+p.natural(pause), p.end)
	p.deadlines.passed(p.pos)
	p.updateFactor()
}

// relayout tells the pacer that the text that arrived last ends with a character
// whose pause was laid out as if white space followed, and what does follow.
func (p *pacer) relayout(char, next rune) {
	was, _ := p.pauses.after(char, unknown)
	is, _ := p.pauses.after(char, next)
	p.end -= p.natural(was) - p.natural(is)
	p.pos = min(p.pos, p.end)
}

// reached tells the pacer that all text up to a place has left. A cluster that
// spans events is laid out in parts but typed as one: without this, text that has
// long been typed would seem to wait.
func (p *pacer) reached(place time.Duration) {
	p.pos = min(place, p.end)
	p.deadlines.passed(p.pos)
	p.updateFactor()
}

// caughtUp tells the pacer that no text waits.
func (p *pacer) caughtUp() {
	p.pos = p.end
	p.deadlines.passed(p.end + 1)
}

// advance moves the player along to a time at which no cluster leaves.
func (p *pacer) advance(to time.Duration) {
	if to <= p.clock {
		return
	}
	p.rest -= time.Duration(float64(to-p.clock) / max(p.factor, 1e-9))
	p.rest = max(p.rest, 0)
	p.clock = to
}

// resolvePause replaces the pause of a full stop that ended the text so far, now that
// the character after it is known.
func (p *pacer) resolvePause(next rune) {
	if pause, _ := p.pauses.after(p.pendingRune, next); pause == p.pauses.other {
		gone := p.pause - p.rest
		p.pause = p.draw(pause)
		p.rest = max(p.pause-gone, 0)
	}
	p.pendingRune = unknown
}

// updateFactor sets the factor. Catching up, what waits is typed as if it should take
// a share of the max lag, if it would take more; and no deadline may be missed.
func (p *pacer) updateFactor() {
	p.factor = 1
	if p.pace.MaxLag == 0 {
		return
	}
	if waits := p.end - p.pos; p.pace.Mode == Typewriter && waits > p.pace.MaxLag/catchUpShare {
		p.factor = float64(p.pace.MaxLag/catchUpShare) / float64(waits)
	}
	here := deadline{pos: p.pos - p.rest, by: p.clock}
	p.factor = min(p.factor, p.deadlines.factor(here))
}

// natural is the natural time that a pause is laid out with.
func (p *pacer) natural(pause pause) time.Duration {
	return time.Duration(float64(pause.mean()) / p.pace.Speed)
}

func (p *pacer) draw(pause pause) time.Duration {
	d := pause.min
	if pause.max > pause.min {
		d += time.Duration(rand.New(&p.random).Int64N(int64(pause.max - pause.min + 1)))
	}
	return time.Duration(float64(d) / p.pace.Speed)
}
