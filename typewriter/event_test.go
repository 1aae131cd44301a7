package typewriter

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
	"weak"
)

func TestParsePosition(t *testing.T) {
	for _, p := range []Position{{}, {0, 5}, {12, 0}, {1 << 40, 1 << 31}} {
		if got, err := ParsePosition(p.String()); got != p || err != nil {
			t.Errorf("%v became %v, %v", p, got, err)
		}
	}
	for _, s := range []string{"", ".", "1", "1.", ".1", "-1.0", "0.-1", "+1.0", "01.0", "1.00", "1.0.0", " 1.0", "1.0 ", "1,0", "a.b", "0x1.0", "99999999999999999999.0"} {
		want := fmt.Sprintf("cannot read position %q: want entry.offset", s)
		if p, err := ParsePosition(s); p != (Position{}) || err == nil || err.Error() != want {
			t.Errorf("%q became %v, %v", s, p, err)
		}
	}
}

// Numbered frames carry the sequence number of the first cluster.
func TestPlayNumbers(t *testing.T) {
	numbered := &Frame{Head: `{"id":,"t":"`, Number: 6, Tail: `"}`, Channel: "content"}
	whole := &Frame{Name: "done", Head: `[]`, Number: 1}
	pattern := []arrival{
		{0, Event{Frame: numbered, Text: "ab"}},
		{0, text("c")},
		{0, Event{Frame: numbered, Text: "d👩"}},
		{0, Event{Frame: numbered, Text: "\u200d👧"}},
		{0, Event{Frame: whole}},
	}
	pace := fixed(t)
	got := dataOf(play(t, pace, pattern))
	want := []string{
		`{"id":1,"t":"a"}`, `{"id":2,"t":"b"}`, `{"content":"c"}`, `{"id":4,"t":"d"}`,
		`{"id":5,"t":"👩` + "\u200d" + `👧"}`, `[6]`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	pace.MinInterval = 150 * time.Millisecond // a and b on their own, then two at a time
	pattern = []arrival{{0, Event{Frame: numbered, Text: "abcde"}}}
	got = dataOf(play(t, pace, pattern))
	want = []string{`{"id":1,"t":"ab"}`, `{"id":3,"t":"cd"}`, `{"id":5,"t":"e"}`}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("shared events: got %q, want %q", got, want)
	}
}

func dataOf(r *recorder) []string {
	var data []string
	for _, s := range r.sent {
		data = append(data, s.data)
	}
	return data
}

// Outputs report lag, lateness, clusters and the position after the event.
func TestPlayOutputs(t *testing.T) {
	pace := fixed(t)
	pace.MaxLag = 0
	r := play(t, pace, []arrival{{0, text("ab")}, {ms(10), text("👩")}, {ms(20), text("\u200d👧")}, {ms(30), other("x")}})
	want := []Output{
		{Next: Position{0, 1}, Clusters: 1},
		{Next: Position{1, 0}, Clusters: 1, Lag: ms(100)},
		{Next: Position{3, 0}, Clusters: 1, Lag: ms(190)},
		{Next: Position{4, 0}, Lag: ms(140)},
	}
	for i, s := range r.sent {
		s.piece = 0 // TestPlayOnce is about pieces
		if i >= len(want) || !reflect.DeepEqual(s.Output, want[i]) {
			t.Errorf("event %d is %+v", i, s.Output)
		}
	}
	if len(r.sent) != len(want) {
		t.Errorf("sent %d events, want %d", len(r.sent), len(want))
	}
}

// An event delayed by the minimum interval is late.
func TestPlayIsLate(t *testing.T) {
	pace := fixed(t)
	pace.MinInterval = 150 * time.Millisecond
	r := play(t, pace, []arrival{{0, text("a")}, {ms(120), text("b")}})
	checkSent(t, r, []string{"0 a", "150 b"})
	if first, second := r.sent[0].Late, r.sent[1].Late; first != 0 || second != ms(30) {
		t.Errorf("late by %v and %v, want 0 and 30ms", first, second)
	}
}

// A player that starts late writes text beyond the deadline at once, and paces the rest.
func TestPlayStartsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, r := NewLog(LogOptions{}), newRecorder(t)
		fill(t, log, content, 100, 1)
		time.Sleep(10 * time.Second)
		go feed(t, log, []arrival{{ms(50), text("a")}, {0, other("x")}})
		if err := (&Player{Log: log, Pace: fixed(t)}).Play(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		checkSent(t, r, []string{"10000 100", "10100 a", "10100 x"})
		if late := r.sent[0].Late; late != 10*time.Second-DefaultMaxLag {
			t.Errorf("late by %v", late)
		}
	})
}

// TrimPlayed keeps the log small.
func TestPlayTrims(t *testing.T) {
	for _, trim := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			log, r := NewLog(LogOptions{}), newRecorder(t)
			fill(t, log, content, 0, 1000)
			log.End()
			p := Player{Log: log, Pace: DefaultPace(Typewriter), TrimPlayed: trim}
			if err := p.Play(context.Background(), r); err != nil {
				t.Fatal(err)
			}
			if kept := len(log.entries); trim && kept > dropMin || !trim && kept != 1000 {
				t.Errorf("trim %t: %d entries are kept", trim, kept)
			}
		})
	}
}

