package typewriter

import (
	"math/rand/v2"
	"time"
)

// pacer computes when the next unit is due. The pacer is pure policy, without a clock: all
// times are parameters, as time since the start of the log.
//
// Text is laid out on an axis of natural time, with the mean of the pause after each unit.
// The player moves along the axis at a speed of 1/factor. The pacer updates the factor
// with every arrival and every typed unit.
type pacer struct {
	pace    Pace
	pauses  *Pauses
	natural []time.Duration // the mean of each pause at the speed of the pace
	random  rand.PCG

	clock  time.Duration // the time of the state below
	rest   time.Duration // natural time from the player to the next unit
	pos    time.Duration // the position of the next unit on the axis
	end    time.Duration // the end of the text on the axis
	factor float64

	// The pause after the last typed unit, of which rest is left; tentative if the
	// following character may change the pause.
	pause     time.Duration
	pauseID   pauseID
	tentative bool

	deadlines deadlines
	lastPos   time.Duration // the position of the last unit on the axis
	endBy     time.Duration // the deadline of all text, or never
}

// catchUpShare is the divisor of the max lag for catching up: the pacer types a backlog
// within a third of the max lag. See docs/pacing.md for the simulation behind the choice.
const catchUpShare = 3

func newPacer(pace Pace, now time.Duration) pacer {
	pace = pace.Resolve()
	p := pacer{pace: pace, pauses: pace.Pauses, clock: now, factor: 1, endBy: never}
	if pace.Mode == Smooth {
		// Equal pauses as long as the lag leave the rate to the deadlines.
		p.pauses = uniformPauses(pace.MaxLag, pace.MaxLag)
		p.pace.Speed = 1
	}
	p.natural = make([]time.Duration, len(p.pauses.table))
	for id, pause := range p.pauses.table {
		p.natural[id] = time.Duration(float64(pause.mean()) / p.pace.Speed)
	}
	seed1, seed2 := pace.Seed, pace.Seed
	if pace.Seed == 0 {
		seed1, seed2 = rand.Uint64(), rand.Uint64()
	}
	p.random.Seed(seed1, seed2)
	return p
}

// arrive records the arrival of text. The text has lengthened the layout by added, and
// lastPause is the natural time of the last unit.
func (p *pacer) arrive(at, added, lastPause time.Duration, text string) {
	p.advance(at)
	p.resolvePause(text)
	p.end += added
	p.lastPos = p.end - lastPause
	if by := p.deadline(at); by < never {
		p.deadlines.add(deadline{pos: p.lastPos, by: by})
	}
	p.updateFactor()
}

// ended records the end of the stream at a time: all text is due within the max tail.
func (p *pacer) ended(at time.Duration) {
	if p.pace.MaxTail == 0 || p.endBy < never {
		return
	}
	p.endBy = at + p.pace.MaxTail
	p.deadlines.add(deadline{pos: p.lastPos, by: p.deadline(p.endBy)})
	p.updateFactor()
}

// deadline returns the latest time to type text, given the arrival.
func (p *pacer) deadline(arrived time.Duration) time.Duration {
	if p.pace.MaxLag == 0 {
		return p.endBy
	}
	return min(arrived+p.pace.MaxLag, p.endBy)
}

// due returns when to type the next unit, given the arrival.
func (p *pacer) due(arrived time.Duration) time.Duration {
	due := p.clock
	if p.rest > 0 {
		due += time.Duration(float64(p.rest) * p.factor)
	}
	return min(due, p.deadline(arrived))
}

// typed records a typed unit and the pause after the unit. The time is the due time, even
// for a unit typed later.
func (p *pacer) typed(at time.Duration, id pauseID, tentative bool) {
	p.clock = max(p.clock, at)
	p.pauseID, p.tentative = id, tentative
	p.pause = p.draw(id)
	p.rest = p.pause
	p.pos += p.natural[id]
	p.deadlines.passed(p.pos)
	p.updateFactor()
}

// caughtUp records the end of the backlog.
func (p *pacer) caughtUp() {
	p.pos = p.end
	p.deadlines.passed(p.end + 1)
}

// advance moves the player along the axis without typing a unit.
func (p *pacer) advance(to time.Duration) {
	if to <= p.clock {
		return
	}
	p.rest -= time.Duration(float64(to-p.clock) / max(p.factor, 1e-9))
	p.rest = max(p.rest, 0)
	p.clock = to
}

// resolvePause replaces a tentative pause once the following text is known.
func (p *pacer) resolvePause(next string) {
	if !p.tentative {
		return
	}
	p.tentative = false
	if id := p.pauses.resolve(p.pauseID, next); id != p.pauseID {
		elapsed := p.pause - p.rest
		p.pauseID, p.pause = id, p.draw(id)
		p.rest = max(p.pause-elapsed, 0)
	}
}

// updateFactor computes the factor. In [Typewriter] mode a backlog longer than a share of
// the max lag is compressed to the share. No deadline may be missed.
func (p *pacer) updateFactor() {
	p.factor = 1
	backlog, most := p.end-p.pos, p.pace.MaxLag/catchUpShare
	if p.pace.Mode == Typewriter && p.pace.MaxLag > 0 && backlog > most {
		p.factor = float64(most) / float64(backlog)
	}
	here := deadline{pos: p.pos - p.rest, by: p.clock}
	p.factor = min(p.factor, p.deadlines.factor(here))
}

// draw returns a random pause from a range, at the speed of the pace.
func (p *pacer) draw(id pauseID) time.Duration {
	pause := &p.pauses.table[id]
	d := pause.min
	if pause.max > pause.min {
		d += time.Duration(rand.New(&p.random).Int64N(int64(pause.max - pause.min + 1)))
	}
	return time.Duration(float64(d) / p.pace.Speed)
}
