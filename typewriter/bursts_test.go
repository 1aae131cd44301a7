package typewriter

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// burstsOf returns bursts of n characters with a gap.
func burstsOf(n, count int, gap time.Duration) []arrival {
	pattern := []arrival{{0, text(strings.Repeat("a", n))}}
	for range count - 1 {
		pattern = append(pattern, arrival{gap, text(strings.Repeat("a", n))})
	}
	return pattern
}

// lags returns the lag of each cluster, given bursts of n characters with a gap.
func lags(r *recorder, n int, gap time.Duration) []time.Duration {
	var all []time.Duration
	for _, s := range r.sent {
		for range s.Clusters {
			all = append(all, s.at-time.Duration(len(all)/n)*gap)
		}
	}
	return all
}

// Smooth spreads a burst over the time to the next burst, and no longer.
func TestSmoothLagFollowsTheGap(t *testing.T) {
	tests := []struct {
		name string
		n    int
		gap  time.Duration
		want time.Duration // the longest lag once the gap is known
	}{
		{"single characters", 1, ms(333), 0},
		{"slow single characters", 1, ms(2500), 0},
		{"tokens", 4, ms(20), ms(100)},
		{"deltas", 12, ms(90), ms(108)},
		{"blocks", 148, ms(550), ms(660)},
		{"long gaps", 300, ms(800), ms(960)},
		{"longer than the max lag", 1000, ms(1500), time.Second},
		{"slower than movement", 3, ms(900), ms(200)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := play(t, DefaultPace(Smooth), burstsOf(test.n, 20, test.gap))
			all := lags(r, test.n, test.gap)
			if len(all) != 20*test.n {
				t.Fatalf("%d clusters were written, want %d", len(all), 20*test.n)
			}
			for i, lag := range all[4*test.n:] {
				if lag > test.want || lag < 0 {
					t.Fatalf("cluster %d of burst %d has lag %v, want at most %v", i%test.n, 4+i/test.n, lag, test.want)
				}
			}
		})
	}
}

// Bursts of 148 characters become an even flow: the characters per 200 ms vary by less than
// a fifth.
func TestSmoothIsEven(t *testing.T) {
	pattern := burstsOf(148, 20, ms(550))
	r := play(t, DefaultPace(Smooth), pattern)
	counts := make([]float64, 50) // of the first 10 s
	for _, s := range r.sent {
		if i := int(s.at / ms(200)); i < len(counts) {
			counts[i] += float64(s.Clusters)
		}
	}
	if got := variationOf(counts); got > 0.2 {
		t.Errorf("the rate varies by %.2f, want at most 0.2: %v", got, counts)
	}
	fast := DefaultPace(Smooth)
	fast.Speed = 10 // is for Typewriter
	if again := play(t, fast, pattern); !reflect.DeepEqual(again.flushes, r.flushes) {
		t.Error("speed changes smooth")
	}
}

// variationOf returns the coefficient of variation.
func variationOf(values []float64) float64 {
	var sum, squares float64
	for _, v := range values {
		sum += v
		squares += v * v
	}
	n := float64(len(values))
	return math.Sqrt(squares/n-sum/n*sum/n) / (sum / n)
}

func TestBursts(t *testing.T) {
	type delta struct {
		after time.Duration
		units float64
	}
	repeat := func(n int, d ...delta) []delta {
		var all []delta
		for range n {
			all = append(all, d...)
		}
		return all
	}
	tests := []struct {
		name             string
		deltas           []delta
		horizon, spacing time.Duration
	}{
		{"nothing", nil, ms(400), ms(100)},
		{"one burst", []delta{{0, 100}}, ms(400), ms(100)},
		{"one burst of several deltas", repeat(5, delta{ms(1), 3}), ms(400), ms(100)},
		{"even", repeat(50, delta{ms(500), 100}), ms(600), ms(4.75)},
		{"several deltas in each burst", repeat(50, delta{ms(496), 50}, delta{ms(4), 50}), ms(600), ms(4.75)},
		{"short gaps", repeat(50, delta{ms(20), 4}), ms(100), ms(4.75)},
		{"a stall counts as 2 s", append(repeat(1, delta{0, 10}), delta{time.Hour, 10}), ms(2400), ms(100)},
		{"slow", repeat(50, delta{ms(900), 3}), ms(1080), ms(100)},
		{"no units", repeat(50, delta{ms(500), 0}), ms(600), ms(100)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var b bursts
			var at time.Duration
			for _, d := range test.deltas {
				at += d.after
				b.arrive(at, d.units)
			}
			if got := b.horizon(); (got - test.horizon).Abs() > time.Microsecond {
				t.Errorf("horizon is %v, want %v", got, test.horizon)
			}
			if got := b.spacing(); (got - test.spacing).Abs() > time.Microsecond {
				t.Errorf("spacing is %v, want %v", got, test.spacing)
			}
		})
	}
	var b bursts
	var at time.Duration
	for i := range 200 {
		at += ms([]float64{300, 500}[i%2])
		b.arrive(at, 10)
	}
	if got := b.horizon(); got < ms(600) || got > ms(800) {
		t.Errorf("horizon of gaps of 300 and 500 ms is %v, want about 720 ms", got)
	}
}
