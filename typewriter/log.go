package typewriter

import (
	"bytes"
	"errors"
	"iter"
	"math"
	"slices"
	"sync"
	"time"
	"unsafe"
)

// ErrFull is the error of [Log.Append] for an event beyond the bound of the log or of the
// budget.
var ErrFull = errors.New("stream log is full")

// entry is the log's record of an event, apart from the text and the frame. Entries take
// only 8 bytes, because an event has only 2.7 characters on average (measured).
type entry struct {
	at  uint32 // the arrival, in ticks since the start of the log
	end uint32 // the end of the text in Log.text
}

// tick is the resolution of arrival times. Arrivals after twelve hours count as arrivals
// at twelve hours, and are played at once.
const tick = 10 * time.Microsecond

func (e entry) arrived() time.Duration { return time.Duration(e.at) * tick }

// frameRun is a frame and the first of the consecutive entries with the frame.
type frameRun struct {
	frame *Frame
	from  int
}

// Log stores the events of a stream in order of arrival. A single goroutine appends; any
// number of goroutines read. All methods are safe for concurrent use.
//
// The log keeps all text in a single buffer, and a single frame for each run of events
// with equal frames. The memory use is about the size of the text.
type Log struct {
	start    time.Time
	maxBytes int
	budget   *Budget
	overhead int // bytes taken from the budget in addition to the size

	mu      sync.Mutex
	entries []entry
	text    []byte
	runs    []frameRun
	framed  int // the size of their frames in bytes
	ended   bool
	endAt   time.Duration // when the log ended or was handed off, since the start
	freed   bool
	readers listeners

	// barrier, if not nil, hides entries from the readers. After a hand-off they see
	// visible entries and an end.
	barrier   *Barrier
	handedOff bool
	visible   int

	// The number of entries and bytes of text freed by Trim. The latter wraps around,
	// like entry.end.
	firstKept int
	textStart uint32
}

// maxLogBytes is the maximum size of a log. Offsets must fit in 32 bits.
const maxLogBytes = 1 << 31

// LogOptions configures a [Log]. The zero value configures an independent log, started
// now.
type LogOptions struct {
	// MaxBytes bounds the size of the log. The default, 2 GiB, is also the maximum.
	MaxBytes int

	// Budget, if not nil, bounds the memory of several logs together. [Log.Free] returns
	// the share of the log.
	Budget *Budget

	// Overhead is a number of bytes to take from the budget for data beside the log, even
	// if the budget has no room left.
	Overhead int

	// Started is the log's start time if the log was begun elsewhere, as by another
	// replica. A time in the future counts as now.
	Started time.Time
}

// NewLog returns an empty log.
func NewLog(options LogOptions) *Log {
	l := &Log{start: time.Now(), maxBytes: options.MaxBytes, budget: options.Budget, overhead: options.Overhead}
	if l.maxBytes <= 0 || l.maxBytes > maxLogBytes {
		l.maxBytes = maxLogBytes
	}
	if !options.Started.IsZero() {
		// Subtracting from the current time keeps the monotonic clock reading.
		l.start = l.start.Add(-max(time.Since(options.Started), 0))
	}
	l.budget.release(-l.overhead)
	return l
}

// Started returns the start time of the log.
func (l *Log) Started() time.Time { return l.start }

// Record appends the events of a source as they arrive, without waiting for readers, and
// ends the log. If the log is full, Record stops the source, ends the log with the events
// of full, and returns [ErrFull]. A nil full returns none.
func Record(events iter.Seq[Event], log *Log, full func() []Event) error {
	var err error
	for e := range events {
		if err = log.Append(e); err != nil {
			break
		}
	}
	// Readers of the end of the log may rely on the source having finished.
	if err != nil && full != nil {
		log.End(full()...)
		return err
	}
	log.End()
	return err
}

// Append appends an event with the arrival time now. The only error is [ErrFull].
func (l *Log) Append(e Event) error { return l.AppendAt(e, time.Now()) }

// AppendAt appends an event with an arrival time, limited to the range from the arrival of
// the preceding event to now. The only error is [ErrFull].
func (l *Log) AppendAt(e Event, arrived time.Time) error {
	if cost, fits := l.fits(e); !fits || !l.budget.reserve(cost) {
		return ErrFull
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(e, arrived)
	l.wake()
	return nil
}

// fits returns the cost of an event and whether the log has room. Only the appending
// goroutine can change the cost.
func (l *Log) fits(e Event) (cost int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	cost = l.cost(e)
	return cost, l.size()+cost <= l.maxBytes
}

// End appends the last events, even to a full log, and marks the log as ended.
func (l *Log) End(last ...Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range last {
		l.force(e, time.Now())
	}
	l.ended, l.endAt = true, time.Since(l.start)
	// The log may be kept for long: free the capacity for growth, about a quarter.
	l.entries, l.text = slices.Clone(l.entries), bytes.Clone(l.text)
	l.wake()
}

// Free frees the memory of an ended log. The log must not be read again.
func (l *Log) Free() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.budget.release(l.size() + l.overhead)
	l.freed, l.overhead = true, 0
	l.firstKept += len(l.entries)
	l.entries, l.text, l.runs, l.framed = nil, nil, nil, 0
}

