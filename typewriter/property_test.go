package typewriter

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// propertyCases is the number of random streams, propertySeed the seed of all of them.
const (
	propertyCases = 1000
	propertySeed  = 20260
)

// The contract of Play holds for any text, however cut and timed.
func TestPlayProperties(t *testing.T) {
	for i := range uint64(propertyCases) {
		r := rand.New(rand.NewPCG(propertySeed, i))
		pace := generatePace(r)
		items := generateItems(r, generateText(r, 1+r.IntN(60)), generateGaps(r))
		name := fmt.Sprintf("seed=%d,%d mode=%s", propertySeed, i, pace.Mode)
		t.Run(name, func(t *testing.T) {
			ok := t.Run("play", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { checkPlay(t, r, pace, items) })
			})
			if !ok {
				t.Logf("pace %+v", pace)
				for i, it := range items {
					t.Logf("%3d at %v: %s %q", i, it.at, it.event.Frame.Name, it.event.Text)
				}
			}
		})
	}
}

func generatePace(r *rand.Rand) Pace {
	pace := DefaultPace([]Mode{Typewriter, Typewriter, Typewriter, Smooth, Raw}[r.IntN(5)])
	pace.Speed = []float64{0.1, 1, 3, 100}[r.IntN(4)]
	pace.MaxLag = []time.Duration{0, 20, 150, 400, 3000, 60000}[r.IntN(6)] * time.Millisecond
	if pace.Mode == Smooth {
		pace.MaxLag = max(pace.MaxLag, time.Millisecond)
	}
	pace.MaxTail = []time.Duration{0, 0, 10, 1000}[r.IntN(4)] * time.Millisecond
	pace.MinInterval = []time.Duration{0, 1, 8, 50, 1000}[r.IntN(5)] * time.Millisecond
	pace.Unit = []Unit{Grapheme, Grapheme, Word}[r.IntN(3)]
	pace.Markdown = r.IntN(3) == 0
	pace.Seed = r.Uint64N(3)
	return pace
}

// generateGaps returns a generator of gaps: none, constant, or random with gaps below and
// above the hold time.
func generateGaps(r *rand.Rand) func() time.Duration {
	switch r.IntN(4) {
	case 0:
		return func() time.Duration { return 0 }
	case 1:
		return func() time.Duration { return 17 * time.Millisecond }
	default:
		return func() time.Duration {
			longest := []time.Duration{1, 1, 40, 40, 40, 250, 2000}[r.IntN(7)] * time.Millisecond
			return time.Duration(r.Int64N(int64(longest))).Truncate(tick)
		}
	}
}

func checkPlay(t *testing.T, r *rand.Rand, pace Pace, items []item) {
	if err := pace.Validate(); err != nil {
		t.Fatal(err)
	}
	var pattern []arrival
	for _, it := range items {
		pattern = append(pattern, it.arrival)
	}
	log, rec := NewLog(LogOptions{}), newRecorder(t)
	atOnce := items[len(items)-1].at == 0
	if atOnce {
		feed(t, log, pattern) // all of it before the first is typed
	} else {
		go feed(t, log, pattern)
	}
	trim := r.IntN(2) == 0
	p := Player{Log: log, Pace: pace, TrimPlayed: trim}
	if err := p.Play(context.Background(), rec); err != nil {
		t.Fatal(err)
	}
	w := walker{t: t, pace: pace, items: items, atOnce: atOnce}
	for _, s := range rec.sent {
		w.take(s)
		if t.Failed() {
			return
		}
	}
	if w.skipDone(); w.item != len(items) {
		t.Errorf("ended before item %d", w.item)
	}
	checkFirst(t, pace, items, rec.sent)
	checkIntervals(t, pace, w.texts)
	if !trim {
		checkResumes(t, r, p, rec.sent)
	}
}

// walker matches the written events with the items, character by character.
type walker struct {
	t      *testing.T
	pace   Pace
	items  []item
	atOnce bool // all items were there before the first was played
	item   int  // the current item and token
	token  int
	next   Position
	texts  []textSent
}

// textSent is the time of an event of text, and its deadline.
type textSent struct{ at, deadline time.Duration }

