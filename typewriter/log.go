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

// ErrFull is returned by [Log.Append] when the log would outgrow its bound.
var ErrFull = errors.New("stream log is full")

// entry is one event in the log, without its text and its frame: 8 bytes, because an
// entry stands for 2.7 characters on average (measured on Coze).
type entry struct {
	at  uint32 // arrival, in ticks since the log's start
	end uint32 // where its text ends in Log.text
}

// tick is how exactly arrivals are kept. What arrives after twelve hours has arrived
// then: it is typed at once.
const tick = 10 * time.Microsecond

func (e entry) arrived() time.Duration { return time.Duration(e.at) * tick }

// frameRun is a frame and the entry where it begins to be that of all that follow.
type frameRun struct {
	frame *Frame
	from  int
}

// Log keeps the events of one stream in the order of their arrival. One
// goroutine appends; any number read. All methods are safe for concurrent use.
//
// Text is kept in one growing buffer and a frame once for the run of events that
// share it, so an answer costs about its own length.
type Log struct {
	start    time.Time
	maxBytes int
	budget   *Budget
	overhead int // bytes that count besides what the log holds

	mu      sync.Mutex
	entries []entry
	text    []byte
	runs    []frameRun
	framed  int // bytes held by their frames
	ended   bool
	freed   bool
	left    bool
	leftAt  int      // how many entries readers see of a log that was left
	gate    *Barrier // nil: readers see everything
	readers listeners

	// What Drop let go of: so many entries and bytes of text came before the first that
	// is kept. The latter wrap around with entry's field.
	entries0 int
	text0    uint32
}

// maxLogBytes keeps offsets within 32 bits.
const maxLogBytes = 1 << 31

// LogOptions configures a [Log]. The zero value is an unshared log that starts now.
type LogOptions struct {
	// MaxBytes bounds the size of the log. The default, 2 GiB, is also the maximum.
	MaxBytes int

	// Budget, if not nil, bounds the memory of several logs together. The log gives
	// its share back when it is freed.
	Budget *Budget

	// Overhead is the number of bytes that the log takes from its budget for data
	// kept beside it, even where the budget has no room for them.
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
		// Subtracting from the current time keeps its monotonic clock reading.
		l.start = l.start.Add(-max(time.Since(options.Started), 0))
	}
	l.budget.release(-l.overhead)
	return l
}

// Started returns when the log was begun.
func (l *Log) Started() time.Time { return l.start }

// Record appends the events of a source as they come, never waiting for a
// reader, and ends the log. When the log is full it takes no more of the source,
// ends the log with the event given for that case, and returns [ErrFull].
func Record(events iter.Seq[Event], log *Log, full Event) error {
	var err error
	for e := range events {
		if err = log.Append(e); err != nil {
			break
		}
	}
	// The source has run to its end here: what it tells then may be relied on by
	// those who see the log's.
	if err != nil {
		log.End(full)
		return err
	}
	log.End()
	return nil
}

// Append adds an event that arrived now.
func (l *Log) Append(e Event) error { return l.AppendAt(e, time.Now()) }

// AppendAt adds an event that arrived at a time: by the log's clock none arrives in
// the future, nor before the one that precedes it.
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

// fits returns what an event would cost, which only the goroutine that appends can
// change, and whether the log has room for it.
func (l *Log) fits(e Event) (cost int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	cost = l.cost(e)
	return cost, l.size()+cost <= l.maxBytes
}

// End says that nothing follows the events given. They are added even to a log
// that is full.
func (l *Log) End(last ...Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range last {
		l.budget.release(-l.cost(e))
		l.add(e, time.Now())
	}
	l.ended = true
	// What was left for growth, a quarter, goes back: the log may be kept for long.
	l.entries, l.text = slices.Clone(l.entries), bytes.Clone(l.text)
	l.wake()
}

// Free lets go of all the log holds. It must have ended, and nobody may read it
// again.
func (l *Log) Free() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.budget.release(l.size() + l.overhead)
	l.freed, l.overhead = true, 0
	l.entries0 += len(l.entries)
	l.entries, l.text, l.runs, l.framed = nil, nil, nil, 0
}

// cost is what an event would add to the log's size.
func (l *Log) cost(e Event) int {
	cost := len(e.Text) + int(unsafe.Sizeof(entry{}))
	if l.isNew(e.Frame) {
		cost += e.Frame.size()
	}
	return cost
}

func (l *Log) isNew(f *Frame) bool { return len(l.runs) == 0 || l.runs[len(l.runs)-1].frame != f }

func (l *Log) add(e Event, arrived time.Time) {
	if l.isNew(e.Frame) {
		l.runs = append(l.runs, frameRun{e.Frame, l.entries0 + len(l.entries)})
		l.framed += e.Frame.size()
	}
	l.text = append(l.text, e.Text...)
	at := min(max(arrived.Sub(l.start), 0), time.Since(l.start)) / tick
	added := entry{at: uint32(min(at, math.MaxUint32)), end: l.text0 + uint32(len(l.text))}
	if last := len(l.entries) - 1; last >= 0 {
		added.at = max(added.at, l.entries[last].at)
	}
	l.entries = append(l.entries, added)
}

