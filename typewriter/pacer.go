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
	pace    Pace            // resolved
	pauses  *Pauses         // of Typewriter text
	natural []time.Duration // the mean of each pause at the speed of the pace, then smoothPause
	random  rand.PCG
	bursts  bursts           // of Smooth text
	lags    [2]time.Duration // the max lag of the answer and of reasoning; 0: none
	catchUp time.Duration    // the longest backlog at the natural pace; 0: any

	spacing float64 // the factor of Smooth text by the bursts

	clock   time.Duration // the time of the state below
	rest    time.Duration // natural time from the player to the next unit
	pos     time.Duration // the position of the next unit on the axis
	end     time.Duration // the end of the text on the axis
	backlog time.Duration // the natural time of waiting Typewriter text
	factor  float64

	// The pause after the last typed unit, of which rest is left; tentative if the
	// following character may change the pause.
	pause     time.Duration
	pauseID   pauseID
	tentative bool

	deadlines deadlines
	lastPos   time.Duration // the position of the last unit on the axis
	lastKind  TextKind      // of the last unit
	endBy     time.Duration // the deadline of all text, or never

	// When text last arrived after reasoning, and the deadline of that reasoning.
	answerAt, reasoningBy time.Duration
}

// catchUpShare is the divisor of the max lag for catching up: the pacer types a backlog
// within a third of the max lag. See docs/pacing.md for the simulation behind the choice.
const catchUpShare = 3

// smoothPause is the natural pause after each unit of Smooth text. The value is arbitrary,
// because the factor stretches the pause to the spacing of the arriving text.
const smoothPause = 50 * time.Millisecond

func newPacer(pace Pace, now time.Duration) pacer {
	p := pacer{pace: pace.Resolve(), pauses: pace.Pauses, clock: now, factor: 1, endBy: never, answerAt: -1}
	for _, pause := range p.pauses.table {
		p.natural = append(p.natural, time.Duration(float64(pause.mean())/pace.Speed))
	}
	p.natural = append(p.natural, smoothPause)
	p.lags[0] = p.pace.lagOf(p.pace.modeOf(Answer))
	p.lags[1] = p.pace.lagOf(p.pace.modeOf(Reasoning))
	p.catchUp = p.pace.lagOf(Typewriter) / catchUpShare
	seed1, seed2 := pace.Seed, pace.Seed
	if pace.Seed == 0 {
		seed1, seed2 = rand.Uint64(), rand.Uint64()
	}
	p.random.Seed(seed1, seed2)
	return p
}

// smoothID returns the pause after the units of Smooth text.
func (p *pacer) smoothID() pauseID { return pauseID(len(p.pauses.table)) }

// delivery is the arrival of text.
type delivery struct {
	at   time.Duration
	kind TextKind
	text string

	// The text has lengthened the layout by added, and last is the natural time of the
	// last unit.
	added, last time.Duration
}

// arrive records the arrival of text.
func (p *pacer) arrive(d delivery) {
	p.advance(d.at)
	p.resolvePause(d.text)
	if d.kind != Reasoning && p.lastKind == Reasoning {
		p.answerAt, p.reasoningBy = d.at, d.at+p.pace.lagOf(Smooth)
		// For the first unit of the answer, which follows the pause after the reasoning.
		p.deadlines.add(deadline{pos: p.end, by: min(p.reasoningBy, p.endBy)})
	}
	p.lastKind = d.kind
	by := p.deadline(d.at, d.kind)
	if p.pace.modeOf(d.kind) == Smooth {
		p.bursts.arrive(d.at, float64(d.added)/float64(smoothPause))
		by = min(by, d.at+p.bursts.horizon())
		p.spacing = float64(p.bursts.spacing()) / float64(smoothPause)
	} else {
		p.backlog += d.added
	}
	p.end += d.added
	p.lastPos = p.end - d.last
	if by < never {
		p.deadlines.add(deadline{pos: p.lastPos, by: by})
	}
	p.updateFactor()
}

// ended records the end of the stream at a time: all text is due within the max tail.
func (p *pacer) ended(at time.Duration) {
	if p.pace.MaxTail == 0 || p.endBy < never {
		return
	}
	p.advance(at)
	p.endBy = at + p.pace.MaxTail
	p.deadlines.add(deadline{pos: p.lastPos, by: p.endBy})
	p.updateFactor()
}

// deadline returns the latest time to type text, given the arrival.
func (p *pacer) deadline(arrived time.Duration, kind TextKind) time.Duration {
	by := p.endBy
	lag := p.lags[0]
	if kind == Reasoning {
		lag = p.lags[1]
		if arrived <= p.answerAt {
			by = min(by, p.reasoningBy)
		}
	}
	if lag > 0 {
		by = min(by, arrived+lag)
	}
	return by
}

// due returns when to type the next unit, at most the deadline.
func (p *pacer) due(by time.Duration) time.Duration {
	due := p.clock
	if p.rest > 0 {
		due += time.Duration(float64(p.rest) * p.factor)
	}
	return min(due, by)
}

// typed records a typed unit and the pause after the unit. The time is the due time, even
// for a unit typed later.
func (p *pacer) typed(at time.Duration, id pauseID, tentative bool) {
	p.clock = max(p.clock, at)
	p.pauseID, p.tentative = id, tentative
	p.pause = p.draw(id)
	p.rest = p.pause
	p.pos += p.natural[id]
	if id != p.smoothID() {
		p.backlog -= p.natural[id]
	}
	p.deadlines.passed(p.pos)
	p.updateFactor()
}

// caughtUp records the end of the backlog.
func (p *pacer) caughtUp() {
	p.pos, p.backlog = p.end, 0
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

// updateFactor computes the factor: at most 1 after [Typewriter] text, and at most to the
// spacing of the arriving text after [Smooth] text. A backlog of Typewriter text longer than
// a share of the max lag is compressed to the share. No deadline may be missed.
func (p *pacer) updateFactor() {
	p.factor = 1
	if p.pauseID == p.smoothID() {
		p.factor = p.spacing
	}
	if p.catchUp > 0 && p.backlog > p.catchUp {
		p.factor = min(p.factor, float64(p.catchUp)/float64(p.backlog))
	}
	here := deadline{pos: p.pos - p.rest, by: p.clock}
	p.factor = min(p.factor, p.deadlines.factor(here))
}

// draw returns a random pause from a range, at the speed of the pace.
func (p *pacer) draw(id pauseID) time.Duration {
	if id == p.smoothID() {
		return smoothPause
	}
	pause := &p.pauses.table[id]
	d := pause.min
	if pause.max > pause.min {
		d += time.Duration(rand.New(&p.random).Int64N(int64(pause.max - pause.min + 1)))
	}
	return time.Duration(float64(d) / p.pace.Speed)
}
