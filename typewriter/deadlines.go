package typewriter

import (
	"math"
	"time"
)

// deadlines answers one question for the text that waits: by how much must the
// natural rhythm be shrunk so that each part of it still meets its deadline?
//
// A part is a point: where its last cluster stands on the axis of natural time,
// and when that must have left. The player stands to the left of all points, and
// the answer is the smallest slope from there to a point. Only the lower convex
// hull of the points can hold it, so only the hull is kept; each point enters and
// leaves it once.
type deadlines struct {
	hull []deadline
}

type deadline struct {
	pos time.Duration // natural time
	by  time.Duration // real time
}

// add adds a deadline. Times must not decrease. Nor do positions, but for units that
// became one: their deadline stays where it was.
func (d *deadlines) add(p deadline) {
	h := d.hull
	if len(h) > 0 {
		p.pos = max(p.pos, h[len(h)-1].pos)
	}
	for len(h) > 0 {
		last := h[len(h)-1]
		if p.by > last.by && (len(h) == 1 || slope(h[len(h)-2], last) < slope(last, p)) {
			break
		}
		h = h[:len(h)-1] // above the line to p, or due with p and nearer
	}
	d.hull = append(h, p)
}

// passed drops the deadlines of places before the player's.
func (d *deadlines) passed(place time.Duration) {
	n := 0
	for n < len(d.hull) && d.hull[n].pos < place {
		n++
	}
	d.drop(n)
}

// factor returns the largest factor up to 1 under which a player that stands at
// place from.place at the time from.by meets all deadlines.
func (d *deadlines) factor(from deadline) float64 {
	n := 0
	for n+1 < len(d.hull) && slope(from, d.hull[n+1]) <= slope(from, d.hull[n]) {
		n++ // and never again: the player moves below the line to n+1
	}
	d.drop(n)
	if len(d.hull) == 0 {
		return 1
	}
	return min(1, slope(from, d.hull[0]))
}

// drop removes the first n points, in place so that the memory is used again.
func (d *deadlines) drop(n int) {
	if n > 0 {
		d.hull = append(d.hull[:0], d.hull[n:]...)
	}
}

// slope is real time for natural time between two points. A place already reached
// leaves all the time there is.
func slope(from, to deadline) float64 {
	if to.by <= from.by {
		return 0
	}
	if to.pos <= from.pos {
		return math.Inf(1)
	}
	return float64(to.by-from.by) / float64(to.pos-from.pos)
}
