package app

import (
	"runtime"
	"runtime/debug"
	"testing"

	"sse-typewriter/internal/testenv"
)

// A small heap may hold a fixed amount of garbage, a large heap a share.
func TestPercentFor(t *testing.T) {
	for _, test := range []struct {
		live uint64
		want int
	}{
		{0, 800},
		{1 << 20, 800},
		{4 << 20, 200},
		{20 << 20, 25},
		{1 << 30, 25},
	} {
		if got := percentFor(test.live); got != test.want {
			t.Errorf("%d bytes: got %d, want %d", test.live, got, test.want)
		}
	}
}

// The percentage follows the size of the heap, unless GOGC is set.
func TestTuneGC(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	t.Setenv("GOGC", "100")
	tuneGC()
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("the percentage is %d, want the 100 of GOGC", got)
	}
	t.Setenv("GOGC", "")
	held := make([]byte, 64<<20)
	tuneGC()
	testenv.Eventually(t, "the collector is adjusted to a large heap", func() bool {
		runtime.GC()
		return debug.SetGCPercent(gcPercent+1) == gcPercent
	})
	runtime.KeepAlive(held)
}
