package typewriter

import (
	"encoding/binary"
	"time"
	"unsafe"

	"sse-typewriter/internal/jsontext"
)

// HoldTime bounds the wait of an incomplete grapheme cluster for more text.
const HoldTime = 100 * time.Millisecond

// WordHoldTime bounds the wait of an incomplete word for more text.
const WordHoldTime = 500 * time.Millisecond

// MarkdownHoldTime bounds the wait of an incomplete construct of Markdown for more text.
const MarkdownHoldTime = time.Second

// maxCluster is the length in bytes from which a cluster is not joined with later events.
// A stream of combining marks would otherwise be one endless cluster.
const maxCluster = 4096

// unit is an indivisible piece of text: a grapheme cluster, perhaps over several entries of
// the log.
type unit struct {
	size  uint32  // in bytes of the log's text, escapes included
	pause pauseID // the pause after the unit
}

// segmenter cuts the text of successive events into units and queues them, each text
// once. The segmenter knows neither the clock nor the log.
//
// The last unit is open: the next text may lengthen the unit or change the pause. The unit
// before is open too if the last unit is only half of a surrogate pair.
type segmenter struct {
	pauses  *Pauses
	natural []time.Duration // the natural time of each pause
	split   splitter
	words   *wordSplitter // if not nil, units are words
	marks   *markdown     // if not nil, joins units of Markdown
	queue   unitQueue     // final units

	channel   string  // of the text so far
	smooth    bool    // all units of the next text have the same pause, the last of natural
	open      [2]unit // the open units, which follow those of the queue
	chars     [2]rune // their first characters
	numOpen   int
	tail      []byte        // the text of the open units
	joined    []byte        // the text of the open units and the next text
	tailPlain bool          // the only open unit is a plain character
	tailAt    time.Duration // when the last part of the first open unit arrived
	heldAt    time.Duration // when the last text arrived
}

func newSegmenter(p *pacer) *segmenter {
	s := &segmenter{pauses: p.pauses, natural: p.natural, queue: unitQueue{pauses: uint64(len(p.natural))}}
	if p.pace.Unit == Word {
		s.words = &wordSplitter{markdown: p.pace.Markdown}
	}
	if p.pace.Markdown {
		s.marks = &markdown{queue: &s.queue, natural: s.natural}
	}
	return s
}

// newCounter returns a segmenter of grapheme clusters, to count them.
func newCounter(p *pacer) *segmenter {
	return &segmenter{pauses: p.pauses, natural: p.natural, queue: unitQueue{pauses: uint64(len(p.natural))}}
}

// len returns the number of queued units.
func (s *segmenter) len() int {
	n := s.queue.len + s.numOpen
	if s.marks != nil {
		n += len(s.marks.parts)
	}
	return n
}

// frontOpen reports whether the first unit is open or missing.
func (s *segmenter) frontOpen() bool { return s.queue.len == 0 }

// add queues the units of an event's text. The results are the growth in natural time of
// all queued units and, if there is text, the natural time of the last unit. An event of
// another channel, even without text, separates the texts before and after.
func (s *segmenter) add(channel, text string, at time.Duration) (added, last time.Duration) {
	if channel != s.channel {
		if text != "" {
			added = s.resolveLast(text)
		}
		s.close()
		s.channel = channel
	}
	if text == "" || channel == "" {
		return added, 0
	}
	if s.marks != nil {
		s.marks.reset(channel)
		s.marks.plain = otherPause
		if s.smooth {
			s.marks.plain = s.smoothID()
		}
	}
	unchanged := uint32(0)
	if s.numOpen > 0 && s.tailPlain && startsPlain(text) {
		added += s.resolveLast(text)
		s.settle()
	} else if s.numOpen > 0 {
		// The text of the open units is cut again, together with the new text.
		unchanged = s.open[0].size
		for _, u := range s.open[:s.numOpen] {
			added -= s.natural[u.pause]
		}
		s.numOpen = 0
		s.joined = append(append(s.joined[:0], s.tail...), text...)
		text = viewString(s.joined)
	}
	cut, last := s.cut(text, unchanged, at)
	if s.marks != nil {
		s.heldAt = at
		added += s.marks.takeAdjust()
	}
	return added + cut, last
}