// skipDone moves to the item of the next event. Events of text without any text vanish,
// except in raw mode.
func (w *walker) skipDone() {
	for w.item < len(w.items) && w.pace.Mode != Raw {
		it := w.items[w.item]
		if !it.event.Frame.IsText() || w.token < len(it.tokens) {
			return
		}
		w.item, w.token = w.item+1, 0
	}
}

// take checks a written event.
func (w *walker) take(s sent) {
	w.skipDone()
	if w.item >= len(w.items) {
		w.t.Errorf("%q came after all was sent", s.data)
		return
	}
	it := w.items[w.item]
	if lag := s.at - it.at; s.Lag != lag {
		w.t.Errorf("%q has lag %v, want %v", s.data, s.Lag, lag)
	}
	if w.pace.Mode == Raw || !it.event.Frame.IsText() {
		if want := it.event.Frame.Head + it.event.Text + it.event.Frame.Tail; s.data != want || s.name != it.event.Frame.Name {
			w.t.Errorf("sent %s %q, want %s %q", s.name, s.data, it.event.Frame.Name, want)
		}
		if w.pace.Mode == Raw && s.at != it.at {
			w.t.Errorf("%q left at %v, want %v", s.data, s.at, it.at)
		}
		w.item, w.token = w.item+1, 0
	} else {
		w.takeText(s)
	}
	w.checkNext(s.Next)
}

// takeText checks an event of text: the text continues the event before, consists of whole
// clusters, and meets the deadline of the oldest part.
func (w *walker) takeText(s sent) {
	i := slices.IndexFunc(modelFrames, func(f *Frame) bool { return f.Name == s.name })
	if i < 0 {
		w.t.Errorf("sent %s %q before the text from item %d on", s.name, s.data, w.item)
		return
	}
	got, _ := s.text(modelFrames[i])
	deadline := never
	if w.pace.MaxLag > 0 {
		deadline = w.items[w.item].at + w.pace.MaxLag
	}
	if w.pace.MaxTail > 0 {
		deadline = min(deadline, w.items[len(w.items)-1].at+w.pace.MaxTail)
	}
	if s.at > deadline {
		w.t.Errorf("%q left at %v, its deadline is %v", got, s.at, deadline)
	}
	w.texts = append(w.texts, textSent{s.at, deadline})

	text := runFrom(w.items, w.item, w.token)
	n := 0
	for raw := got; raw != ""; n++ {
		var ok bool
		if n == len(text.tokens) {
			w.t.Errorf("sent %q, more than came", got)
			return
		}
		if raw, ok = strings.CutPrefix(raw, text.tokens[n].raw); !ok {
			w.t.Errorf("sent %q, want %q next", got, text.tokens[n].raw)
			return
		}
	}
	if n == 0 {
		w.t.Error("sent an event of text without text")
		return
	}
	last := text.items[n-1]
	if last = w.items[last].event.Frame.index(); last != i {
		w.t.Errorf("sent %q in frame %s, want %s", got, s.name, modelFrames[last].Name)
	}
	w.checkClusters(s, text, n, deadline)
	for ; n > 0; n-- {
		if w.token++; w.token == len(w.items[w.item].tokens) {
			w.skipDone()
		}
	}
}

// index returns the index of a frame in modelFrames.
func (f *Frame) index() int { return slices.Index(modelFrames, f) }

// checkClusters checks that the first n tokens of a text are whole clusters. Only the last
// cluster may be cut, between two events, if the second arrived too late.
func (w *walker) checkClusters(s sent, text run, n int, deadline time.Duration) {
	ends := text.clusters(n)
	last, whole := slices.BinarySearch(ends, n)
	if s.Clusters != last+1 {
		w.t.Errorf("%q says it has %d clusters, want %d", s.data, s.Clusters, last+1)
	}
	if whole && !text.isPair(n-1) {
		return
	}
	goesOn := text.items[n] // which event continues it
	if text.isPair(n) {
		goesOn = text.items[n+1]
	}
	begin := 0
	if last > 0 {
		begin = ends[last-1]
	}
	came, rest := w.items[text.items[n-1]].at, w.items[goesOn].at
	switch part := text.tokens[begin:n]; {
	case text.items[n-1] == goesOn:
		w.t.Errorf("%q ends inside a cluster of one event", s.data)
	case rest < s.at:
		w.t.Errorf("%q left at %v without the rest of its cluster, which came at %v", s.data, s.at, rest)
	case waits(part) && s.at < min(came+HoldTime, deadline):
		w.t.Errorf("%q left at %v and was not held from %v on", s.data, s.at, came)
	case w.atOnce:
		w.t.Errorf("%q ends inside a cluster, and all came at once", s.data)
	}
}

