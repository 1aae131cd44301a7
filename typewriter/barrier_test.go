package typewriter

import (
	"testing"
	"testing/synctest"
	"time"
)

// see returns how much of a log its readers see.
func see(l *Log) (n int, ended bool) {
	n, ended = l.Len()
	if _, _, ok := l.Read(n); ok {
		panic("an entry can be read that is not there")
	}
	return n, ended
}

func TestGate(t *testing.T) {
	l := NewLog(LogOptions{})
	e := Event{Frame: &Frame{Head: "x"}}
	grow := func() {
		if err := l.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, n int, ended bool) {
		t.Helper()
		if gotN, gotEnded := see(l); gotN != n || gotEnded != ended {
			t.Errorf("%s: readers see %d, %v; want %d, %v", what, gotN, gotEnded, n, ended)
		}
	}
	woken := make(chan struct{}, 1)
	defer l.Subscribe(Notify(woken))()
	grow()
	<-woken
	g := l.Barrier()
	check("set up", 1, false)
	grow()
	grow()
	<-g.Ready()
	check("shut", 1, false)
	if len(woken) != 0 {
		t.Error("readers are woken by what they cannot see")
	}
	if n := g.Committed(); n != 1 {
		t.Errorf("%d entries have passed", n)
	}
	if n, _ := g.Len(); n != 3 {
		t.Errorf("%d entries come up to the gate", n)
	}
	if _, _, ok := g.Read(2); !ok {
		t.Error("what has not passed cannot be read at the gate")
	}
	g.Advance(2)
	<-woken
	g.Advance(1)
	check("passed", 2, false)
	g.Open()
	<-woken
	check("open", 3, false)
	if n := g.Committed(); n != 3 {
		t.Errorf("the gate is open, and %d entries have passed", n)
	}
	grow()
	<-woken
	g.Shut()
	grow()
	check("shut again", 4, false)
	l.End()
	<-g.Ready()
	g.Advance(5)
	check("the end does not pass", 5, false)
	g.Open()
	check("the end", 5, true)
	g.Shut()
	check("nothing is hidden after the end", 5, true)
	l.Free()
	if _, _, ok := g.Read(0); ok || !g.Freed() {
		t.Error("freed, and still there")
	}
}

// What was recorded by another clock arrives in order, and not in the future.
func TestAppendAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		time.Sleep(10 * time.Second)
		l := NewLog(LogOptions{Started: began})
		if !l.Started().Equal(began) {
			t.Errorf("began at %v, want %v", l.Started(), began)
		}
		for i, test := range []struct{ at, want time.Duration }{
			{-time.Second, 0},
			{3 * time.Second, 3 * time.Second},
			{2 * time.Second, 3 * time.Second},
			{time.Minute, 10 * time.Second},
		} {
			if err := l.AppendAt(Event{Frame: &Frame{Head: "x"}}, began.Add(test.at)); err != nil {
				t.Fatal(err)
			}
			if _, at, _ := l.Read(i); at != test.want {
				t.Errorf("arrived at %v, is at %v, want %v", test.at, at, test.want)
			}
		}
		if l := NewLog(LogOptions{Started: time.Now().Add(time.Hour)}); !l.Started().Equal(time.Now()) {
			t.Errorf("began in the future: %v", l.Started())
		}
	})
}

// A log that is left ends, for readers, where they see it, whatever comes yet.
func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLog(LogOptions{})
		gate := l.Barrier()
		for _, s := range []string{"a", "b", "c"} {
			if err := l.Append(text(s)); err != nil {
				t.Fatal(err)
			}
		}
		gate.Advance(2)
		w := newRecorder(t)
		played := make(chan error)
		go func() { played <- (&Player{Log: l, Pace: DefaultPace(Raw)}).Play(t.Context(), w) }()
		synctest.Wait()
		gate.HandOff()
		gate.Open()
		l.End(other("error"))
		if err := <-played; err != nil || w.text(content) != "ab" {
			t.Errorf("%v, %q was played", err, w.text(content))
		}
		if n, ended := l.Len(); n != 2 || !ended || !l.HandedOff() {
			t.Errorf("readers see %d entries, ended: %v, left: %v", n, ended, l.HandedOff())
		}
		if _, _, ok := l.Read(2); ok {
			t.Error("they can read more")
		}
	})
	ended := NewLog(LogOptions{})
	ended.End()
	if ended.HandOff(); ended.HandedOff() {
		t.Error("a log that has ended was left")
	}
}