// viewString returns a string that shares the bytes of b.
func viewString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// cut queues the units of a text and opens the last of them. A first unit with the size
// unchanged was open before and has not grown.
func (s *segmenter) cut(text string, unchanged uint32, at time.Duration) (added, last time.Duration) {
	var c cluster
	if s.words != nil {
		s.words.reset(text)
	}
	for rest := text; rest != ""; {
		c = s.split.first(rest)
		rest = rest[c.size:]
		u := unit{size: uint32(c.size), pause: s.pauseAfter(c.char, rest)}
		if s.words != nil && s.words.joins(c) && s.numOpen > 0 {
			added += s.lengthen(u)
			last = s.natural[s.open[s.numOpen-1].pause]
			continue
		}
		last = s.natural[u.pause]
		added += last
		if s.numOpen == len(s.open) {
			s.settleFirst()
		}
		s.open[s.numOpen], s.chars[s.numOpen] = u, c.char
		s.numOpen++
	}
	if s.numOpen == 2 && (c.size != jsontext.SurrogateSize || !jsontext.EndsWithHighSurrogate(text)) {
		s.settleFirst()
	}
	size := 0
	for _, u := range s.open[:s.numOpen] {
		size += int(u.size)
	}
	if size < len(text) || s.open[0].size != unchanged {
		s.tailAt = at
	}
	s.tail = append(s.tail[:0], text[len(text)-size:]...)
	s.tailPlain = s.numOpen == 1 && isPlain(c.char) && s.words == nil
	if size >= maxCluster {
		s.settle()
	}
	return added, last
}

// pauseAfter returns the pause between a character, or unknown, and the following text.
func (s *segmenter) pauseAfter(char rune, next string) pauseID {
	if s.smooth {
		return s.smoothID()
	}
	return s.pauses.after(char, next)
}

func (s *segmenter) smoothID() pauseID { return pauseID(len(s.natural) - 1) }

// lengthen adds a cluster to the last open unit. The longer of the pauses follows the unit.
// The result is the growth in natural time.
func (s *segmenter) lengthen(by unit) (added time.Duration) {
	u := &s.open[s.numOpen-1]
	u.size += by.size
	if was := s.natural[u.pause]; s.natural[by.pause] > was {
		u.pause = by.pause
		return s.natural[by.pause] - was
	}
	return 0
}

// settleFirst makes the first open unit final.
func (s *segmenter) settleFirst() {
	if s.marks != nil {
		s.marks.add(s.open[0], s.chars[0])
	} else {
		s.queue.push(s.open[0])
	}
	s.shiftOpen()
}

// shiftOpen removes the first open unit.
func (s *segmenter) shiftOpen() {
	s.open[0], s.chars[0] = s.open[1], s.chars[1]
	s.numOpen--
}

// settle makes the open units final.
func (s *segmenter) settle() {
	for s.numOpen > 0 {
		s.settleFirst()
	}
}

// close ends the text: all units are final and complete.
func (s *segmenter) close() {
	s.settle()
	if s.marks != nil {
		s.marks.close()
	}
}

// resolveLast sets the pause of the last unit, if open, for next as the following text. The
// result is the growth in natural time of the unit.
func (s *segmenter) resolveLast(next string) (added time.Duration) {
	if s.numOpen == 0 {
		return 0
	}
	u := &s.open[s.numOpen-1]
	was := u.pause
	if was != s.smoothID() {
		u.pause = s.pauses.resolve(was, next)
	}
	return s.natural[u.pause] - s.natural[was]
}

