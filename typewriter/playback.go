package typewriter

import "time"

// playback is the state of a call of [Player.Play]: the position in the log, the queue of
// units to be typed, and the event being assembled.
type playback struct {
	player    *Player
	log       *Log
	start     time.Time // of the log
	w         Writer
	pacer     pacer
	segmenter *segmenter

	pos       Position      // of the next unit or event
	available int           // the number of entries seen in the log
	ended     bool          // no more entries follow
	skipped   bool          // pacing has ended
	ingested  int           // the number of segmented entries
	clusters  int64         // typed so far, where frames are numbered
	series    seriesCounts  // of the events written so far
	lastText  time.Duration // when the last event of text began
	wakeAt    time.Duration // when the next step is due unless the log changes

	// The entry of the last read, usually also the next to be read.
	entry   Event
	entryAt time.Duration
	entryNo int // -1: none

	now   time.Duration // of this step
	wrote bool          // this step has written an event

	// The text event being assembled; out.Frame is nil if there is none.
	out  Output
	text []byte

	snapshots *Snapshots // the texts written before; nil before the first snapshot
}

func newPlayback(p *Player, w Writer) *playback {
	s := &playback{player: p, log: p.Log, start: p.Log.start, w: w, pos: p.From, ingested: p.From.Entry, entryNo: -1}
	s.now = s.time()
	s.pacer = newPacer(p.Pace, s.now)
	s.lastText = s.now - s.pacer.pace.MinInterval
	s.segmenter = newSegmenter(&s.pacer)
	return s
}

// time returns the time since the start of the log.
func (s *playback) time() time.Duration { return time.Since(s.start) }

