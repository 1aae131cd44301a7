package typewriter

import (
	"testing"
	"testing/synctest"
	"time"
)

// see returns the length of a log as seen by readers.
func see(l *Log) (n int, ended bool) {
	n, ended = l.Len()
	if _, _, ok := l.Read(n); ok {
		panic("an entry beyond the length can be read")
	}
	return n, ended
}

func TestBarrier(t *testing.T) {
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
	b := l.Barrier()
	check("set up", 1, false)
	grow()
	grow()
	<-b.Ready()
	check("shut", 1, false)
	if len(woken) != 0 {
		t.Error("an uncommitted entry wakes readers")
	}
	if n := b.Committed(); n != 1 {
		t.Errorf("%d entries are committed, want 1", n)
	}
	if n, _ := b.Len(); n != 3 {
		t.Errorf("the barrier has %d entries, want 3", n)
	}
	if _, _, ok := b.Read(2); !ok {
		t.Error("the barrier cannot read an uncommitted entry")
	}
	b.Advance(2)
	<-woken
	b.Advance(1)
	check("passed", 2, false)
	b.Open()
	<-woken
	check("open", 3, false)
	if n := b.Committed(); n != 3 {
		t.Errorf("the barrier is open and has committed %d entries, want 3", n)
	}
	grow()
	<-woken
	b.Shut()
	grow()
	check("shut again", 4, false)
	l.End()
	<-b.Ready()
	b.Advance(5)
	check("the end is hidden", 5, false)
	b.Open()
	check("the end", 5, true)
	b.Shut()
	check("nothing is hidden after the end", 5, true)
	l.Free()
	if _, _, ok := b.Read(0); ok || !b.Freed() {
		t.Error("a freed log can be read")
	}
}

// Events with the times of another clock arrive in order and not in the future.
func TestAppendAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		time.Sleep(10 * time.Second)
		l := NewLog(LogOptions{Started: began})
		if !l.Started().Equal(began) {
			t.Errorf("started at %v, want %v", l.Started(), began)
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
			t.Errorf("started in the future: %v", l.Started())
		}
	})
}

// For readers, a handed-off log ends after the visible entries; later entries are hidden.
func TestHandOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLog(LogOptions{})
		barrier := l.Barrier()
		for _, s := range []string{"a", "b", "c"} {
			if err := l.Append(text(s)); err != nil {
				t.Fatal(err)
			}
		}
		barrier.Advance(2)
		w := newRecorder(t)
		played := make(chan error)
		go func() { played <- (&Player{Log: l, Pace: DefaultPace(Raw)}).Play(t.Context(), w) }()
		synctest.Wait()
		barrier.HandOff()
		barrier.Open()
		l.End(other("error"))
		if err := <-played; err != nil || w.text(content) != "ab" {
			t.Errorf("%v, %q was played", err, w.text(content))
		}
		if n, ended := l.Len(); n != 2 || !ended || !l.HandedOff() {
			t.Errorf("readers see %d entries, ended: %v, handed off: %v", n, ended, l.HandedOff())
		}
		if _, _, ok := l.Read(2); ok {
			t.Error("readers can read a hidden entry")
		}
	})
	ended := NewLog(LogOptions{})
	ended.End()
	if ended.HandOff(); ended.HandedOff() {
		t.Error("an ended log was handed off")
	}
}
