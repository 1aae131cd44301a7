package app

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// How much garbage is let be: gcPercent of what lives, since a stream's memory is mostly
// what it holds for minutes, and sending allocates nothing; but not less than gcLeast, or
// a process with few streams would collect all the time. See docs/performance.md.
const (
	gcPercent = 25
	gcLeast   = 8 << 20 // bytes
)

// tuneGC has garbage be collected so, unless the environment says otherwise.
func tuneGC() {
	if os.Getenv("GOGC") == "" {
		adjustCollector(0)
	}
}

// adjustCollector is called after each collection, with the percentage that was set last.
func adjustCollector(set int) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if percent := percentFor(live[0].Value.Uint64()); percent != set {
		debug.SetGCPercent(percent) // stops the world for a moment
		set = percent
	}
	// What nobody holds is gone after the next collection.
	runtime.AddCleanup(&struct{ next *byte }{}, adjustCollector, set)
}

// percentFor returns how much garbage is let be where so many bytes live.
func percentFor(live uint64) int {
	const step = 25 // in steps, so that it is seldom set
	return max(gcPercent, int(gcLeast*100/max(live, 1<<20))/step*step)
}
