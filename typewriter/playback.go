package typewriter

import (
	"time"
)

// playback is the state of one playing: how far it is in the log, and the event
// that is being put together.
type playback struct {
	player *Player
	log    *Log
	start  time.Time // the log's
	w      Writer
	pacer  pacer
	split  splitter

	pos         Position      // what is played next
	layoutEnd   time.Duration // where the entry at pos begins on the pacer's axis
	ingested    int           // how many entries the pacer knows of
	pendingRune rune          // their last character, if its pause hangs on the next one, or unknown
	ended       bool          // nothing follows those
	skipped     bool          // nothing waits any more
	typed       int64         // clusters typed so far
	last        time.Duration // when text was written last
	wakeAt      time.Duration // when to look again, if nothing arrives before

	// The entry that was read last, which is mostly the one that is read next.
	entry   Event
	entryAt time.Duration
	entryNo int // -1: none

	now   time.Duration // the time of this round
	wrote bool          // something was written in this round

	// The text event that is being put together; out.Frame is nil when none is.
	out  Output
	text []byte
}

func newPlayback(p *Player, w Writer) *playback {
	s := &playback{player: p, log: p.Log, start: p.Log.start, w: w, pos: p.From, ingested: p.From.Entry, pendingRune: unknown, entryNo: -1}
	s.now = s.time()
	s.last = s.now - p.Pace.MinInterval
	s.pacer = newPacer(p.Pace, s.now)
	return s
}

// time is the time since the log's start.
func (s *playback) time() time.Duration { return time.Since(s.start) }

// step writes and flushes all that is due now, and sets when to look again. It is told
// whether something is new in the log, and reports whether all is played.
func (s *playback) step(changed bool) (over bool, err error) {
	s.now, s.wrote, s.wakeAt = s.time(), false, never
	if changed {
		s.ingest()
	}
	for waits := false; !waits; {
		if s.pos.Entry >= s.ingested {
			s.pacer.caughtUp()
			over = s.ended
			break
		}
		e, at := s.at(s.pos.Entry)
		if e.Frame.IsText() && s.player.Pace.Mode != Raw {
			waits, err = s.typeNext(e, at)
		} else {
			err = s.writeWhole(e, at)
		}
		if err != nil {
			return false, err
		}
	}
	if err := s.finish(); err != nil {
		return false, err
	}
	if s.player.TrimPlayed && s.log.Trim(s.pos.Entry) {
		s.dropCached()
	}
	if s.wrote {
		return over, s.w.Flush()
	}
	return over, nil
}

// ingest tells the pacer of the text that came since it was last called.
func (s *playback) ingest() {
	s.dropCached() // the log may have a new buffer
	n, ended := s.log.Len()
	s.ended, s.skipped = ended, s.player.Skip.IsSet()
	if s.player.Pace.Mode == Raw {
		s.ingested = n
	}
	for ; s.ingested < n; s.ingested++ {
		text, at := s.textAt(s.ingested)
		first := firstRune(text)
		if s.pendingRune != unknown && first != unknown {
			s.pacer.relayout(s.pendingRune, first)
			if s.pos.Entry >= s.ingested {
				s.layoutEnd = s.pacer.end // what was laid out anew has left already
			}
		}
		var natural, lastPause time.Duration
		natural, lastPause, s.pendingRune = s.measure(text, unknown)
		if first != unknown {
			s.pacer.arrive(at, natural, lastPause, first)
		}
	}
}

// at returns an entry that the pacer knows of.
func (s *playback) at(i int) (Event, time.Duration) {
	if i != s.entryNo {
		s.entry, s.entryAt, _ = s.log.Read(i)
		s.entryNo = i
	}
	return s.entry, s.entryAt
}

// dropCached forgets the entry that was read last: its text would keep the log's whole buffer.
func (s *playback) dropCached() { s.entry, s.entryNo = Event{}, -1 }

