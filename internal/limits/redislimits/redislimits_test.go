package redislimits

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sse-typewriter/internal/limits"
	"sse-typewriter/internal/redisconn"
	"sse-typewriter/internal/testenv"
)

func open(t *testing.T, server *testenv.Redis, bounds limits.Bounds) (*Limiter, *testenv.Output) {
	t.Helper()
	log := &testenv.Output{}
	client, err := redisconn.Open(t.Context(), server.URL(), slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	l := New(t.Context(), Options{Bounds: bounds, Client: client, Prefix: "test:"})
	t.Cleanup(func() {
		l.Close()
		client.Close()
	})
	return l, log
}

// The streams of a lost replica stop counting after the lease time, unlike those of a
// running replica.
func TestLostReplica(t *testing.T) {
	server := testenv.StartRedis(t)
	bounds := limits.Bounds{Streams: 2}
	lost, _ := open(t, server, bounds)
	lives, _ := open(t, server, bounds)
	if _, ok := lost.Open(t.Context(), "a", "lost"); !ok {
		t.Fatal("refused")
	}
	if _, ok := lives.Open(t.Context(), "a", "kept"); !ok {
		t.Fatal("refused")
	}
	lost.Close() // ends its renewals
	if _, ok := lives.Open(t.Context(), "a", "other"); ok {
		t.Error("the stream of the lost replica does not count")
	}
	testenv.Eventually(t, "the lost replica's stream to expire", func() bool {
		_, ok := lives.Open(t.Context(), "a", "other")
		return ok
	})
	third, _ := open(t, server, bounds)
	if _, ok := third.Open(t.Context(), "a", "one more"); ok {
		t.Error("the streams of the running replica do not count any more")
	}
}

// While Redis is lost each replica enforces the bounds alone, and logs the loss once. The
// open streams are added again when Redis returns without data.
func TestRedisIsLost(t *testing.T) {
	server := testenv.StartRedis(t)
	bounds := limits.Bounds{Streams: 2, Rate: limits.Rate{Requests: 2, Per: time.Hour}}
	here, log := open(t, server, bounds)
	there, _ := open(t, server, bounds)
	if _, ok := here.Open(t.Context(), "a", "1"); !ok {
		t.Fatal("refused")
	}
	server.Kill()
	for range 2 {
		if wait := here.Allow(t.Context(), "a"); wait != 0 {
			t.Errorf("waits %v", wait)
		}
	}
	if wait := here.Allow(t.Context(), "a"); wait == 0 {
		t.Error("there is no bound without Redis")
	}
	if _, ok := here.Open(t.Context(), "a", "2"); !ok {
		t.Error("refused")
	}
	if _, ok := here.Open(t.Context(), "a", "3"); ok {
		t.Error("there is no bound without Redis")
	}
	time.Sleep(2 * redisconn.RetryEvery) // so that the next call reaches for Redis
	here.Allow(t.Context(), "b")
	if n := strings.Count(log.String(), "redis is lost"); n != 1 {
		t.Errorf("the loss of Redis is logged %d times: %s", n, log.String())
	}
	server.Start()
	testenv.Eventually(t, "Redis knows the streams", func() bool {
		return there.options.Client.Redis.ZCard(context.WithoutCancel(t.Context()), there.streamsKey("a")).Val() == 2
	})
	if _, ok := there.Open(t.Context(), "a", "3"); ok {
		t.Error("the streams do not count at another replica")
	}
}

// Every key has the prefix and expires.
func TestKeys(t *testing.T) {
	l, _ := open(t, testenv.StartRedis(t), limits.Bounds{Streams: 2, Rate: limits.Rate{Requests: 2, Per: time.Hour}})
	l.Allow(t.Context(), "a")
	if _, ok := l.Open(t.Context(), "a", "1"); !ok {
		t.Error("refused")
	}
	names := l.options.Client.Redis.Keys(t.Context(), "*").Val()
	for _, name := range names {
		left := l.options.Client.Redis.PTTL(t.Context(), name).Val()
		if !strings.HasPrefix(name, "test:") || left <= 0 || left > time.Hour {
			t.Errorf("key %s has a TTL of %v", name, left)
		}
	}
	if len(names) != 2 {
		t.Errorf("keys: %q", names)
	}
}
