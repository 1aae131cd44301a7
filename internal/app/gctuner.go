package app

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// The heap may contain garbage up to gcPercent of its live size, but at least minGarbage.
// Streams hold most of their memory for minutes, and sending allocates nothing, so that
// frequent collections are cheap. Compared with GOGC=100, 1,500 streams of 12 s take 90
// instead of 119 KB each, at the same CPU time. Without minGarbage, a process with few
// streams would collect all the time: raw mode takes 1.4 µs of CPU per event then, not
// 1.0.
const (
	gcPercent  = 25
	minGarbage = 8 << 20 // bytes
)

// tuneGC adjusts the garbage collector from now on, unless GOGC is set.
func tuneGC() {
	if os.Getenv("GOGC") == "" {
		adjustGC(0)
	}
}

// adjustGC sets the percentage for the size of the heap, and runs again after each garbage
// collection. current is the percentage set before.
func adjustGC(current int) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if percent := percentFor(live[0].Value.Uint64()); percent != current {
		debug.SetGCPercent(percent) // stops the world briefly
		current = percent
	}
	// The cleanup of an unreachable object runs after the next collection.
	runtime.AddCleanup(&struct{ next *byte }{}, adjustGC, current)
}

// percentFor returns the percentage of garbage for a heap with live bytes.
func percentFor(live uint64) int {
	const step = 25 // few distinct values, since each change stops the world
	return max(gcPercent, int(minGarbage*100/max(live, 1<<20))/step*step)
}