// textAt returns the text of an entry that is to be played, or none.
func (s *playback) textAt(i int) (text string, at time.Duration) {
	e, at, _ := s.log.Read(i)
	if i == s.player.From.Entry {
		return e.Text[min(s.player.From.Offset, len(e.Text)):], at
	}
	return e.Text, at // an event that is not text has none
}

// measure returns how long a text that next follows takes at its natural pace, the
// part of that which is the last cluster's pause, and the last character if that
// pause hangs on what follows, which is not known.
func (s *playback) measure(text string, next rune) (natural, lastPause time.Duration, open rune) {
	open = unknown
	for text != "" {
		c := s.split.first(text)
		text = text[c.size:]
		follows := next
		if text != "" {
			follows = firstRune(text)
		}
		pause, tentative := s.pacer.pauses.after(c.char, follows)
		if tentative {
			open = c.char
		}
		lastPause = s.pacer.natural(pause)
		natural += lastPause
	}
	return natural, lastPause, open
}

// writeWhole writes an event in one piece.
func (s *playback) writeWhole(e Event, at time.Duration) error {
	if err := s.finish(); err != nil {
		return err
	}
	if e.Frame.Number > 0 {
		if s.typed == 0 {
			s.typed = s.clustersBefore(s.player.From)
		}
		s.typed++
	}
	s.text = append(s.text[:0], e.Text[min(s.pos.Offset, len(e.Text)):]...)
	s.pos = Position{Entry: s.pos.Entry + 1}
	s.out = Output{Frame: e.Frame, Text: s.text, Number: s.typed, Next: s.pos, Lag: s.now - at}
	return s.write()
}

// typeNext adds the next cluster to the event that is being put together, or
// finds that it must wait.
func (s *playback) typeNext(e Event, at time.Duration) (waits bool, err error) {
	if s.pos.Offset >= len(e.Text) {
		s.pos = Position{Entry: s.pos.Entry + 1}
		return false, nil
	}
	due := s.pacer.due(at)
	if when := s.sendAt(due, at); when > s.now {
		s.wakeAt = when
		return true, nil
	}
	c := s.next(e, at)
	if c.held {
		until := s.deadline(at)
		if !endsWithHighSurrogate(c.text) { // half a character cannot be shown at all
			until = min(until, c.arrived+HoldTime)
		}
		if until > s.now {
			s.wakeAt = until
			return true, nil
		}
		due = s.now
	}
	if s.out.Frame != c.frame {
		if err := s.begin(c.frame, at, due); err != nil {
			return false, err
		}
	}
	s.text = append(s.text, c.text...)
	begun := s.pos.Entry
	s.pos = c.end
	s.typed++
	s.out.Clusters++
	s.pacer.typed(due, c.char, s.following())
	if begun < s.pos.Entry {
		s.advanceLayout(begun)
	}
	return false, nil
}

// advanceLayout tells the pacer where the text stands after the entries from begun up to
// the script's position.
func (s *playback) advanceLayout(begun int) {
	for i := begun; i < s.pos.Entry; i++ {
		next := unknown
		if i+1 < s.ingested {
			following, _ := s.textAt(i + 1)
			next = firstRune(following)
		}
		text, _ := s.textAt(i)
		natural, _, _ := s.measure(text, next)
		s.layoutEnd += natural
	}
	s.pacer.reached(s.layoutEnd)
}

// sendAt returns at what time a cluster that is due may be written. One that is due
// less than the minimum interval after an event joins it; later ones wait for the
// end of the interval, but none beyond its deadline.
func (s *playback) sendAt(due, at time.Duration) time.Duration {
	if s.skipped {
		return s.now
	}
	interval := s.player.Pace.MinInterval
	if s.last == s.now && due < s.now+interval {
		return s.now
	}
	return min(max(due, s.last+interval), s.deadline(at))
}

// deadline returns when text that arrived at a time must have been written.
func (s *playback) deadline(at time.Duration) time.Duration {
	if s.player.Pace.MaxLag == 0 {
		return never
	}
	return at + s.player.Pace.MaxLag
}

