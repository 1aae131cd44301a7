package typewriter

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"sse-typewriter/internal/jsontext"
)

// bruteFactor computes the result of deadlines.factor from all points.
func bruteFactor(points []deadline, from deadline) float64 {
	factor := 1.0
	for _, p := range points {
		factor = min(factor, slope(from, p))
	}
	return factor
}

// The hull gives the smallest slope over all points ahead, for a player moving at any
// factor that meets the deadlines.
func TestDeadlines(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(1, seed))
		var d deadlines
		var points []deadline
		var from, last deadline
		last.by = time.Duration(r.IntN(3000))
		for range 200 {
			switch r.IntN(3) {
			case 0: // text arrives
				if r.IntN(3) > 0 {
					last.by += time.Duration(r.IntN(500))
				}
				last.by = max(last.by, from.by) // no deadline is missed at the start
				last.pos = max(last.pos, from.pos) + time.Duration(r.IntN(500)*r.IntN(2))
				d.add(last)
				points = append(points, last)
			case 1: // the player moves
				factor := bruteFactor(points, from) * r.Float64()
				dist := float64(r.IntN(400))
				if len(points) > 0 {
					dist = min(dist, float64(points[0].pos-from.pos))
				}
				from.pos += time.Duration(dist)
				from.by += time.Duration(dist * factor)
			case 2: // the player passes the nearest point
				if len(points) > 0 {
					from.by += time.Duration(float64(points[0].pos-from.pos) * bruteFactor(points, from))
					from.pos = points[0].pos
					for len(points) > 0 && points[0].pos <= from.pos {
						points = points[1:]
					}
					d.passed(from.pos + 1)
				}
			}
			if got, want := min(1, d.factor(from)), bruteFactor(points, from); math.Abs(got-want) > 1e-9 {
				t.Fatalf("seed %d: factor is %v, want %v from %v over %v", seed, got, want, from, points)
			}
		}
	}
}

// Deadlines stay in order when an emoji that arrived in halves, with a unit of its own
// for the first half, becomes a part of the unit before.
func TestDeadlinesStayInOrder(t *testing.T) {
	pace := fixed(t)
	s, p := segmenterOf(pace), newPacer(pace, 0)
	for i, text := range []string{"a#", `\ud83c`, `\udffd`, "b"} {
		added, last := s.add("a", text, 0)
		p.arrive(delivery{at: ms(float64(i)), text: text, added: added, last: last})
	}
	for i, d := range p.deadlines.hull[1:] {
		if before := p.deadlines.hull[i]; d.pos < before.pos || d.by < before.by {
			t.Errorf("deadline %v follows %v", d, before)
		}
	}
	if len(p.deadlines.hull) < 2 {
		t.Errorf("the hull is %v, want two deadlines at least", p.deadlines.hull)
	}
}

// The pacer's factor is the smaller of the factors of the deadlines and of catching up.
// Random pauses move the player off the layout and need a tolerance.
func TestPacerFactor(t *testing.T) {
	for seed := range uint64(300) {
		pace := DefaultPace(Typewriter)
		tolerance := 0.05
		if seed%2 == 0 {
			pace, tolerance = fixed(t), 1e-6
		}
		r := rand.New(rand.NewPCG(2, seed))
		pace.Seed = seed + 1
		pace.MaxLag = time.Duration(100+r.IntN(3000)) * time.Millisecond
		w := &watched{pacer: newPacer(pace, 0)}
		var waiting []rune
		var arrived []time.Duration
		next := time.Duration(0)
		for range 300 {
			if len(waiting) == 0 || next < w.due(w.deadline(arrived[0], Answer)) {
				text := randomText(r)
				w.take(next, text)
				waiting = append(waiting, text...)
				for range text {
					arrived = append(arrived, next)
				}
				next += time.Duration(r.IntN(300)) * time.Millisecond
			} else {
				due := w.due(w.deadline(arrived[0], Answer))
				if due < w.clock || due > arrived[0]+pace.MaxLag {
					t.Fatalf("seed %d: due at %v, arrived at %v", seed, due, arrived[0])
				}
				w.typed(due, w.pauses.after(waiting[0], "x"), false)
				waiting, arrived = waiting[1:], arrived[1:]
				w.drop(len(waiting) == 0)
			}
			want := bruteFactor(w.points, deadline{w.pos - w.rest, w.clock})
			if waits := w.end - w.pos; waits > pace.MaxLag/3 {
				want = min(want, float64(pace.MaxLag/3)/float64(waits))
			}
			if math.Abs(w.factor-want) > tolerance*want {
				t.Fatalf("seed %d: factor is %v, want %v", seed, w.factor, want)
			}
		}
	}
}

func randomText(r *rand.Rand) []rune {
	chars := []rune("好a，。\n#")
	text := make([]rune, 1+r.IntN(4))
	for i := range text {
		text[i] = chars[r.IntN(len(chars))]
	}
	return text
}

// watched is a pacer with all deadlines ahead.
type watched struct {
	pacer
	points []deadline
}

func (w *watched) take(at time.Duration, text []rune) {
	var natural, last time.Duration
	for _, char := range text {
		last = w.natural[w.pauses.after(char, "x")]
		natural += last
	}
	w.points = append(w.points, deadline{w.end + natural - last, at + w.pace.MaxLag})
	w.arrive(delivery{at: at, text: "x", added: natural, last: last})
}

