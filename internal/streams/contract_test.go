package streams_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sse-typewriter/internal/redisconn"
	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/streams/redisstore"
	"sse-typewriter/internal/testenv"
	"sse-typewriter/typewriter"
)

// patience bounds each wait.
const patience = 20 * time.Second

// replicas are two registries with common streams.
type replicas struct{ here, there *streams.Registry }

// stopped is the end of a stopped stream in these tests.
var stopped = typewriter.Event{Frame: &typewriter.Frame{Name: "stopped"}}

// options returns the options of a registry without a store.
func options() streams.Options {
	return streams.Options{
		MaxBytes: 1 << 24, Grace: time.Minute, Retention: time.Minute, Logger: slog.New(slog.DiscardHandler),
		Stopped: func(streams.Origin, *typewriter.Log) []typewriter.Event { return []typewriter.Event{stopped} },
	}
}

// redisCommand executes a command and ignores the reply.
func redisCommand(t *testing.T, server *testenv.Redis, command string) {
	t.Helper()
	client, err := redisconn.Open(t.Context(), server.URL(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var args []any
	for word := range strings.FieldsSeq(command) {
		args = append(args, word)
	}
	if err := client.Redis.Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(err)
	}
}

func newRegistry(t *testing.T, options streams.Options) *streams.Registry {
	r := streams.NewRegistry(options)
	t.Cleanup(r.Close)
	return r
}

func inMemory(t *testing.T) replicas {
	r := newRegistry(t, options())
	return replicas{r, r}
}

func inRedis(t *testing.T) replicas {
	server := testenv.StartRedis(t)
	return replicas{newReplica(t, server, nil), newReplica(t, server, nil)}
}

// newReplica returns a registry on a shared server. If change is not nil, the function
// modifies the options.
func newReplica(t *testing.T, server interface{ URL() string }, change func(*streams.Options)) *streams.Registry {
	t.Helper()
	o := options()
	client, err := redisconn.Open(t.Context(), server.URL(), o.Logger)
	if err != nil {
		t.Fatal(err)
	}
	store := redisstore.Open(t.Context(), redisstore.Options{
		Client: client, Prefix: "test:", Grace: o.Grace, Retention: o.Retention, Logger: o.Logger,
	})
	t.Cleanup(func() {
		store.Close()
		client.Close()
	})
	o.Store = store
	if change != nil {
		change(&o)
	}
	return newRegistry(t, o)
}

// Registries with and without a store fulfil the same contract.
func TestContract(t *testing.T) {
	for _, kind := range []struct {
		name string
		make func(*testing.T) replicas
	}{{"memory", inMemory}, {"redis", inRedis}} {
		for _, test := range []struct {
			name string
			run  func(*testing.T, replicas)
		}{
			{"same events", testSameEvents},
			{"owner", testOnlyTheOwner},
			{"skip", testSkip},
			{"cancel", testCancel},
			{"ended", testEnded},
			{"many viewers", testManyViewers},
			{"stop point", testStopPoint},
			{"stop point after the end", testStopPointAfterTheEnd},
			{"conversation", testConversation},
			{"link", testLink},
			{"claim", testClaim},
			{"released claim", testClaimReleased},
		} {
			t.Run(kind.name+"/"+test.name, func(t *testing.T) { test.run(t, kind.make(t)) })
		}
	}
}

var (
	textFrame = &typewriter.Frame{Name: "delta", Head: `{"id":0,"content":"`, Tail: `"}`, Channel: "content", Number: 6}
	onceFrame = &typewriter.Frame{
		Head: `{"a":"`, Twin: `","b":"`, Tail: `"}`, Channel: "reasoning", Kind: typewriter.Reasoning, Snapshot: true,
		Number: 6, Series: &typewriter.Series{Name: "s", First: 3},
		Once: &typewriter.Once{
			First: typewriter.Payload{Head: "1", Twin: "2", Tail: "3", Number: 2},
			Only:  typewriter.Payload{Head: "4", Tail: "5"},
		},
	}
	otherFrame = &typewriter.Frame{Name: "", Head: "\x00 any ünïcode \u2028 [DONE]"}
)

func event(i int) typewriter.Event {
	switch i % 7 {
	case 3:
		return typewriter.Event{Frame: otherFrame}
	case 5:
		return typewriter.Event{Frame: onceFrame, Text: "once"}
	}
	return typewriter.Event{Frame: textFrame, Text: fmt.Sprintf(`%d你\n`, i)}
}

func open(t *testing.T, r *streams.Registry, source streams.Source) *streams.Stream {
	t.Helper()
	if source.Cancel == nil {
		source.Cancel = func(context.Context) {}
	}
	if source.Stop == nil {
		source.Stop = func() {}
	}
	source.LogID, source.Origin = "log", streams.Origin{Upstream: "/one", Format: "plain", Note: "/path"}
	s := r.Open(streams.Opening{ID: streams.NewID(), Owner: "owner", Resumable: true, Source: source})
	if s.LocalOnly {
		t.Fatal("not shared")
	}
	return s
}

func find(t *testing.T, r *streams.Registry, id string) *streams.Stream {
	t.Helper()
	s, err := r.Find(t.Context(), streams.Lookup{ID: id, Owner: "owner"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// await waits until readers see n entries and, if end is set, the end of the log.
func await(t *testing.T, log *typewriter.Log, n int, end bool) {
	t.Helper()
	ready := make(chan struct{}, 1)
	defer log.Subscribe(typewriter.Notify(ready))()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		if got, ended := log.Len(); got >= n && ended == end {
			return
		}
		select {
		case <-ready:
		case <-timer.C:
			got, ended := log.Len()
			t.Fatalf("log has %d entries, ended: %v; want %d, %v", got, ended, n, end)
		}
	}
}

func checkLog(t *testing.T, s *streams.Stream, n int) {
	t.Helper()
	last := time.Duration(0)
	for i := range n {
		e, at, ok := s.Log.Read(i)
		want := event(i)
		if !ok || !reflect.DeepEqual(e, want) {
			t.Fatalf("entry %d is %+v %q, want %+v %q", i, e.Frame, e.Text, want.Frame, want.Text)
		}
		if at < last || s.Log.Started().Add(at).After(time.Now()) {
			t.Fatalf("entry %d arrived at %v after %v", i, at, last)
		}
		last = at
	}
}

func fill(t *testing.T, s *streams.Stream, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := s.Log.Append(event(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func end(s *streams.Stream) {
	s.Log.End()
	s.Ended()
}

func testSameEvents(t *testing.T, r replicas) {
	s := open(t, r.here, streams.Source{})
	fill(t, s, 0, 700)
	await(t, s.Log, 700, false)
	other := find(t, r.there, s.ID)
	defer other.Detach()
	if n, _ := other.Log.Len(); n != 700 {
		t.Errorf("%d entries when it is found", n)
	}
	if want := (streams.Origin{Upstream: "/one", Format: "plain", Note: "/path"}); other.LogID != "log" || other.Origin != want {
		t.Errorf("got log id %q and origin %v, want log and %v", other.LogID, other.Origin, want)
	}
	fill(t, s, 700, 1500)
	end(s)
	await(t, other.Log, 1500, true)
	checkLog(t, other, 1500)
	await(t, s.Log, 1500, true)
}

func testOnlyTheOwner(t *testing.T, r replicas) {
	s := open(t, r.here, streams.Source{})
	for _, owner := range []string{"", "other", "owner "} {
		if _, err := r.there.Find(t.Context(), streams.Lookup{ID: s.ID, Owner: owner}); !errors.Is(err, streams.ErrGone) {
			t.Errorf("%q: %v", owner, err)
		}
	}
	// The server has just started: the stream may exist.
	if _, err := r.there.Find(t.Context(), streams.Lookup{ID: "abcdefghijklmnopqrstuvwxyz", Owner: "owner"}); !errors.Is(err, streams.ErrGone) && (r.here == r.there || !errors.Is(err, streams.ErrUnavailable)) {
		t.Errorf("unknown stream: %v", err)
	}
	end(s)
}

func testSkip(t *testing.T, r replicas) {
	s := open(t, r.here, streams.Source{})
	third := find(t, r.there, s.ID)
	defer third.Detach()
	await(t, s.Log, 0, false)
	third.Skip(t.Context())
	testenv.Eventually(t, "the replica that writes the stream skips it", s.Skipping.IsSet)
	end(s)
}

func testCancel(t *testing.T, r replicas) {
	canceled := make(chan struct{})
	var times atomic.Int32
	s := open(t, r.here, streams.Source{Cancel: func(context.Context) {
		if times.Add(1) == 1 {
			close(canceled)
		}
	}})
	other := find(t, r.there, s.ID)
	defer other.Detach()
	other.Cancel(t.Context())
	select {
	case <-canceled:
	case <-time.After(patience):
		t.Fatal("not canceled")
	}
	fill(t, s, 0, 1)
	end(s)
	await(t, other.Log, 1, true)
}

// checkStopped checks that later viewers see a number of entries and the end.
func checkStopped(t *testing.T, r *streams.Registry, id string, n int) {
	t.Helper()
	s := find(t, r, id)
	defer s.Detach()
	log := s.View()
	last, _, _ := log.Read(n)
	if got, ended := log.Len(); got != n+1 || !ended || last != stopped {
		t.Errorf("later viewers see %d entries, ended: %v, the last: %v", got, ended, last)
	}
}

// A stop point from one replica holds at the other, and the first stop point stays.
func testStopPoint(t *testing.T, r replicas) {
	canceled := make(chan struct{})
	once := sync.OnceFunc(func() { close(canceled) })
	s := open(t, r.here, streams.Source{Cancel: func(context.Context) { once() }})
	fill(t, s, 0, 9)
	await(t, s.Log, 9, false)
	other := find(t, r.there, s.ID)
	defer other.Detach()
	if _, err := other.StopAt(t.Context(), at(4, 0)); err != nil {
		t.Fatal(err)
	}
	<-canceled
	end(s)
	await(t, s.Log, 9, true)
	checkStopped(t, r.here, s.ID, 4)
	checkStopped(t, r.there, s.ID, 4)
	if log, err := find(t, r.here, s.ID).StopAt(t.Context(), at(7, 0)); err != nil || log != s.View() {
		t.Errorf("another stop point: %v", err)
	}
	checkStopped(t, r.there, s.ID, 4)
}

func testStopPointAfterTheEnd(t *testing.T, r replicas) {
	s := open(t, r.here, streams.Source{})
	fill(t, s, 0, 9)
	end(s)
	await(t, s.Log, 9, true)
	if _, err := find(t, r.there, s.ID).StopAt(t.Context(), at(2, 0)); err != nil {
		t.Fatal(err)
	}
	checkStopped(t, r.here, s.ID, 2)
	checkStopped(t, r.there, s.ID, 2)
	if _, err := find(t, r.here, s.ID).StopAt(t.Context(), at(1, 0)); err != nil {
		t.Fatal(err)
	}
	checkStopped(t, r.here, s.ID, 2)
}

func testEnded(t *testing.T, r replicas) {
	s := open(t, r.here, streams.Source{})
	fill(t, s, 0, 3)
	end(s)
	await(t, s.Log, 3, true)
	s.Detach()
	other := find(t, r.there, s.ID)
	defer other.Detach()
	await(t, other.Log, 3, true)
	checkLog(t, other, 3)
}

func testManyViewers(t *testing.T, r replicas) {
	s := open(t, r.here, streams.Source{})
	found := make(chan *streams.Stream, 20)
	for range cap(found) {
		go func() {
			other, err := r.there.Find(context.Background(), streams.Lookup{ID: s.ID, Owner: "owner"})
			if err != nil {
				t.Error(err)
			}
			found <- other
		}()
	}
	fill(t, s, 0, 100)
	end(s)
	first := <-found
	for range cap(found) - 1 {
		if other := <-found; other != first {
			t.Error("a replica has a stream twice")
		}
	}
	if first != nil {
		await(t, first.Log, 100, true)
		checkLog(t, first, 100)
	}
}

// A replica without the upstream or the format of a stream returns ErrIncompatible, to the
// owner alone.
func TestUnknownOrigin(t *testing.T) {
	server := testenv.StartRedis(t)
	r := replicas{newReplica(t, server, nil), newReplica(t, server, func(o *streams.Options) {
		o.Knows = func(o streams.Origin) bool { return o.Format != "plain" }
	})}
	s := open(t, r.here, streams.Source{})
	defer end(s)
	for owner, want := range map[string]error{"owner": streams.ErrIncompatible, "other": streams.ErrGone} {
		if _, err := r.there.Find(t.Context(), streams.Lookup{ID: s.ID, Owner: owner}); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", owner, err, want)
		}
	}
}
