package typewriter

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// arrival is an event and the time since the arrival before. Several make a pattern.
type arrival struct {
	after time.Duration
	event Event
}

var (
	content   = &Frame{Name: "delta", Head: `{"content":"`, Tail: `"}`, Channel: "content"}
	reasoning = &Frame{Name: "delta", Head: `{"reasoning":"`, Tail: `"}`, Channel: "reasoning"}
)

func text(s string) Event        { return Event{Frame: content, Text: s} }
func thought(s string) Event     { return Event{Frame: reasoning, Text: s} }
func other(name string) Event    { return Event{Frame: &Frame{Name: name, Head: "{}"}} }
func ms(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }

// sent is an event as received by a Writer.
type sent struct {
	at   time.Duration
	name string
	data string
	Output
}

// text returns the text of the event if its frame is f.
func (s sent) text(f *Frame) (string, bool) {
	text, ok := strings.CutPrefix(s.data, f.Head)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(text, f.Tail)
}

// recorder is a Writer that records events and times.
type recorder struct {
	t       testing.TB
	start   time.Time
	sent    []sent
	flushed int
	flushes []time.Duration
	beats   []time.Duration
}

func newRecorder(t testing.TB) *recorder { return &recorder{t: t, start: time.Now()} }

func (r *recorder) Write(o *Output) error {
	data := string(o.AppendData(nil))
	name := o.Frame.Name
	out := *o
	out.Frame, out.Text, out.Number = nil, nil, 0 // are in data
	r.sent = append(r.sent, sent{at: time.Since(r.start), name: name, data: data, Output: out})
	return nil
}

func (r *recorder) Flush() error {
	if r.flushed == len(r.sent) {
		r.t.Error("flushed without an event")
	}
	r.flushed = len(r.sent)
	r.flushes = append(r.flushes, time.Since(r.start))
	return nil
}

func (r *recorder) Heartbeat() error {
	r.beats = append(r.beats, time.Since(r.start))
	return nil
}

// text joins the texts of all events with the frame f.
func (r *recorder) text(f *Frame) string {
	var b strings.Builder
	for _, s := range r.sent {
		text, _ := s.text(f)
		b.WriteString(text)
	}
	return b.String()
}

// feed appends the events of a pattern to a log at their times, and ends the log.
func feed(t testing.TB, log *Log, pattern []arrival) {
	err := Record(func(yield func(Event) bool) {
		for _, a := range pattern {
			time.Sleep(a.after)
			if !yield(a.event) {
				return
			}
		}
	}, log, func() []Event { return []Event{other("full")} })
	if err != nil {
		t.Error(err)
	}
}

// play plays a pattern from the beginning, in a synctest bubble.
func play(t *testing.T, pace Pace, pattern []arrival) *recorder {
	t.Helper()
	return playFrom(t, pace, Position{}, pattern)
}

// playFrom plays a pattern from a position in a bubble of its own.
func playFrom(t *testing.T, pace Pace, from Position, pattern []arrival) *recorder {
	t.Helper()
	var r *recorder
	synctest.Test(t, func(t *testing.T) {
		log := NewLog(LogOptions{})
		r = newRecorder(t)
		go feed(t, log, pattern)
		p := Player{Log: log, Pace: pace, From: from, TrimPlayed: true}
		if err := p.Play(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		if r.flushed != len(r.sent) {
			t.Error("not all was flushed")
		}
	})
	return r
}

// fixed returns the default pace with constant pauses and without a max tail, for exact times.
func fixed(t testing.TB) Pace {
	t.Helper()
	classes := DefaultClasses()
	for name, length := range map[string]time.Duration{"sentence": 400, "clause": 200, "markup": 300, Other: 100} {
		c := classes[name]
		c.Min, c.Max = length*time.Millisecond, length*time.Millisecond
		classes[name] = c
	}
	pauses, err := NewPauses(classes)
	if err != nil {
		t.Fatal(err)
	}
	p := DefaultPace(Typewriter)
	p.Pauses, p.MaxTail = pauses, 0
	return p
}