// cost returns by how much an event would increase the size of the log.
func (l *Log) cost(e Event) int {
	cost := len(e.Text) + int(unsafe.Sizeof(entry{}))
	if l.isNew(e.Frame) {
		cost += e.Frame.size()
	}
	return cost
}

// isNew reports whether a frame would begin a new run.
func (l *Log) isNew(f *Frame) bool { return len(l.runs) == 0 || l.runs[len(l.runs)-1].frame != f }

// force appends an event, even to a full log, with the lock held.
func (l *Log) force(e Event, arrived time.Time) {
	l.budget.release(-l.cost(e))
	l.add(e, arrived)
}

// add appends an event, with the lock held.
func (l *Log) add(e Event, arrived time.Time) {
	if l.isNew(e.Frame) {
		l.runs = append(l.runs, frameRun{e.Frame, l.firstKept + len(l.entries)})
		l.framed += e.Frame.size()
	}
	l.text = append(l.text, e.Text...)
	at := min(max(arrived.Sub(l.start), 0), time.Since(l.start)) / tick
	added := entry{at: uint32(min(at, math.MaxUint32)), end: l.textStart + uint32(len(l.text))}
	if last := len(l.entries) - 1; last >= 0 {
		added.at = max(added.at, l.entries[last].at)
	}
	l.entries = append(l.entries, added)
}

// Size returns the memory use of the log in bytes.
func (l *Log) Size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size()
}

func (l *Log) size() int {
	return len(l.text) + len(l.entries)*int(unsafe.Sizeof(entry{})) + l.framed
}

// Read returns the event of entry i and the arrival as time since the start of the log. The
// result is false if the entry does not exist, perhaps not yet; see [Log.Len]. Read panics
// if the entry was trimmed.
func (l *Log) Read(i int) (Event, time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n, _ := l.shown(); i >= n {
		return Event{}, 0, false
	}
	return l.read(i)
}

// read is Read for all entries, visible or not, with the lock held.
func (l *Log) read(i int) (Event, time.Duration, bool) {
	k := i - l.firstKept
	if k >= len(l.entries) {
		return Event{}, 0, false
	}
	e := l.entries[k]
	begin := uint32(0)
	if k > 0 {
		begin = l.entries[k-1].end - l.textStart
	}
	// The string shares the buffer, whose bytes never change.
	text := l.text[begin : e.end-l.textStart]
	return Event{
		Frame: l.runs[l.runOf(i)].frame,
		Text:  unsafe.String(unsafe.SliceData(text), len(text)),
	}, e.arrived(), true
}

// runOf returns the index of the run of entry i.
func (l *Log) runOf(i int) int {
	after, _ := slices.BinarySearchFunc(l.runs, i, func(r frameRun, i int) int {
		if r.from > i {
			return 1
		}
		return -1
	})
	return after - 1
}

// Len returns the current number of entries and whether the log has ended.
func (l *Log) Len() (n int, ended bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shown()
}

// shown is Len with the lock held.
func (l *Log) shown() (n int, ended bool) {
	if l.handedOff {
		return l.visible, true
	}
	if l.barrier != nil && l.barrier.shut {
		return l.barrier.passed, false
	}
	return l.firstKept + len(l.entries), l.ended
}

// endedAt returns when the log has ended, as time since the start.
func (l *Log) endedAt() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.endAt
}

// Events returns the first n events.
func (l *Log) Events(n int) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for i := range n {
			if e, _, ok := l.Read(i); !ok || !yield(e) {
				return
			}
		}
	}
}

// Ends returns the first event, unless that was trimmed, and the last one. The frames are nil
// if there are no such events.
func (l *Log) Ends() (first, last Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) == 0 {
		return first, last
	}
	if l.firstKept == 0 {
		first, _, _ = l.read(0)
	}
	last, _, _ = l.read(l.firstKept + len(l.entries) - 1)
	return first, last
}

// dropMin is the minimum number of entries for [Log.Trim] to free at a time, to spread the
// cost of the copy.
const dropMin = 64

// Trim declares the entries before i as no longer needed. Their memory is freed now or, to
// save copies, in a later call. Trim reports whether memory was freed.
func (l *Log) Trim(i int) (freed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(i-l.firstKept, len(l.entries)) // a player may start beyond the end
	if n < dropMin || n < len(l.entries)/2 {
		return false
	}
	before := l.size()
	defer func() { l.budget.release(before - l.size()) }()
	last := l.entries[n-1]
	// The text moves to a new buffer, because strings of readers share the old one.
	l.text = append([]byte(nil), l.text[last.end-l.textStart:]...)
	l.textStart = last.end
	// The last run is kept even if unused, because the next event may continue the run.
	unused := l.runOf(l.firstKept + n)
	for _, r := range l.runs[:unused] {
		l.framed -= r.frame.size()
	}
	l.runs = slices.Clone(l.runs[unused:])
	l.entries = slices.Clone(l.entries[n:])
	l.firstKept += n
	return true
}

// Subscribe arranges for wake to be called whenever the log has more to read or has
// ended, until unsubscribe is called. The callback must not block or call the log.
func (l *Log) Subscribe(wake func()) (unsubscribe func()) {
	return l.readers.add(&l.mu, wake)
}

// wake notifies the barrier of a change, and the readers of a visible change.
func (l *Log) wake() {
	if l.barrier != nil {
		l.barrier.wake()
		if l.barrier.shut {
			return
		}
	}
	l.readers.notify()
}
