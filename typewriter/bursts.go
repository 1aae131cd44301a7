package typewriter

import "time"

// bursts measures how text arrives: in bursts of some units, separated by gaps. The zero
// value has not seen any text.
type bursts struct {
	count int           // bursts begun
	start time.Duration // of the current burst
	units float64       // of the current burst so far

	// Averages over the last bursts: the gap from start to start, the absolute deviation
	// of the gap, and the time per unit as a quotient of time and units.
	gap, deviation float64
	time, size     float64
}

const (
	// sameBurst is the duration of a burst. Services write several events at once, which
	// arrive within a few milliseconds.
	sameBurst = 10 * time.Millisecond

	// longestGap bounds the measured gaps: a longer silence is a stall, not a rhythm.
	longestGap = 2 * time.Second

	// The weight of a new gap in the averages of gaps and of times per unit.
	gapWeight, rateWeight = 1.0 / 8, 1.0 / 16

	// margin is the horizon in gaps; deviations is the number of mean deviations added to
	// the gap first.
	margin, deviations = 1.2, 2

	// firstHorizon is the horizon before the first gap is known, and minHorizon the
	// shortest horizon.
	firstHorizon, minHorizon = 400 * time.Millisecond, 100 * time.Millisecond

	// lead is the spacing in times per unit: slightly faster than the arrival, so that a
	// backlog after a late burst shrinks again.
	lead = 0.95
)

// arrive records the arrival of a number of units.
func (b *bursts) arrive(at time.Duration, units float64) {
	if b.count > 0 && at-b.start < sameBurst {
		b.units += units
		return
	}
	if b.count > 0 {
		gap := float64(min(at-b.start, longestGap))
		share := max(gapWeight, 1/float64(b.count))
		if b.count > 1 {
			b.deviation += share * (abs(gap-b.gap) - b.deviation)
		}
		b.gap += share * (gap - b.gap)
		share = max(rateWeight, 1/float64(b.count))
		b.time += share * (gap - b.time)
		b.size += share * (b.units - b.size)
	}
	b.count++
	b.start, b.units = at, units
}

// horizon returns the time for a burst to be written, so that the next burst arrives before
// the end of this one.
func (b *bursts) horizon() time.Duration {
	if b.count < 2 {
		return firstHorizon
	}
	return max(minHorizon, time.Duration(margin*(b.gap+deviations*b.deviation)))
}

// spacing returns the time between two units at the rate of arrival, at most the least
// horizon: units further apart are no movement, and waiting would not make them so.
func (b *bursts) spacing() time.Duration {
	if b.count < 2 || b.size == 0 {
		return minHorizon
	}
	return min(minHorizon, time.Duration(lead*b.time/b.size))
}

func abs(x float64) float64 { return max(x, -x) }
