package streams

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/typewriter"
)

func event(text string) typewriter.Event {
	return typewriter.Event{Frame: &typewriter.Frame{Name: "e", Head: text}}
}

// newRegistry returns a registry with a grace of one minute and a retention of five
// minutes.
func newRegistry(maxBytes int64) *Registry {
	return NewRegistry(Options{
		MaxBytes: maxBytes, Grace: time.Minute, Retention: 5 * time.Minute, Logger: slog.New(slog.DiscardHandler),
	})
}

// open opens a stream whose source counts calls of Stop.
func open(r *Registry, kept bool, stopped *atomic.Int32) *Stream {
	return r.Open(Opening{ID: NewID(), Owner: "owner", Resumable: kept, Source: Source{Stop: func() { stopped.Add(1) }, Cancel: func(context.Context) {}}})
}

func (r *Registry) has(s *Stream) bool {
	found, ok := r.Attach(s.ID, "owner")
	if ok {
		found.Detach()
	}
	return ok
}

func TestGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry(1 << 20)
		var stopped atomic.Int32
		s := open(r, true, &stopped)
		s.Detach()
		time.Sleep(59 * time.Second)
		if again, ok := r.Attach(s.ID, "owner"); !ok || again != s {
			t.Fatal("not found")
		}
		time.Sleep(time.Hour)
		s.Detach()
		time.Sleep(59*time.Second + 999*time.Millisecond)
		if stopped.Load() != 0 {
			t.Error("stopped within the grace")
		}
		time.Sleep(2 * time.Millisecond)
		if stopped.Load() != 1 {
			t.Errorf("stopped %d times after the grace", stopped.Load())
		}
	})
}

func TestRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry(1 << 20)
		s := open(r, true, nil)
		if err := s.Log.Append(event("x")); err != nil {
			t.Fatal(err)
		}
		s.Log.End()
		s.Ended()
		time.Sleep(time.Hour) // a viewer is there
		s.Detach()
		time.Sleep(5*time.Minute - time.Millisecond)
		if !r.has(s) { // which starts the retention again
			t.Fatal("not found within the retention")
		}
		time.Sleep(5*time.Minute - time.Millisecond)
		if !r.has(s) {
			t.Fatal("not found within the retention")
		}
		time.Sleep(5*time.Minute + time.Millisecond)
		if r.has(s) || r.Bytes() != 0 {
			t.Errorf("found after the retention; %d bytes held", r.Bytes())
		}
	})
}

// A stream that is not resumable can be found while it runs, stops with its viewer, and
// takes no memory after the end.
func TestNotResumable(t *testing.T) {
	r := newRegistry(1 << 20)
	var stopped atomic.Int32
	s := open(r, false, &stopped)
	if s.Resumable() {
		t.Error("it is resumable")
	}
	if !r.has(s) || stopped.Load() != 0 {
		t.Errorf("it cannot be found, or was stopped %d times", stopped.Load())
	}
	if err := s.Log.Append(event("x")); err != nil {
		t.Fatal(err)
	}
	s.Detach()
	if stopped.Load() != 1 {
		t.Errorf("stopped %d times", stopped.Load())
	}
	s.Log.End(event("error"))
	s.Ended()
	if r.has(s) || r.Bytes() != 0 {
		t.Errorf("it can be found, or %d bytes are held", r.Bytes())
	}
}

// Finished streams without viewers are evicted in the order of their end; other streams are
// not.
func TestEviction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bytes = 960_000 + 5*streamOverhead
		r := newRegistry(bytes)
		big := event(strings.Repeat("x", 200_000))
		finished := make([]*Stream, 4)
		for i := range finished {
			finished[i] = open(r, true, nil)
			if err := finished[i].Log.Append(big); err != nil {
				t.Fatal(err)
			}
		}
		for _, i := range []int{2, 0, 3, 1} {
			finished[i].Log.End()
			finished[i].Ended()
			if i != 0 { // the first stream keeps its viewer
				finished[i].Detach()
			}
		}
		running := open(r, true, nil)
		for _, want := range [][]bool{
			{true, true, true, true}, {true, true, false, true}, {true, true, false, true}, {true, true, false, false}, {true, false, false, false},
		} {
			for i, s := range finished {
				if _, ok := r.streams[s.ID]; ok != want[i] {
					t.Errorf("stream %d is held: %v, want %v", i, ok, want[i])
				}
			}
			if !want[1] {
				break
			}
			if err := running.Log.Append(event(strings.Repeat("y", 170_000))); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		for range 10 {
			if err = running.Log.Append(event(strings.Repeat("z", 200_000))); err != nil {
				break
			}
		}
		if !errors.Is(err, typewriter.ErrFull) || r.Bytes() > bytes {
			t.Errorf("a stream beyond the bound: %v, %d bytes held", err, r.Bytes())
		}
	})
}

// The streams of other owners cannot be found, and credentials are stored as salted hashes.
func TestOwner(t *testing.T) {
	r := newRegistry(1 << 20)
	s := open(r, true, nil)
	for _, owner := range []string{"", "other", "owner "} {
		if _, ok := r.Attach(s.ID, owner); ok {
			t.Errorf("%q may attach", owner)
		}
	}
	if _, ok := r.Attach("unknown", "owner"); ok {
		t.Error("an unknown stream is found")
	}
	if strings.Contains(string(s.owner), "owner") || slices.Equal(s.owner, open(r, true, nil).owner) {
		t.Error("the credential is stored in plain text, or unsalted")
	}
	if len(s.ID) != 26 {
		t.Errorf("id %q has less than 128 bits", s.ID)
	}
}
