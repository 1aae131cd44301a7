package typewriter

import (
	"math"
	"time"
)

// deadlines computes how far to compress the natural rhythm of the backlog for every part
// of the text to meet the max lag.
//
// Each arrival is a point: the position of the last unit on the axis of natural time, and
// the deadline of the unit. The player is to the left of all points, and the result is the
// smallest slope from the player to a point. Only points of the lower convex hull can have
// the smallest slope, and only the hull is kept. Each point enters and leaves the hull
// once.
type deadlines struct {
	hull []deadline
}

// deadline is a point in the plane of natural and real time.
type deadline struct {
	pos time.Duration // natural time
	by  time.Duration // real time
}

// add adds a deadline. Times must not decrease. A decreasing position, after two units
// became a single unit, counts as the position of the deadline before.
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
		h = h[:len(h)-1] // above the line to p, or due at the time of p
	}
	d.hull = append(h, p)
}

// passed drops the deadlines before a position reached by the player.
func (d *deadlines) passed(pos time.Duration) {
	n := 0
	for n < len(d.hull) && d.hull[n].pos < pos {
		n++
	}
	d.drop(n)
}

// factor returns the largest factor with which a player at the position from.pos at the time
// from.by meets all deadlines, infinite without a deadline.
func (d *deadlines) factor(from deadline) float64 {
	n := 0
	for n+1 < len(d.hull) && slope(from, d.hull[n+1]) <= slope(from, d.hull[n]) {
		n++ // final, since the player stays below the line to n+1
	}
	d.drop(n)
	if len(d.hull) == 0 {
		return math.Inf(1)
	}
	return slope(from, d.hull[0])
}

// drop removes the first n points, in place to reuse the memory.
func (d *deadlines) drop(n int) {
	if n > 0 {
		d.hull = append(d.hull[:0], d.hull[n:]...)
	}
}

// slope returns the real time per natural time between two points: infinite for no
// natural time, 0 for no real time.
func slope(from, to deadline) float64 {
	if to.by <= from.by {
		return 0
	}
	if to.pos <= from.pos {
		return math.Inf(1)
	}
	return float64(to.by-from.by) / float64(to.pos-from.pos)
}
