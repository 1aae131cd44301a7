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
	l := NewLog(0)
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
	defer l.Subscribe(woken)()
	grow()
	<-woken
	g := l.Gate()
	check("set up", 1, false)
	grow()
	grow()
	<-g.Ready()
	check("shut", 1, false)
	if len(woken) != 0 {
		t.Error("readers are woken by what they cannot see")
	}
	if n, _ := g.Len(); n != 3 {
		t.Errorf("%d entries come up to the gate", n)
	}
	if _, _, ok := g.Read(2); !ok {
		t.Error("what has not passed cannot be read at the gate")
	}
	g.Pass(2)
	<-woken
	g.Pass(1)
	check("passed", 2, false)
	l.Skip()
	<-woken
	g.Open()
	<-woken
	check("open", 3, false)
	grow()
	<-woken
	g.Shut()
	grow()
	check("shut again", 4, false)
	l.End()
	<-g.Ready()
	g.Pass(5)
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
		l := NewLogSince(began, nil)
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
		if l := NewLogSince(time.Now().Add(time.Hour), nil); !l.Started().Equal(time.Now()) {
			t.Errorf("began in the future: %v", l.Started())
		}
	})
}
