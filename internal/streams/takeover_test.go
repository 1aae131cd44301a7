package streams_test

import (
	"context"
	"iter"
	"sync"
	"testing"
	"time"

	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/testenv"
	"sse-typewriter/typewriter"
)

// Another replica takes over the stream of a lost process, with all events that viewers may
// have seen.
func TestTakeOver(t *testing.T) {
	r := inRedis(t)
	s := open(t, r.here, streams.Source{})
	fill(t, s, 0, 10)
	await(t, s.Log, 10, false)
	r.here.Close() // ends its writes
	other, err := r.there.Find(t.Context(), streams.Lookup{ID: s.ID, Owner: "owner", Continue: func(_ context.Context, _ streams.Origin, seen iter.Seq[typewriter.Event]) (iter.Seq[typewriter.Event], streams.Source) {
		n := 0
		for range seen {
			n++
		}
		return func(yield func(typewriter.Event) bool) {
			for i := n; i < 20; i++ {
				if !yield(event(i)) {
					return
				}
			}
		}, streams.Source{Stop: func() {}, Cancel: func(context.Context) {}, Failure: func() (string, error) { return "", nil }}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Detach()
	await(t, other.Log, 20, true)
	checkLog(t, other, 20)
}

// A panic during a takeover ends the stream for all replicas.
func TestTakeOverPanics(t *testing.T) {
	server := testenv.StartRedis(t)
	r := replicas{newReplica(t, server, nil), newReplica(t, server, func(o *streams.Options) {
		o.Broken = func(streams.Origin, *typewriter.Log) []typewriter.Event {
			return []typewriter.Event{{Frame: otherFrame}}
		}
	})}
	s := open(t, r.here, streams.Source{})
	fill(t, s, 0, 3)
	await(t, s.Log, 3, false)
	r.here.Close()
	other, err := r.there.Find(t.Context(), streams.Lookup{ID: s.ID, Owner: "owner", Continue: func(context.Context, streams.Origin, iter.Seq[typewriter.Event]) (iter.Seq[typewriter.Event], streams.Source) {
		panic("boom")
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Detach()
	await(t, other.Log, 4, true)
	checkLog(t, other, 4) // the fourth is the frame of a broken stream
	if reason, _ := other.Failure(); reason != "internal" {
		t.Errorf("failed with %q", reason)
	}
}

// A stream runs while any replica has a viewer, and stops a grace after the last viewer.
func TestViewerElsewhere(t *testing.T) {
	const grace = 4 * time.Second // viewers elsewhere are reported every second
	server := testenv.StartRedis(t)
	short := func(o *streams.Options) { o.Grace = grace }
	r := replicas{newReplica(t, server, short), newReplica(t, server, short)}
	stopped := make(chan struct{})
	s := open(t, r.here, streams.Source{Stop: sync.OnceFunc(func() { close(stopped) })})
	other := find(t, r.there, s.ID)
	s.Detach()
	select {
	case <-stopped:
		t.Fatal("stopped in spite of a viewer")
	case <-time.After(grace + 2*time.Second):
	}
	other.Detach()
	select {
	case <-stopped:
	case <-time.After(patience):
		t.Fatal("not stopped")
	}
	end(s)
}

// slowStore delays the end of Write, and the takeover of Read.
type slowStore struct {
	streams.Store
	ending, end, orphaned chan struct{}
}

func (s *slowStore) Write(ctx context.Context, id string, out streams.Outbound) error {
	err := s.Store.Write(ctx, id, out)
	if ctx.Err() != nil {
		s.ending <- struct{}{}
		<-s.end
	}
	return err
}

func (s *slowStore) Read(_ context.Context, _ string, in streams.Inbound) error {
	if err := in.Log.Append(event(0)); err != nil {
		return err
	}
	in.OnLoaded()
	<-s.orphaned
	return streams.ErrOrphaned
}

// A replica that becomes the writer of a stream during shutdown hands the stream off
// without completing the stream.
func TestTakeOverDuringShutdown(t *testing.T) {
	store := &slowStore{ending: make(chan struct{}, 1), end: make(chan struct{}), orphaned: make(chan struct{})}
	server := testenv.StartRedis(t)
	r := replicas{newReplica(t, server, func(o *streams.Options) { store.Store, o.Store = o.Store, store }), newReplica(t, server, nil)}
	theirs := open(t, r.there, streams.Source{})
	fill(t, theirs, 0, 1)
	await(t, theirs.Log, 1, false)
	own := open(t, r.here, streams.Source{})
	adopted, err := r.here.Find(t.Context(), streams.Lookup{ID: theirs.ID, Owner: "owner", Continue: func(context.Context, streams.Origin, iter.Seq[typewriter.Event]) (iter.Seq[typewriter.Event], streams.Source) {
		t.Error("the stream is completed here")
		return func(func(typewriter.Event) bool) {}, streams.Source{}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer adopted.Detach()
	stopped := make(chan struct{})
	go func() {
		r.here.Stop()
		close(stopped)
	}()
	<-store.ending
	close(store.orphaned)
	await(t, adopted.Log, 1, true)
	if !adopted.Log.HandedOff() {
		t.Error("the stream has ended for its viewers")
	}
	close(store.end)
	<-stopped
	end(own)
	end(theirs)
}

// lostStore loses Redis when this replica becomes the writer of a stream.
type lostStore struct {
	streams.Store
	server *testenv.Redis
	lost   chan struct{}
}

func (s *lostStore) Write(ctx context.Context, id string, out streams.Outbound) error {
	s.server.Pause()
	close(s.lost)
	return s.Store.Write(ctx, id, out)
}

// After a takeover a stream is handed off at shutdown even if Redis is lost, because the
// store holds everything that viewers have seen.
func TestTakeOverAndLost(t *testing.T) {
	server := testenv.StartRedis(t)
	store := &lostStore{server: server, lost: make(chan struct{})}
	r := replicas{newReplica(t, server, func(o *streams.Options) { store.Store, o.Store = o.Store, store }), newReplica(t, server, nil)}
	theirs := open(t, r.there, streams.Source{})
	fill(t, theirs, 0, 3)
	r.there.Stop()
	adopted, err := r.here.Find(t.Context(), streams.Lookup{ID: theirs.ID, Owner: "owner", Continue: func(ctx context.Context, _ streams.Origin, _ iter.Seq[typewriter.Event]) (iter.Seq[typewriter.Event], streams.Source) {
		return func(func(typewriter.Event) bool) { <-ctx.Done() }, streams.Source{}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer adopted.Detach()
	<-store.lost
	r.here.Stop()
	await(t, adopted.Log, 3, true)
	if !adopted.Log.HandedOff() {
		t.Error("the stream has ended for its viewers")
	}
	server.Resume()
	end(theirs)
}