// step writes and flushes all events due now, and sets the time of the next step. Changed
// reports a possible change of the log or the Skip since the last step. The result is done
// at the end of the log.
func (s *playback) step(changed bool) (done bool, err error) {
	s.now, s.wrote, s.wakeAt = s.time(), false, never
	if changed {
		s.dropCached() // the log may have a new buffer
		s.available, s.ended = s.log.Len()
		s.skipped = s.player.Skip.IsSet()
		if s.ended {
			s.pacer.ended(s.log.endedAt())
		}
		s.ingest()
	}
	for waits := false; !waits; {
		if s.segmenter.frontOpen() {
			s.ingest()
		}
		if s.pos.Entry >= s.ingested {
			s.pacer.caughtUp()
			done = s.ended
			break
		}
		e, at := s.read(s.pos.Entry)
		if e.Frame.IsText() && s.modeOf(e.Frame) != Raw {
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
		return done, s.w.Flush()
	}
	return done, nil
}

// maxAhead bounds the queue of units without influence on the pace: all units if there is
// no max lag, and otherwise units past their deadline. A long log would otherwise be queued
// as a whole for every player from the beginning.
const maxAhead = 256

// ingest segments new entries and adds them to the pacer's layout.
func (s *playback) ingest() {
	if s.player.Pace.Mode == Raw {
		s.ingested = s.available
		return
	}
	for ; s.ingested < s.available; s.ingested++ {
		e, at, _ := s.log.Read(s.ingested)
		if s.segmenter.len() >= maxAhead && s.isAhead(e, at) {
			return
		}
		mode := s.modeOf(e.Frame)
		if mode == Raw {
			s.segmenter.add("", "", at)
			continue
		}
		text := e.Text
		if s.ingested == s.player.From.Entry {
			text = text[min(s.player.From.Offset, len(text)):]
		}
		if e.Frame.IsText() {
			s.segmenter.smooth = mode == Smooth
		}
		added, last := s.segmenter.add(e.Frame.Channel, text, at)
		if e.Frame.endsCluster() {
			s.segmenter.close()
		}
		if e.Frame.IsText() && text != "" {
			s.pacer.arrive(delivery{at: at, kind: e.Frame.Kind, text: text, added: added, last: last})
		}
	}
	if s.ended {
		s.segmenter.close()
	}
}

// modeOf returns the mode of the text of a frame.
func (s *playback) modeOf(f *Frame) Mode { return s.pacer.pace.modeOf(f.Kind) }

// isAhead reports whether an event with the given arrival has no influence on the pace.
func (s *playback) isAhead(e Event, arrived time.Duration) bool {
	by := s.pacer.deadline(arrived, e.Frame.Kind)
	return by <= s.now || by == never
}

// read returns an ingested entry.
func (s *playback) read(i int) (Event, time.Duration) {
	if i != s.entryNo {
		s.entry, s.entryAt, _ = s.log.Read(i)
		s.entryNo = i
	}
	return s.entry, s.entryAt
}

// dropCached drops the entry of the last read. The text would keep the log's whole buffer
// in memory.
func (s *playback) dropCached() { s.entry, s.entryNo = Event{}, -1 }

// writeWhole writes an event undivided.
func (s *playback) writeWhole(e Event, at time.Duration) error {
	if err := s.finish(); err != nil {
		return err
	}
	s.number(e.Frame)
	if e.Frame.numbersClusters() {
		s.clusters++
	}
	p := lastPiece
	if s.pos.Offset == 0 {
		p |= firstPiece
	}
	s.text = append(s.text[:0], e.Text[min(s.pos.Offset, len(e.Text)):]...)
	before := s.before(e.Frame)
	s.pos = Position{Entry: s.pos.Entry + 1}
	s.out = Output{Frame: e.Frame, Text: s.text, Number: s.clusters, Next: s.pos, Lag: s.now - at, piece: p, before: before}
	return s.write()
}

// typeNext adds the next unit to the event being assembled, unless the unit must wait. The
// unit begins in e.
func (s *playback) typeNext(e Event, at time.Duration) (waits bool, err error) {
	if s.pos.Offset >= len(e.Text) {
		s.pos = Position{Entry: s.pos.Entry + 1}
		return false, nil
	}
	by := s.pacer.deadline(at, e.Frame.Kind)
	due := s.pacer.due(by)
	if t := s.sendAt(e.Frame, due, by); t > s.now {
		s.wakeAt = t
		return true, nil
	}
	if until := s.segmenter.heldUntil(by); until > s.now {
		s.wakeAt = until
		return true, nil
	} else if until > 0 {
		due = s.now
	}
	u, tentative := s.segmenter.pop()
	frame, p := s.target(int(u.size))
	if s.out.Frame != frame || frame.Once != nil && p&firstPiece != 0 {
		if err := s.begin(frame, at, due); err != nil {
			return false, err
		}
	}
	s.out.piece |= p
	s.appendText(int(u.size))
	n := s.countClusters(int(u.size))
	s.clusters += int64(n)
	s.out.Clusters += n
	s.pacer.typed(due, u.pause, tentative)
	return false, nil
}

// countClusters returns the number of clusters in the unit at the end of the event being
// assembled.
func (s *playback) countClusters(size int) (n int) {
	if s.player.Pace.Unit == Grapheme && !s.player.Pace.Markdown {
		return 1
	}
	unit := s.text[len(s.text)-size:]
	for text := viewString(unit); text != ""; n++ {
		text = text[s.segmenter.split.first(text).size:]
	}
	return n
}

// target returns the frame of the entry in which the next n bytes of text end, and which
// part of the entry's text they are.
func (s *playback) target(n int) (frame *Frame, p piece) {
	for i, offset := s.pos.Entry, s.pos.Offset; ; i, offset = i+1, 0 {
		e, _ := s.read(i)
		if n -= len(e.Text) - offset; n > 0 {
			continue
		}
		if i > s.pos.Entry || offset == 0 {
			p |= firstPiece
		}
		if n == 0 {
			p |= lastPiece
		}
		return e.Frame, p
	}
}

// appendText moves the next n bytes of text to the event being assembled.
func (s *playback) appendText(n int) {
	for n > 0 {
		e, _ := s.read(s.pos.Entry)
		text := e.Text[s.pos.Offset:]
		if n < len(text) {
			text = text[:n]
			s.pos.Offset += n
		} else {
			s.pos = Position{Entry: s.pos.Entry + 1}
		}
		s.text = append(s.text, text...)
		n -= len(text)
	}
}

// sendAt returns when to write a unit, given when the unit is due. Units due less than the
// minimum interval after the start of an event join the event; later units wait for the end
// of the interval, but never beyond the deadline.
func (s *playback) sendAt(frame *Frame, due, by time.Duration) time.Duration {
	if s.skipped {
		return s.now
	}
	interval := max(s.pacer.pace.MinInterval, s.snapshots.interval(frame))
	if s.lastText == s.now && due < s.now+interval {
		return s.now
	}
	return min(max(due, s.lastText+interval), by)
}

// begin writes the event being assembled and begins a new event of text.
func (s *playback) begin(frame *Frame, arrived, due time.Duration) error {
	if err := s.finish(); err != nil {
		return err
	}
	s.number(frame)
	s.text = s.text[:0]
	s.out = Output{Frame: frame, Number: s.clusters + 1, Lag: s.now - arrived, Late: max(s.now-due, 0), before: s.before(frame)}
	s.lastText = s.now
	return nil
}

// number counts the clusters before the first numbered frame, for a player with a start
// position.
func (s *playback) number(frame *Frame) {
	if frame.numbersClusters() && s.clusters == 0 {
		s.clusters = s.clustersBefore(s.player.From)
	}
}

// clustersBefore counts the clusters of text before a position.
func (s *playback) clustersBefore(end Position) (n int64) {
	before := newCounter(&s.pacer)
	for i := range min(end.Entry+1, s.available) {
		e, _, _ := s.log.Read(i)
		text := e.Text
		if i == end.Entry {
			text = text[:min(end.Offset, len(text))]
		}
		before.add(e.Frame.Channel, text, 0)
		if e.Frame.endsCluster() {
			before.close()
		}
		for ; !before.frontOpen(); n++ {
			before.pop()
		}
	}
	return n + int64(before.len())
}

// finish writes the event being assembled, if any.
func (s *playback) finish() error {
	if s.out.Frame == nil {
		return nil
	}
	s.out.Text, s.out.Next = s.text, s.pos
	return s.write()
}

func (s *playback) write() error {
	s.wrote = true
	if series := s.out.Frame.Series; series != nil {
		s.out.Number = s.series.next(series, s)
	}
	err := s.w.Write(&s.out)
	s.snapshots.add(s.out.Frame, s.out.Text)
	s.out.Frame = nil
	return err
}

// before returns the text of a snapshot's channel before the event that begins now.
func (s *playback) before(frame *Frame) []byte {
	if !frame.Snapshot {
		return nil
	}
	if s.snapshots == nil { // no snapshot has been written since From
		s.snapshots = &Snapshots{}
		from := s.player.From
		for i := range min(from.Entry+1, s.available) {
			e, _, _ := s.log.Read(i)
			if i == from.Entry {
				e.Text = e.Text[:min(from.Offset, len(e.Text))]
			}
			s.snapshots.add(e.Frame, []byte(e.Text))
		}
	}
	return s.snapshots.of(frame)
}
