package typewriter

import "sync/atomic"

// Budget bounds the memory of many logs together. It is safe for concurrent use.
type Budget struct {
	max   int64
	used  atomic.Int64
	evict func() bool
}

// NewBudget returns a budget of so many bytes. When a log would exceed it, evict is
// called, without locks held, until there is room or it reports that there is
// nothing left to free. It may be nil.
func NewBudget(maxBytes int64, evict func() bool) *Budget {
	return &Budget{max: maxBytes, evict: evict}
}

// Used returns how many bytes the logs hold.
func (b *Budget) Used() int64 { return b.used.Load() }

// Max returns how many bytes they may hold.
func (b *Budget) Max() int64 { return b.max }

// reserve takes bytes out of the budget, and reports whether they were there. The
// nil budget has no end.
func (b *Budget) reserve(bytes int) bool {
	if b == nil {
		return true
	}
	for b.used.Add(int64(bytes)) > b.max {
		b.used.Add(-int64(bytes))
		if b.evict == nil || !b.evict() {
			return false
		}
	}
	return true
}

// release gives bytes back; a negative number takes them whatever the bound.
func (b *Budget) release(bytes int) {
	if b != nil {
		b.used.Add(-int64(bytes))
	}
}