// A waiting player does not keep a text buffer alive that the log has replaced.
func TestPlayKeepsNoBuffer(t *testing.T) {
	long := strings.Repeat("long ", 1000)
	grow := func(t *testing.T, log *Log, texts ...string) {
		for _, s := range texts {
			if err := log.Append(text(s)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		name  string
		mode  Mode
		texts []string
		ends  bool // the log, before it is played
		then  func(t *testing.T, log *Log)
	}{
		{"all is played and dropped", Raw, slices.Repeat([]string{long}, dropMin), false, nil},
		{"dropped up to what is typed", Typewriter, append(slices.Repeat([]string{""}, dropMin), long), true, nil},
		{"the log ends", Typewriter, []string{long}, false, func(_ *testing.T, log *Log) { log.End() }},
		{"the log grows", Typewriter, []string{long}, false, func(t *testing.T, log *Log) { grow(t, log, long, long) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := NewLog(LogOptions{})
				grow(t, log, test.texts...)
				if test.ends {
					log.End()
				}
				buffer := weak.Make(unsafe.SliceData(log.text))
				ctx, cancel := context.WithCancel(t.Context())
				pace := DefaultPace(test.mode)
				pace.MaxLag = 0
				played := make(chan error)
				go func() { played <- (&Player{Log: log, Pace: pace, TrimPlayed: true}).Play(ctx, &sink{}) }()
				synctest.Wait()
				if test.then != nil {
					test.then(t, log)
					synctest.Wait()
				}
				if runtime.GC(); buffer.Value() != nil {
					t.Error("the old buffer is kept")
				}
				cancel()
				<-played
			})
		})
	}
}

// failing is a Writer that fails at a given call.
type failing struct {
	recorder
	calls, fails int
}

var errGone = errors.New("client is gone")

func (f *failing) call() error {
	if f.calls++; f.calls == f.fails {
		return errGone
	}
	return nil
}

func (f *failing) Write(o *Output) error { return errors.Join(f.recorder.Write(o), f.call()) }
func (f *failing) Flush() error          { return errors.Join(f.recorder.Flush(), f.call()) }
func (f *failing) Heartbeat() error      { return errors.Join(f.recorder.Heartbeat(), f.call()) }

// Play returns the error of the first call that fails, and makes no further call.
func TestPlayReturnsTheWritersError(t *testing.T) {
	pattern := []arrival{
		{0, other("created")},
		{ms(1500), text("a")},
		{0, thought("b")},
		{0, other("x")},
		{0, text("c")},
	}
	pace := fixed(t)
	pace.MaxLag = 0
	calls := 0
	for fails := 1; ; fails++ {
		w := &failing{recorder: *newRecorder(t), fails: fails}
		synctest.Test(t, func(t *testing.T) {
			w.start = time.Now()
			log := NewLog(LogOptions{})
			var source sync.WaitGroup
			defer source.Wait()
			source.Go(func() { feed(t, log, pattern) })
			p := Player{Log: log, Pace: pace, Heartbeat: time.Second}
			err := p.Play(context.Background(), w)
			if w.calls < fails {
				calls = w.calls
				if err != nil {
					t.Errorf("no call failed, got error %v", err)
				}
			} else if !errors.Is(err, errGone) || w.calls != fails {
				t.Errorf("call %d failed, got error %v after %d calls", fails, err, w.calls)
			}
		})
		if calls > 0 {
			break
		}
	}
	// Six writes and flushes at four times, and a heartbeat.
	if calls < 10 {
		t.Errorf("made only %d calls", calls)
	}
}

// The heartbeat interval begins at the last write, not at the last arrival.
func TestPlayHeartbeatsBetweenUnits(t *testing.T) {
	pauses, err := NewPauses(map[string]Class{Other: {Min: 25 * time.Second, Max: 25 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		log, r := NewLog(LogOptions{}), newRecorder(t)
		go feed(t, log, []arrival{{0, text("ab")}, {3 * time.Second, text("c")}})
		p := Player{Log: log, Pace: Pace{Mode: Typewriter, Speed: 1, Pauses: pauses}, Heartbeat: 10 * time.Second}
		if err := p.Play(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		checkSent(t, r, []string{"0 a", "25000 b", "50000 c"})
		want := []time.Duration{10 * time.Second, 20 * time.Second, 35 * time.Second, 45 * time.Second}
		if !reflect.DeepEqual(r.beats, want) {
			t.Errorf("heartbeats at %v, want %v", r.beats, want)
		}
	})
}

// A player with a start position continues the sequence numbers.
func TestNumbersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, whole := NewLog(LogOptions{}), newRecorder(t)
		for _, text := range []string{`ab👩`, "\u200d👧", `\n`, `cd`} {
			frame := &Frame{Name: "delta", Head: `{"id":"","content":"`, Tail: `"}`, Channel: "c", Number: len(`{"id":"`)}
			if err := log.Append(Event{Frame: frame, Text: text}); err != nil {
				t.Fatal(err)
			}
		}
		log.End()
		if err := (&Player{Log: log, Pace: fixed(t)}).Play(t.Context(), whole); err != nil {
			t.Fatal(err)
		}
		if len(whole.sent) != 6 {
			t.Fatalf("%d events", len(whole.sent))
		}
		for i := range whole.sent {
			rest := newRecorder(t)
			if err := (&Player{Log: log, Pace: fixed(t), From: whole.sent[i].Next}).Play(t.Context(), rest); err != nil {
				t.Fatal(err)
			}
			for j, s := range rest.sent {
				if want := whole.sent[i+1+j].data; s.data != want {
					t.Errorf("after event %d: got %s, want %s", i, s.data, want)
				}
			}
		}
	})
}
