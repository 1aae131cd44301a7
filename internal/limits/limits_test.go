package limits

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestRate(t *testing.T) {
	for _, test := range []struct {
		text string
		want Rate
	}{
		{"5/s", Rate{5, time.Second}},
		{"100/m", Rate{100, time.Minute}},
		{"20/h", Rate{20, time.Hour}},
		{"1000000/s", Rate{1_000_000, time.Second}},
		{"1000001/s", Rate{}},
		{"0/s", Rate{}},
		{"-1/s", Rate{}},
		{"1.5/s", Rate{}},
		{"5", Rate{}},
		{"5/", Rate{}},
		{"5/d", Rate{}},
		{"/s", Rate{}},
		{"5/s/s", Rate{}},
		{"5 / s", Rate{}},
		{"", Rate{}},
	} {
		var got Rate
		if err := got.UnmarshalText([]byte(test.text)); got != test.want || (err == nil) != (test.want != Rate{}) {
			t.Errorf("%q: got %v, %v", test.text, got, err)
		}
	}
}

// A client may use its whole rate at once after an idle period. Further requests get the
// exact waiting time.
func TestAllow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLocal(Bounds{Rate: Rate{3, time.Minute}})
		ask := func(client string, want time.Duration) {
			t.Helper()
			if got := l.Allow(t.Context(), client); got != want {
				t.Errorf("%s waits %v, want %v", client, got, want)
			}
		}
		for range 3 {
			ask("a", 0)
		}
		ask("a", 20*time.Second)
		ask("b", 0)
		time.Sleep(15 * time.Second)
		ask("a", 5*time.Second) // refused requests do not count
		time.Sleep(5 * time.Second)
		ask("a", 0)
		ask("a", 20*time.Second)
		time.Sleep(time.Hour)
		for range 3 { // the burst does not grow further
			ask("a", 0)
		}
		ask("a", 20*time.Second)
	})
}

// The number of remembered clients is bounded, and clients whose requests still count are
// evicted last.
func TestEvictClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLocal(Bounds{Rate: Rate{1, time.Minute}})
		for i := range maxClients / 2 {
			l.Allow(t.Context(), fmt.Sprint("old ", i))
		}
		time.Sleep(2 * time.Minute)
		for i := range maxClients/2 + 1 {
			l.Allow(t.Context(), fmt.Sprint("new ", i))
		}
		if n := len(l.full); n != maxClients/2+1 {
			t.Errorf("%d clients are remembered", n)
		}
		for i := range 3 * maxClients {
			l.Allow(t.Context(), fmt.Sprint("more ", i))
		}
		if n := len(l.full); n > maxClients {
			t.Errorf("%d clients are remembered", n)
		}
	})
}

// A client without an open stream takes no memory.
func TestCloseStream(t *testing.T) {
	l := NewLocal(Bounds{Streams: 2})
	one, _ := l.Open(t.Context(), "a", "1")
	two, _ := l.Open(t.Context(), "a", "1")
	one()
	if got := l.Streams(); len(got) != 1 || l.Views("a", "1") != 1 {
		t.Errorf("open streams: %v", got)
	}
	two()
	if len(l.streams) != 0 {
		t.Errorf("open streams: %v", l.streams)
	}
}