// heldUntil returns until when, at most the deadline, the first unit waits to be lengthened
// by more text. The result is 0 if the unit does not wait.
func (s *segmenter) heldUntil(deadline time.Duration) time.Duration {
	if !s.frontOpen() {
		return 0
	}
	if s.marks != nil && (len(s.marks.parts) > 0 || s.numOpen > 0) {
		hold := MarkdownHoldTime
		if len(s.marks.parts) == 0 {
			hold = s.marks.holdTime(s.chars[0])
		}
		if hold > 0 {
			return min(deadline, s.heldAt+hold)
		}
	}
	if s.numOpen == 0 || s.tailPlain {
		return 0
	}
	text := viewString(s.tail[:s.open[0].size])
	switch {
	case s.words == nil:
	case s.numOpen > 1:
		return min(deadline, s.tailAt+HoldTime)
	case s.words.mayGrow():
		return min(deadline, s.tailAt+WordHoldTime)
	default:
		text = text[len(text)-s.words.lastSize:]
	}
	switch {
	case !s.split.mayGrow(text):
		return 0
	case jsontext.EndsWithHighSurrogate(text): // half a character cannot be shown at all
		return deadline
	default:
		return min(deadline, s.tailAt+HoldTime)
	}
}

// pop removes the first unit. The pause is tentative if the following character is not
// known yet and may change the pause.
func (s *segmenter) pop() (u unit, tentative bool) {
	if !s.frontOpen() {
		return s.queue.pop(), false
	}
	if s.marks != nil && len(s.marks.parts) > 0 {
		s.marks.join(s.marks.parts[len(s.marks.parts)-1].pause)
		return s.queue.pop(), false
	}
	u = s.open[0]
	if s.marks != nil {
		s.marks.passed(s.chars[0])
	}
	s.shiftOpen()
	s.tail = append(s.tail[:0], s.tail[u.size:]...)
	return u, u.pause != s.smoothID() && s.pauses.table[u.pause].beforeSpace
}

// unitQueue is a queue of units, encoded in a single byte for most of them, because an
// answer arriving at once is queued as a whole for each player.
type unitQueue struct {
	pauses uint64 // the number of different pauses
	len    int
	last   int    // the offset of the last unit
	bytes  []byte // uvarints of size*pauses + pause
	head   int    // the offset of the first unit
}

// maxIdleQueue is the largest capacity in bytes to keep for an empty queue.
const maxIdleQueue = 512

func (q *unitQueue) push(u unit) {
	switch {
	case q.len == 0 && cap(q.bytes) > maxIdleQueue:
		q.bytes, q.head = nil, 0
	case cap(q.bytes)-len(q.bytes) < binary.MaxVarintLen64 && q.head >= len(q.bytes)/2:
		q.bytes = q.bytes[:copy(q.bytes, q.bytes[q.head:])]
		q.head = 0
	}
	q.last = len(q.bytes)
	q.bytes = binary.AppendUvarint(q.bytes, uint64(u.size)*q.pauses+uint64(u.pause))
	q.len++
}

func (q *unitQueue) pop() unit {
	v, n := binary.Uvarint(q.bytes[q.head:])
	q.head += n
	q.len--
	return unit{size: uint32(v / q.pauses), pause: pauseID(v % q.pauses)}
}

// mergeLast joins the last unit to the unit before if both are queued. The pause of the
// former remains. The result is the growth in natural time.
func (q *unitQueue) mergeLast(natural []time.Duration) (added time.Duration) {
	if q.len < 2 {
		return 0
	}
	before := q.last - 1
	for before > q.head && q.bytes[before-1] >= 0x80 {
		before--
	}
	last, _ := binary.Uvarint(q.bytes[q.last:])
	first, _ := binary.Uvarint(q.bytes[before:])
	q.bytes = binary.AppendUvarint(q.bytes[:before], (last/q.pauses+first/q.pauses)*q.pauses+first%q.pauses)
	q.last = before
	q.len--
	return -natural[last%q.pauses]
}