// checkNext checks that a position is that of the walker, and beyond the last position.
func (w *walker) checkNext(next Position) {
	if next.Entry < w.next.Entry || next.Entry == w.next.Entry && next.Offset <= w.next.Offset {
		w.t.Errorf("position %v follows %v", next, w.next)
	}
	w.next = next
	w.skipDone()
	item, offset := next.Entry, next.Offset
	for item < len(w.items) && w.pace.Mode != Raw && w.items[item].event.Frame.IsText() && offset == len(w.items[item].event.Text) {
		item, offset = item+1, 0
	}
	want := 0
	if w.item < len(w.items) {
		for _, t := range w.items[w.item].tokens[:w.token] {
			want += len(t.raw)
		}
	}
	if item != w.item || offset != want {
		w.t.Errorf("position %v, want %d.%d", next, w.item, want)
	}
}

// checkFirst checks that the first text is written on arrival, unless held.
func checkFirst(t *testing.T, pace Pace, items []item, sent []sent) {
	t.Helper()
	first := slices.IndexFunc(items, func(it item) bool { return len(it.tokens) > 0 })
	text := items[first]
	if (pace.Unit == Word || pace.Markdown) && pace.Mode != Raw {
		return // the first unit is held until it is complete
	}
	if pace.Mode != Raw {
		ends := run{tokens: text.tokens}.clusters(0)
		if ends[0] == len(text.tokens) && waits(text.tokens) {
			return
		}
		if next := ends[0]; next == len(text.tokens)-1 && text.tokens[next].isHigh() && waits(text.tokens[:next]) {
			return
		}
	}
	for _, s := range sent {
		if slices.ContainsFunc(modelFrames, func(f *Frame) bool { return f.Name == s.name }) {
			if s.at != text.at {
				t.Errorf("the first text came at %v and left at %v", text.at, s.at)
			}
			return
		}
	}
}

// checkIntervals checks the minimum interval between events of text, except at a deadline.
func checkIntervals(t *testing.T, pace Pace, texts []textSent) {
	t.Helper()
	for i, s := range texts {
		if i == 0 || s.at == texts[i-1].at {
			continue
		}
		if gap := s.at - texts[i-1].at; gap < pace.MinInterval && s.at != s.deadline {
			t.Errorf("text at %v follows %v after the last; its deadline is %v", s.at, gap, s.deadline)
		}
	}
}

// checkResumes plays from some of the reported positions.
func checkResumes(t *testing.T, r *rand.Rand, p Player, sent []sent) {
	t.Helper()
	for range 3 {
		i := r.IntN(len(sent))
		p.From = sent[i].Next
		rest := newRecorder(t)
		if err := p.Play(context.Background(), rest); err != nil {
			t.Fatal(err)
		}
		if got, want := flatten(rest.sent), flatten(sent[i+1:]); got != want {
			t.Errorf("from %v: got %q, want %q", p.From, got, want)
		}
	}
}

// flatten joins events regardless of the cuts of the text.
func flatten(sent []sent) string {
	var b strings.Builder
	channel := ""
	for _, s := range sent {
		i := slices.IndexFunc(modelFrames, func(f *Frame) bool { return f.Name == s.name })
		if i < 0 {
			fmt.Fprintf(&b, "<%s %s>", s.name, s.data)
			channel = ""
			continue
		}
		if channel != modelFrames[i].Channel {
			channel = modelFrames[i].Channel
			fmt.Fprintf(&b, "<%s>", channel)
		}
		text, _ := s.text(modelFrames[i])
		b.WriteString(text)
	}
	return b.String()
}