// Size is what the log holds, in bytes.
func (l *Log) Size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size()
}

func (l *Log) size() int {
	return len(l.text) + len(l.entries)*int(unsafe.Sizeof(entry{})) + l.framed
}

// Read returns entry i and when it arrived, as time since the log's start. It
// reports false when there is no such entry yet, or none will come: see Len.
// Reading an entry that was dropped is a bug of the caller and panics.
func (l *Log) Read(i int) (Event, time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n, _ := l.shown(); i >= n {
		return Event{}, 0, false
	}
	return l.read(i)
}

// read returns entry i, if it is there; with the lock held.
func (l *Log) read(i int) (Event, time.Duration, bool) {
	k := i - l.entries0
	if k >= len(l.entries) {
		return Event{}, 0, false
	}
	e := l.entries[k]
	begin := uint32(0)
	if k > 0 {
		begin = l.entries[k-1].end - l.text0
	}
	// The string shares the buffer, which is only ever appended to.
	text := l.text[begin : e.end-l.text0]
	return Event{
		Frame: l.runs[l.runOf(i)].frame,
		Text:  unsafe.String(unsafe.SliceData(text), len(text)),
	}, e.arrived(), true
}

// runOf returns which run entry i belongs to.
func (l *Log) runOf(i int) int {
	after, _ := slices.BinarySearchFunc(l.runs, i, func(r frameRun, i int) int {
		if r.from > i {
			return 1
		}
		return -1
	})
	return after - 1
}

// Len returns how many entries came so far and whether that is all.
func (l *Log) Len() (n int, ended bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shown()
}

// shown is what readers see; with the lock held.
func (l *Log) shown() (n int, ended bool) {
	if l.left {
		return l.leftAt, true
	}
	if l.gate != nil && l.gate.shut {
		return l.gate.passed, false
	}
	return l.entries0 + len(l.entries), l.ended
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

// Contains reports whether a position is one that playing this log leads to: the end of
// an entry or of a character of its text. Entries that were dropped are not.
func (l *Log) Contains(p Position) bool {
	n, _ := l.Len()
	if p.Entry < l.firstEntry() || p.Entry > n || p.Entry == n && p.Offset > 0 {
		return false
	}
	if p.Offset == 0 {
		return true
	}
	e, _, _ := l.Read(p.Entry)
	at := 0
	for at < p.Offset && at < len(e.Text) && e.Frame.IsText() {
		_, size := scanRune(e.Text[at:])
		at += size
	}
	return at == p.Offset
}

// Backlog counts the clusters of text that readers can see and that follow a position,
// as if no cluster ended before the position and all text were of one channel. A
// position in what was dropped is taken for the beginning of what is kept.
func (l *Log) Backlog(from Position) int {
	var split splitter
	n := 0
	for text := l.after(from); text != ""; n++ {
		text = text[split.first(text).size:]
	}
	return n
}

// after returns all text that readers can see and that follows a position.
func (l *Log) after(from Position) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	shown, _ := l.shown()
	n := min(shown-l.entries0, len(l.entries))
	i := max(from.Entry-l.entries0, 0)
	if i >= n {
		return ""
	}
	begin, end := 0, int(l.entries[n-1].end-l.text0)
	if i > 0 {
		begin = int(l.entries[i-1].end - l.text0)
	}
	if from.Entry >= l.entries0 {
		begin = min(begin+from.Offset, int(l.entries[i].end-l.text0))
	}
	text := l.text[begin:end]
	return unsafe.String(unsafe.SliceData(text), len(text)) // as in read
}

func (l *Log) firstEntry() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries0
}

// dropMin is how many entries are let go of at a time, so that a drop costs
// little for each.
const dropMin = 64

// Trim says that the entries before i will not be read again. Their memory is
// freed now or, to make fewer copies, at a later call. It reports whether it is now.
func (l *Log) Trim(i int) (freed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(i-l.entries0, len(l.entries)) // a player may begin beyond the end
	if n < dropMin || n < len(l.entries)/2 {
		return false
	}
	before := l.size()
	defer func() { l.budget.release(before - l.size()) }()
	last := l.entries[n-1]
	// The text moves to a new buffer: strings given out point into the old one.
	l.text = append([]byte(nil), l.text[last.end-l.text0:]...)
	l.text0 = last.end
	// The last run stays even when unused, for the next event's sake.
	unused := l.runOf(l.entries0 + n)
	for _, r := range l.runs[:unused] {
		l.framed -= r.frame.size()
	}
	l.runs = slices.Clone(l.runs[unused:])
	l.entries = slices.Clone(l.entries[n:])
	l.entries0 += n
	return true
}

// Subscribe arranges for wake to be called whenever the log has more to read or has
// ended, until unsubscribe is called. It must not block and must not call the log.
func (l *Log) Subscribe(wake func()) (unsubscribe func()) {
	return l.readers.add(&l.mu, wake)
}

// wake notifies the barrier of a change, and the readers if they can see it.
func (l *Log) wake() {
	if l.gate != nil {
		l.gate.wake()
		if l.gate.shut {
			return
		}
	}
	l.readers.notify()
}
