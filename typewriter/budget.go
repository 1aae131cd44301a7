package typewriter

import "sync/atomic"

// Budget bounds the total memory of several logs. A Budget is safe for concurrent use.
type Budget struct {
	max   int64
	used  atomic.Int64
	evict func() bool
}

// NewBudget returns a budget of maxBytes. When a log would exceed the budget, evict is
// called, without locks held, until there is room or evict returns false because there
// is nothing left to free. A nil evict frees nothing.
func NewBudget(maxBytes int64, evict func() bool) *Budget {
	return &Budget{max: maxBytes, evict: evict}
}

// Used returns the number of bytes in use.
func (b *Budget) Used() int64 { return b.used.Load() }

// Max returns the size of the budget in bytes.
func (b *Budget) Max() int64 { return b.max }

// reserve takes bytes from the budget and reports whether there was room for them. A nil
// budget is unbounded.
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

// release returns bytes to the budget. A negative number takes bytes regardless of the
// bound.
func (b *Budget) release(bytes int) {
	if b != nil {
		b.used.Add(-int64(bytes))
	}
}