func (w *watched) drop(all bool) {
	if all {
		w.caughtUp()
	}
	for len(w.points) > 0 && (all || w.points[0].pos < w.pos) {
		w.points = w.points[1:]
	}
}

// A backlog of up to a third of the max lag is typed at the natural pace, a longer backlog
// faster. Without a max lag the pace is always natural.
func TestPlayCatchesUp(t *testing.T) {
	uncapped := fixed(t)
	uncapped.MaxLag = 0
	tests := []struct {
		name  string
		pace  Pace
		chars int
		exact bool
	}{
		{"a third", fixed(t), 11, true},
		{"more", fixed(t), 12, false},
		{"much more", fixed(t), 200, false},
		{"without a bound", uncapped, 2000, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := play(t, test.pace, []arrival{{0, text(strings.Repeat("a", test.chars))}})
			last := r.sent[len(r.sent)-1].at
			natural := time.Duration(test.chars-1) * 100 * time.Millisecond
			if test.exact != (last == natural) || last > natural {
				t.Errorf("the last came at %v, its natural time is %v", last, natural)
			}
			if test.exact && len(r.sent) != test.chars {
				t.Errorf("sent %d events, want %d", len(r.sent), test.chars)
			}
		})
	}
}

// Clusters over several events do not count as backlog once typed: text that arrives at
// the natural pace is typed at the natural pace.
func TestPlaySpansWithoutHurry(t *testing.T) {
	pattern := []arrival{{0, text("ab")}}
	for i := range 30 {
		after := ms(599)
		if i == 0 {
			after = 0
		}
		pattern = append(pattern, arrival{after, text("cd👩\u200d")}, arrival{ms(1), text("👧efg")})
	}
	r := play(t, fixed(t), pattern)
	for i, s := range r.sent {
		if want := time.Duration(i) * 100 * time.Millisecond; s.at != want {
			t.Fatalf("cluster %d left at %v, want %v", i, s.at, want)
		}
	}
}

// Text typed long ago has no influence on the catch-up after a burst.
func TestPlayIsIndependentOfHistory(t *testing.T) {
	histories := map[string][]string{
		"full stops before digits":  {"1.", "5"},
		"full stops before letters": {"a."},
		"clusters over events":      {"👩\u200d", "👧"},
		"empty events":              {"a.", "", "b"},
		"marks after their events":  {"a", "\u0301", "\u0301"},
		"line ends":                 {`\r`, `\n`},
		"halves":                    {`\u0061\ud83d`, `\ude00`},
	}
	var burst []arrival
	for range 60 {
		burst = append(burst, arrival{ms(1.3), text("a")}, arrival{ms(1.3), text("b。")})
	}
	burst[0].after = 10 * time.Second
	alone := play(t, fixed(t), burst)
	for name, history := range histories {
		for _, gap := range []time.Duration{ms(20), ms(1000)} {
			t.Run(fmt.Sprint(name, " every ", gap), func(t *testing.T) {
				var pattern []arrival
				for range 30 {
					for _, part := range history {
						pattern = append(pattern, arrival{gap, text(part)})
					}
				}
				before := time.Duration(len(pattern)) * gap
				pattern = append(pattern, arrival{0, other("x")})
				r := play(t, fixed(t), append(pattern, burst...))
				for i := range alone.sent {
					got, want := r.sent[len(r.sent)-1-i], alone.sent[len(alone.sent)-1-i]
					if off := got.at - before - want.at; off.Abs() > time.Millisecond || got.data != want.data {
						t.Fatalf("the burst's event %d came %v off", len(alone.sent)-i, off)
					}
				}
			})
		}
	}
}

func TestPlaySeeds(t *testing.T) {
	pattern := []arrival{{0, text(strings.Repeat("好，a。", 10))}}
	times := func(seed uint64) string {
		pace := DefaultPace(Typewriter)
		pace.Seed = seed
		r := play(t, pace, pattern)
		return fmt.Sprint(r.flushes)
	}
	seeded, again, otherwise := times(7), times(7), times(8)
	if seeded != again {
		t.Error("the same seed gives other pauses")
	}
	if seeded == otherwise {
		t.Error("another seed gives the same pauses")
	}
	unseeded, again := times(0), times(0)
	if unseeded == again {
		t.Error("without a seed the pauses repeat")
	}
}

// Random pauses use the whole range of their class.
func TestPauseRanges(t *testing.T) {
	pace := DefaultPace(Typewriter)
	pace.Speed, pace.Seed = 2, 1
	p := newPacer(pace, 0)
	for _, class := range DefaultClasses() {
		char, _ := jsontext.ScanRune(class.Chars + "a")
		shortest, longest := time.Hour, time.Duration(0)
		for range 2000 {
			p.typed(0, p.pauses.after(char, "a"), false)
			shortest, longest = min(shortest, p.rest), max(longest, p.rest)
		}
		spread := (class.Max - class.Min) / 2
		if shortest < class.Min/2 || longest > class.Max/2 || longest-shortest < spread*9/10 {
			t.Errorf("pauses after %q are %v to %v, want half of %v to %v", char, shortest, longest, class.Min, class.Max)
		}
	}
}
