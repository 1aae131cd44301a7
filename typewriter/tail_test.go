package typewriter

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// All text is written within the max tail after the end of the log, and before the end at
// the pace of the max lag.
func TestMaxTail(t *testing.T) {
	tests := []struct {
		name       string
		lag, tail  time.Duration
		chars      int
		end        time.Duration // of the log
		want       time.Duration // of the last write, at most a min interval later
		wantBefore int           // the clusters written before the end of the log
	}{
		// The first characters of each text leave at 0, 100 ms and so on.
		{"natural pace ends first", 3 * time.Second, time.Second, 8, ms(250), ms(700), 3},
		{"no max tail", 0, 0, 50, ms(250), ms(4900), 3},
		{"no max lag", 0, time.Second, 50, ms(250), ms(1250), 3},
		{"max lag longer", time.Minute, time.Second, 150, ms(250), ms(1250), 3},
		{"max lag shorter", ms(300), time.Second, 40, ms(100), ms(300), 26},
		{"much shorter than the natural pace", time.Minute, ms(10), 50, ms(250), ms(260), 3},
		{"automatic", Auto, Auto, 100, ms(250), ms(1250), 23},
		{"automatic without max lag", 0, Auto, 50, ms(250), ms(4900), 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pace := fixed(t)
			pace.MaxLag, pace.MaxTail = test.lag, test.tail
			r := play(t, pace, []arrival{{0, text(strings.Repeat("a", test.chars))}, {test.end, Event{Frame: content}}})
			if got := r.flushes[len(r.flushes)-1]; got > test.want || got < test.want-pace.MinInterval {
				t.Errorf("the last write was at %v, want %v", got, test.want)
			}
			before := 0
			for _, s := range r.sent {
				if s.at < test.end {
					before += s.Clusters
				}
			}
			if before != test.wantBefore {
				t.Errorf("%d clusters were written before the end, want %d", before, test.wantBefore)
			}
		})
	}
}

// The rest of an answer is spread over the max tail, and not written at its end.
func TestMaxTailIsEven(t *testing.T) {
	for _, lag := range []time.Duration{0, time.Minute} {
		pace := fixed(t)
		pace.MaxLag, pace.MaxTail = lag, time.Second
		r := play(t, pace, []arrival{{0, text(strings.Repeat("a", 150))}, {ms(250), Event{Frame: content}}})
		for _, s := range r.sent {
			if s.Clusters > 2 {
				t.Errorf("max lag %v: %d clusters were written at %v, want at most 2", lag, s.Clusters, s.at)
			}
		}
	}
}

// The automatic bounds follow the speed.
func TestResolve(t *testing.T) {
	tests := []struct {
		name      string
		mode      Mode
		speed     float64
		lag, tail time.Duration
		wantLag   time.Duration
		wantTail  time.Duration
	}{
		{"default", Typewriter, 1, Auto, Auto, 3 * time.Second, time.Second},
		{"half", Typewriter, 0.5, Auto, Auto, 6 * time.Second, 2 * time.Second},
		{"slowest", Typewriter, MinSpeed, Auto, Auto, 30 * time.Second, 10 * time.Second},
		{"fast", Typewriter, 10, Auto, Auto, ms(300), ms(100)},
		{"fixed lag", Typewriter, 2, 5 * time.Second, Auto, 5 * time.Second, ms(500)},
		{"fixed tail", Typewriter, 2, Auto, 5 * time.Second, ms(1500), 5 * time.Second},
		{"no lag", Typewriter, 2, 0, Auto, 0, 0},
		{"smooth", Smooth, 2, Auto, Auto, time.Second, time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pace := DefaultPace(test.mode)
			pace.Speed, pace.MaxLag, pace.MaxTail, pace.MinInterval = test.speed, test.lag, test.tail, Auto
			got := pace.Resolve()
			if got.MaxLag != test.wantLag || got.MaxTail != test.wantTail || got.SmoothMaxLag != time.Second {
				t.Errorf("max lag %v, max tail %v, smooth %v; want %v, %v, 1s",
					got.MaxLag, got.MaxTail, got.SmoothMaxLag, test.wantLag, test.wantTail)
			}
			if got.MinInterval != DefaultMinInterval {
				t.Errorf("min interval %v, want %v", got.MinInterval, DefaultMinInterval)
			}
		})
	}
}

// A player that starts after the max tail writes everything at once, and so does a player
// without a max lag.
func TestMaxTailAfterTheEnd(t *testing.T) {
	for _, lag := range []time.Duration{0, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			log := NewLog(LogOptions{})
			for range 3 * maxAhead {
				if err := log.Append(text("ab")); err != nil {
					t.Fatal(err)
				}
			}
			log.End()
			time.Sleep(time.Second)
			pace := fixed(t)
			pace.MaxLag, pace.MaxTail = lag, time.Second
			r := newRecorder(t)
			if err := (&Player{Log: log, Pace: pace}).Play(context.Background(), r); err != nil {
				t.Fatal(err)
			}
			if len(r.flushes) != 1 || r.flushes[0] != 0 || len(r.text(content)) != 6*maxAhead {
				t.Errorf("max lag %v: %d bytes of text in flushes at %v", lag, len(r.text(content)), r.flushes)
			}
		})
	}
}

// The rest of a log that is handed off is written within the max tail too, so that the
// client can continue at another replica.
func TestMaxTailAfterHandOff(t *testing.T) {
	pace := fixed(t)
	pace.MaxLag, pace.MaxTail = 0, time.Second
	synctest.Test(t, func(t *testing.T) {
		log := NewLog(LogOptions{})
		if err := log.Append(text(strings.Repeat("a", 100))); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(ms(250), log.HandOff)
		r := newRecorder(t)
		if err := (&Player{Log: log, Pace: pace}).Play(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		if got := r.flushes[len(r.flushes)-1]; (got - ms(1250)).Abs() > time.Microsecond {
			t.Errorf("the last write was at %v, want 1.25s", got)
		}
	})
}
