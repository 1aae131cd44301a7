package streams_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"time"

	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/testenv"
	"sse-typewriter/typewriter"
)

// continueTo returns a [streams.Continue] that adds the events up to a number.
func continueTo(n int) streams.Continue {
	return func(_ context.Context, _ streams.Origin, recorded iter.Seq[typewriter.Event]) (iter.Seq[typewriter.Event], streams.Source) {
		from := len(slices.Collect(recorded))
		return func(yield func(typewriter.Event) bool) {
			for i := from; i < n; i++ {
				if !yield(event(i)) {
					return
				}
			}
		}, streams.Source{}
	}
}

func at(entry, epoch int) streams.Cursor {
	return streams.Cursor{Position: typewriter.Position{Entry: entry}, Epoch: epoch}
}

// seek returns where a viewer at a cursor may read a stream.
func seek(t *testing.T, r *streams.Registry, id string, from streams.Cursor) (*streams.Stream, error) {
	t.Helper()
	s, err := r.Find(t.Context(), streams.Lookup{ID: id, Owner: "owner", From: from})
	if err != nil {
		return nil, err
	}
	defer s.Detach()
	_, err = s.Seek(t.Context(), from)
	return s, err
}

// A writer that is cut off from Redis loses the stream to another replica. After the
// reconnect the old writer hands the stream off. If viewers have seen text that Redis does
// not hold, these viewers, and no others, find the text again at the old writer.
func TestCutOff(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		seen int // entries that viewers of the cut off replica see
		want error
	}{
		{"stored text", 5, streams.ErrUnavailable},
		{"other text", 12, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := testenv.StartRedis(t)
			relay := newRelay(t, server)
			cut, other := newReplica(t, relay, nil), newReplica(t, server, nil)
			stopped := make(chan struct{}, 1)
			s := open(t, cut, streams.Source{Stop: func() { stopped <- struct{}{} }})
			fill(t, s, 0, 5)
			await(t, s.Log, 5, false)
			relay.Cut()
			fill(t, s, 5, test.seen)
			await(t, s.Log, test.seen, false)
			theirs, err := other.Find(t.Context(), streams.Lookup{ID: s.ID, Owner: "owner", Continue: continueTo(20)})
			if err != nil {
				t.Fatal(err)
			}
			defer theirs.Detach()
			await(t, theirs.Log, 20, true)
			checkLog(t, theirs, 20)
			relay.Heal()
			if test.seen > 5 {
				testenv.Eventually(t, "the replica notices that it has lost the stream", func() bool {
					found, err := seek(t, cut, s.ID, streams.Cursor{})
					return err == nil && found != s
				})
			} else {
				await(t, s.Log, 5, true)
				receive(t, stopped)
				if !s.Log.HandedOff() {
					t.Error("the stream has ended for its viewers")
				}
			}
			// A viewer of the other replica, and a new one, read the stored stream here.
			for _, from := range []streams.Cursor{at(15, 1), at(0, 0)} {
				if found, err := seek(t, cut, s.ID, from); err != nil || found == s {
					t.Errorf("at %v: %v, found here: %v", from, err, found == s)
				}
			}
			// A viewer of this replica's text finds it only here.
			if _, err := seek(t, other, s.ID, at(8, 0)); !errors.Is(err, streams.ErrUnavailable) {
				t.Errorf("at the other replica: %v", err)
			}
			if _, err := seek(t, cut, s.ID, at(8, 0)); !errors.Is(err, test.want) {
				t.Errorf("at the replica that was cut off: %v, want %v", err, test.want)
			}
			s.Detach()
			end(s)
		})
	}
}

func receive(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("nothing happens")
	}
}

// If a writer is lost before the first event, the stream ends with an error.
func TestLostBeforeTheFirstEvent(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	relay := newRelay(t, server)
	lost, other := newReplica(t, relay, nil), newReplica(t, server, nil)
	s := open(t, lost, streams.Source{})
	relay.Cut()
	for _, from := range []streams.Cursor{at(0, 0), at(7, 0)} { // a viewer of text has lost the text
		found, err := other.Find(t.Context(), streams.Lookup{ID: s.ID, Owner: "owner", From: from, Continue: continueTo(1)})
		if err != nil {
			t.Fatal(err)
		}
		await(t, found.Log, 1, true)
		if p, err := found.Seek(t.Context(), from); err != nil || p != (typewriter.Position{}) {
			t.Errorf("at %v: %v, %v", from, p, err)
		}
		found.Detach()
	}
	s.Detach()
	end(s)
}

// A finished stream is stored again after Redis has lost its data.
func TestFinishedIsStoredAgain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		lose func(*testing.T, *testenv.Redis)
	}{
		{"restarted", func(_ *testing.T, r *testenv.Redis) { r.Kill(); r.Start() }},
		{"flushed", func(t *testing.T, r *testenv.Redis) { redisCommand(t, r, "FLUSHALL") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := testenv.StartRedis(t)
			here, there := newReplica(t, server, nil), newReplica(t, server, nil)
			s := open(t, here, streams.Source{})
			fill(t, s, 0, 700)
			end(s)
			await(t, s.Log, 700, true)
			s.Detach()
			test.lose(t, server)
			testenv.Eventually(t, "another replica finds the stream", func() bool {
				_, err := seek(t, there, s.ID, streams.Cursor{})
				if err != nil && !errors.Is(err, streams.ErrUnavailable) {
					t.Errorf("the stream is %v", err)
				}
				return err == nil
			})
			other := find(t, there, s.ID)
			defer other.Detach()
			await(t, other.Log, 700, true)
			checkLog(t, other, 700)
		})
	}
}

// The id of a stream that Redis could not take marks the stream as unshared: no replica
// reports the stream as gone, and all find it once Redis takes it.
func TestLocalOnly(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	here, there := newReplica(t, server, nil), newReplica(t, server, nil)
	redisCommand(t, server, "CONFIG SET maxmemory 1")
	id := streams.NewID()
	s := here.Open(streams.Opening{ID: id, Owner: "owner", Resumable: true, Source: streams.Source{Stop: func() {}}})
	if !s.LocalOnly || s.ID == id || !streams.ValidID(s.ID) || streams.BaseID(s.ID) != id {
		t.Fatalf("local only: %v, id %q for %q", s.LocalOnly, s.ID, id)
	}
	fill(t, s, 0, 3)
	await(t, s.Log, 3, false)
	if _, err := seek(t, there, s.ID, at(2, 0)); !errors.Is(err, streams.ErrUnavailable) {
		t.Errorf("elsewhere: %v", err)
	}
	redisCommand(t, server, "CONFIG SET maxmemory 0")
	testenv.Eventually(t, "another replica finds the stream", func() bool {
		_, err := seek(t, there, s.ID, at(2, 0))
		return err == nil
	})
	end(s)
	s.Detach()
}
