package limits_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"sse-typewriter/internal/limits"
	"sse-typewriter/internal/limits/redislimits"
	"sse-typewriter/internal/redisconn"
	"sse-typewriter/internal/testenv"
)

// limiter is the contract of both implementations.
type limiter interface {
	Allow(ctx context.Context, client string) time.Duration
	Open(ctx context.Context, client, stream string) (done func(), ok bool)
	SetBounds(limits.Bounds)
}

// replicas are two limiters with common clients.
type replicas struct{ here, there limiter }

func inMemory(_ *testing.T, bounds limits.Bounds) replicas {
	l := limits.NewLocal(bounds)
	return replicas{l, l}
}

func inRedis(t *testing.T, bounds limits.Bounds) replicas {
	server := testenv.StartRedis(t)
	replica := func() limiter {
		client, err := redisconn.Open(t.Context(), server.URL(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		l := redislimits.New(t.Context(), redislimits.Options{Bounds: bounds, Client: client, Prefix: "test:"})
		t.Cleanup(func() {
			l.Close()
			client.Close()
		})
		return l
	}
	return replicas{replica(), replica()}
}

// Local and redislimits enforce the same bounds.
func TestContract(t *testing.T) {
	for _, kind := range []struct {
		name string
		make func(*testing.T, limits.Bounds) replicas
	}{{"memory", inMemory}, {"redis", inRedis}} {
		for _, test := range []struct {
			name   string
			bounds limits.Bounds
			run    func(*testing.T, replicas)
		}{
			{"no bounds", limits.Bounds{}, testNoBounds},
			{"changed bounds", limits.Bounds{}, testChangedBounds},
			{"rate", limits.Bounds{Rate: limits.Rate{Requests: 4, Per: time.Minute}}, testRate},
			{"streams", limits.Bounds{Streams: 2}, testStreams},
			{"views", limits.Bounds{Streams: 1}, testViews},
			{"at once", limits.Bounds{Streams: 5, Rate: limits.Rate{Requests: 7, Per: time.Minute}}, testAtOnce},
		} {
			t.Run(kind.name+"/"+test.name, func(t *testing.T) { test.run(t, kind.make(t, test.bounds)) })
		}
	}
}

func testNoBounds(t *testing.T, r replicas) {
	for i := range 100 {
		if wait := r.here.Allow(t.Context(), "a"); wait != 0 {
			t.Errorf("request %d waits %v", i, wait)
		}
		if leave, ok := r.here.Open(t.Context(), "a", fmt.Sprint(i)); !ok || leave == nil {
			t.Errorf("stream %d is refused", i)
		}
	}
}

func testRate(t *testing.T, r replicas) {
	for i, l := range []limiter{r.here, r.there, r.here, r.there} {
		if wait := l.Allow(t.Context(), "a"); wait != 0 {
			t.Errorf("request %d waits %v", i, wait)
		}
	}
	for _, l := range []limiter{r.here, r.there} {
		if wait := l.Allow(t.Context(), "a"); wait <= 0 || wait > 15*time.Second {
			t.Errorf("one more waits %v", wait)
		}
		if wait := l.Allow(t.Context(), "b"); wait != 0 {
			t.Errorf("another client waits %v", wait)
		}
	}
}

func testStreams(t *testing.T, r replicas) {
	opened := func(l limiter, client, stream string) func() {
		t.Helper()
		leave, ok := l.Open(t.Context(), client, stream)
		if !ok {
			t.Fatalf("%s may not open %s", client, stream)
		}
		return leave
	}
	refused := func(l limiter, client, stream string) {
		t.Helper()
		if _, ok := l.Open(t.Context(), client, stream); ok {
			t.Errorf("%s may open %s", client, stream)
		}
	}
	leaveOne := opened(r.here, "a", "1")
	leaveTwo := opened(r.there, "a", "2")
	refused(r.here, "a", "3")
	refused(r.there, "a", "3")
	opened(r.there, "b", "3") // clients do not affect each other
	leaveAgain := opened(r.here, "a", "1")
	leaveOne()
	refused(r.there, "a", "3") // still open once
	leaveAgain()
	leaveThree := opened(r.there, "a", "3")
	refused(r.here, "a", "1")
	leaveTwo()
	leaveThree()
	opened(r.here, "a", "4")
	opened(r.here, "a", "5")
	refused(r.here, "a", "6")
}

func testViews(t *testing.T, r replicas) {
	for i := range limits.MaxViews {
		if _, ok := r.here.Open(t.Context(), "a", "1"); !ok {
			t.Errorf("view %d is refused", i)
		}
	}
	if _, ok := r.here.Open(t.Context(), "a", "1"); ok {
		t.Error("there may be more")
	}
}

// Concurrent requests do not exceed the bounds.
func testAtOnce(t *testing.T, r replicas) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	opened, allowed := 0, 0
	for i := range 40 {
		l := r.here
		if i%2 == 0 {
			l = r.there
		}
		wg.Go(func() {
			_, ok := l.Open(t.Context(), "a", fmt.Sprint(i))
			wait := l.Allow(t.Context(), "a")
			mu.Lock()
			defer mu.Unlock()
			if ok {
				opened++
			}
			if wait == 0 {
				allowed++
			}
		})
	}
	wg.Wait()
	if opened != 5 || allowed != 7 {
		t.Errorf("%d streams were opened and %d requests allowed, want 5 and 7", opened, allowed)
	}
}

// New bounds apply at once, also to the streams and views that were opened without a bound.
// Open streams stay open.
func testChangedBounds(t *testing.T, r replicas) {
	ctx := t.Context()
	first, ok := r.here.Open(ctx, "c", "one")
	if !ok {
		t.Fatal("the stream is refused without a bound")
	}
	set := func(bounds limits.Bounds) {
		r.here.SetBounds(bounds)
		r.there.SetBounds(bounds)
	}
	set(limits.Bounds{Streams: 1, Rate: limits.Rate{Requests: 1, Per: time.Hour}})
	if _, ok := r.here.Open(ctx, "c", "two"); ok {
		t.Error("a stream beyond the new bound is allowed")
	}
	if again, ok := r.here.Open(ctx, "c", "one"); ok {
		again()
	} else {
		t.Error("another view of the open stream is refused")
	}
	if a, b := r.here.Allow(ctx, "c"), r.here.Allow(ctx, "c"); a != 0 || b < 59*time.Minute {
		t.Errorf("wait for %v and %v, want 0 and an hour", a, b)
	}
	first()
	second, ok := r.here.Open(ctx, "c", "two")
	if !ok {
		t.Fatal("a stream is refused after the end of the other")
	}
	set(limits.Bounds{})
	if third, ok := r.here.Open(ctx, "c", "three"); ok {
		third()
	} else {
		t.Error("a stream is refused without a bound")
	}
	if wait := r.here.Allow(ctx, "c"); wait != 0 {
		t.Errorf("wait for %v without a rate", wait)
	}
	second()
}
