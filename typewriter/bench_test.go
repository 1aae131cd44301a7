package typewriter

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sse-typewriter/internal/jsontext"
)

// samples are encoded texts of different scripts.
var samples = []struct{ name, text string }{
	{"CJK", strings.Repeat("今天天气真好，我们去公园散步吧。", 20)},
	{"English", strings.Repeat("The quick brown fox jumps over the lazy dog. ", 10)},
	{"escaped", strings.Repeat(`\u4eca\u5929 \"\u597d\"\n\ud83d\ude00`, 20)},
	{"emoji", strings.Repeat("👩\u200d👧🇨🇳👍🏽❤\ufe0f1\ufe0f\u20e3", 20)},
	{"Devanagari", strings.Repeat("क्षत्रिय नमस्ते ", 20)},
}

var markdownSample = struct{ name, text string }{
	"Markdown", strings.Repeat("**Bold** and [a link](https://example.com/a) with `code`.\\n| a | b |\\n|---|---|\\n| 1 | 2 |\\n\\n", 5),
}

// sink is a Writer that only counts.
type sink struct{ events, clusters int }

func (s *sink) Write(o *Output) error {
	s.events++
	s.clusters += o.Clusters
	return nil
}
func (*sink) Flush() error     { return nil }
func (*sink) Heartbeat() error { return nil }

// splitAll splits a text and returns the number of clusters.
func splitAll(s *splitter, text string) (n int) {
	for ; text != ""; n++ {
		text = text[s.first(text).size:]
	}
	return n
}

// perCluster reports the time per cluster, for n clusters in all.
func perCluster(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/cluster")
}

func BenchmarkSplit(b *testing.B) {
	for _, sample := range samples {
		b.Run(sample.name, func(b *testing.B) {
			b.ReportAllocs()
			var s splitter
			n := 0
			for b.Loop() {
				n += splitAll(&s, sample.text)
			}
			perCluster(b, n)
		})
	}
}

// deltas cuts a text into deltas, each ending with the character at the tenth byte.
func deltas(text string) (parts []string) {
	for text != "" {
		n := 0
		for n < min(10, len(text)) {
			_, size := jsontext.ScanRune(text[n:])
			n += size
		}
		parts = append(parts, text[:n])
		text = text[n:]
	}
	return parts
}

// benchPaces returns the default paces with each unit, without and with Markdown.
func benchPaces() []Pace {
	var paces []Pace
	for _, mode := range []Mode{Typewriter, Smooth} {
		for _, unit := range []Unit{Grapheme, Word} {
			for _, markdown := range []bool{false, true} {
				pace := DefaultPace(mode)
				pace.Unit, pace.Markdown = unit, markdown
				paces = append(paces, pace)
			}
		}
	}
	return paces
}

// pacing segments and paces deltas as a playback does, without log and writer.
type pacing struct {
	pacer     pacer
	segmenter *segmenter
	now       time.Duration
}

func newPacing(pace Pace) *pacing {
	p := &pacing{pacer: newPacer(pace, 0)}
	p.segmenter = newSegmenter(&p.pacer)
	return p
}

func (p *pacing) deltas(texts []string) {
	for _, text := range texts {
		added, last := p.segmenter.add("a", text, p.now)
		p.pacer.arrive(delivery{at: p.now, text: text, added: added, last: last})
		for !p.segmenter.frontOpen() {
			p.now = p.pacer.due(p.pacer.deadline(p.now, Answer))
			u, tentative := p.segmenter.pop()
			p.pacer.typed(p.now, u.pause, tentative)
		}
	}
}

// The complete cost of a cluster between the decoder and the writer.
func BenchmarkPace(b *testing.B) {
	for _, pace := range benchPaces() {
		for _, sample := range append(samples[:2:2], markdownSample) {
			name := fmt.Sprintf("%s/%s markdown=%t/%s", pace.Mode, pace.Unit, pace.Markdown, sample.name)
			b.Run(name, func(b *testing.B) {
				b.ReportAllocs()
				p, parts := newPacing(pace), deltas(sample.text)
				clusters, n := splitAll(&splitter{}, sample.text), 0
				for b.Loop() {
					p.deltas(parts)
					n += clusters
				}
				perCluster(b, n)
			})
		}
	}
}

// filled returns an ended log of the deltas of a text.
func filled(t testing.TB, text string) *Log {
	t.Helper()
	log := NewLog(LogOptions{})
	for _, delta := range deltas(text) {
		if err := log.Append(Event{Frame: content, Text: delta}); err != nil {
			t.Fatal(err)
		}
	}
	log.End()
	return log
}

// Playing without sleeping: the clock jumps to the time of the next unit.
func BenchmarkPlay(b *testing.B) {
	for _, sample := range samples {
		b.Run(sample.name, func(b *testing.B) {
			b.ReportAllocs()
			log, w := filled(b, sample.text), &sink{}
			pace := DefaultPace(Typewriter)
			pace.MaxLag = 0
			player := &Player{Log: log, Pace: pace}
			for b.Loop() {
				newPlayback(player, w).skipThrough(b)
			}
			perCluster(b, w.clusters)
			b.ReportMetric(float64(w.clusters)/float64(w.events), "clusters/event")
		})
	}
}

func BenchmarkLogAppend(b *testing.B) {
	b.ReportAllocs()
	log := NewLog(LogOptions{})
	const fresh = 1 << 16 // events in one log
	i := 0
	for b.Loop() {
		if i++; i%fresh == 0 {
			log = NewLog(LogOptions{})
		}
		if err := log.Append(text("你好啊")); err != nil {
			b.Fatal(err)
		}
	}
}

// No unit costs an allocation: not to split, not to pace, and, unless a cluster spans
// events, not to write.
func TestAllocations(t *testing.T) {
	for _, sample := range samples {
		var s splitter
		s.search(strings.Repeat("👩\u200d", 50)) // grows the buffer
		if n := testing.AllocsPerRun(10, func() { splitAll(&s, sample.text) }); n != 0 {
			t.Errorf("splitting %s allocates %v times", sample.name, n)
		}
	}
	var s splitter
	s.search("👩\u200d👩\u200d👩\u200d")
	if n := testing.AllocsPerRun(10, func() { s.mayGrow("👩\u200d") }); n != 0 {
		t.Errorf("holding allocates %v times", n)
	}
	for _, pace := range benchPaces() {
		for _, sample := range append(samples[:2:2], markdownSample) {
			p, parts := newPacing(pace), deltas(sample.text)
			p.deltas(parts) // grows the buffers
			if n := testing.AllocsPerRun(10, func() { p.deltas(parts) }); n != 0 {
				t.Errorf("pacing %s %s by %s, Markdown %t, allocates %v times", pace.Mode, sample.name, pace.Unit, pace.Markdown, n)
			}
		}
	}
	for _, sample := range samples[:2] {
		log, w := filled(t, strings.Repeat(sample.text, 10)), &sink{}
		pace := DefaultPace(Typewriter)
		pace.MaxLag = 0
		p := newPlayback(&Player{Log: log, Pace: pace}, w)
		unit := func() {
			if over, err := p.step(true); over || err != nil {
				t.Fatal("played to the end", err)
			}
			p.skip()
		}
		for range 10 {
			unit()
		}
		typed := w.events
		if n := testing.AllocsPerRun(300, unit); n != 0 {
			t.Errorf("playing %s allocates %v times a unit", sample.name, n)
		}
		if w.events < typed+250 {
			t.Errorf("played only %d units", w.events-typed)
		}
	}
}