// begin starts an event of text, and finishes the one before.
func (s *playback) begin(frame *Frame, at, due time.Duration) error {
	if err := s.finish(); err != nil {
		return err
	}
	if frame.Number > 0 && s.typed == 0 {
		s.typed = s.clustersBefore(s.player.From)
	}
	s.text = s.text[:0]
	s.out = Output{Frame: frame, Number: s.typed + 1, Lag: s.now - at, Late: max(s.now-due, 0)}
	s.last = s.now
	return nil
}

// clustersBefore counts the clusters up to a position, for a player that goes on with
// their numbers.
func (s *playback) clustersBefore(end Position) (n int64) {
	pos := s.pos
	defer func() { s.pos = pos }()
	s.pos = Position{}
	for s.pos.Entry < end.Entry || s.pos.Entry == end.Entry && s.pos.Offset < end.Offset {
		e, at, _ := s.log.Read(s.pos.Entry)
		if s.pos.Offset >= len(e.Text) {
			s.pos = Position{Entry: s.pos.Entry + 1}
			continue
		}
		s.pos = s.next(e, at).end
		n++
	}
	return n
}

// finish writes the event that is being put together, if one is.
func (s *playback) finish() error {
	if s.out.Frame == nil {
		return nil
	}
	s.out.Text, s.out.Next = s.text, s.pos
	return s.write()
}

func (s *playback) write() error {
	s.wrote = true
	err := s.w.Write(&s.out)
	s.out.Frame = nil
	return err
}

// span is a cluster in the log.
type span struct {
	frame   *Frame        // of the entry that it ends in
	text    string        // as it stands in the payload
	char    rune          // its character, or unknown if it has several
	end     Position      // where the next one begins
	arrived time.Duration // when its last part did
	held    bool          // more text may make it longer
}

// maxCluster is the length at which a cluster is not made any longer: a stream of
// nothing but combining marks must not be kept waiting for its end.
const maxCluster = 4096

// next returns the cluster at the script's position, in an entry that has text
// left. It may reach into the entries that follow.
func (s *playback) next(e Event, at time.Duration) span {
	text := e.Text[s.pos.Offset:]
	c := s.split.first(text)
	span := span{frame: e.Frame, arrived: at, end: Position{Entry: s.pos.Entry, Offset: s.pos.Offset + c.size}}
	for i := s.pos.Entry + 1; isOpen(text, c.size) && len(text) < maxCluster; i++ {
		// The next entry may continue it.
		whole := c.size == len(text)
		if whole {
			span.end = Position{Entry: i}
		}
		e, at, ok := s.read(i)
		if !ok {
			span.held = !s.ended && s.split.mayGrow(text[:c.size])
			break
		}
		if e.Frame.Channel != span.frame.Channel || whole && isPlain(c.char) && e.Text != "" && startsPlain(e.Text) {
			break
		}
		if e.Text == "" {
			continue
		}
		joined := text + e.Text
		if longer := s.split.first(joined); longer.size > c.size {
			c = longer
			span.frame, span.arrived = e.Frame, at
			span.end = Position{Entry: i, Offset: c.size - len(text)}
		}
		text = joined
	}
	span.text, span.char = text[:c.size], c.char
	return span
}

// following returns the character at the script's position: unknown if it has not
// arrived, a space if no text follows.
func (s *playback) following() rune {
	e, _, ok := s.read(s.pos.Entry)
	switch {
	case !ok && !s.ended:
		return unknown
	case !ok || !e.Frame.IsText():
		return ' '
	default:
		return firstRune(e.Text[s.pos.Offset:])
	}
}

// read returns an entry that the pacer knows of.
func (s *playback) read(i int) (Event, time.Duration, bool) {
	if i >= s.ingested {
		return Event{}, 0, false
	}
	e, at := s.at(i)
	return e, at, true
}

func firstRune(text string) rune {
	if text == "" {
		return unknown
	}
	r, _ := scanRune(text)
	return r
}
