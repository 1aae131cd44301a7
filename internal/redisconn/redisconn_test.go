package redisconn

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"sse-typewriter/internal/testenv"
)

var errLate = errors.New("late")

// call returns a call of a given duration and result.
func call(d time.Duration, err error) func(context.Context) error {
	return func(context.Context) error {
		time.Sleep(d)
		return err
	}
}

// A failed call marks Redis as lost. Only one call in RetryEvery is run then.
func TestLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Client{logger: slog.New(slog.DiscardHandler)}
		if err := c.Do(t.Context(), call(time.Second, errLate)); !errors.Is(err, ErrLost) || !errors.Is(err, errLate) {
			t.Errorf("got %v", err)
		}
		never := func(context.Context) error {
			t.Error("the call is run at once")
			return nil
		}
		if err := c.Do(t.Context(), never); !errors.Is(err, ErrLost) {
			t.Errorf("while Redis is lost: %v", err)
		}
		time.Sleep(RetryEvery)
		for range 2 {
			if err := c.Do(t.Context(), call(0, nil)); err != nil {
				t.Errorf("after RetryEvery: %v", err)
			}
		}
	})
}

// A failed call does not mark Redis as lost while other calls succeed.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Client{logger: slog.New(slog.DiscardHandler)}
		failed := make(chan error)
		go func() { failed <- c.Do(t.Context(), call(time.Second, errLate)) }()
		time.Sleep(time.Second / 2)
		if err := c.Do(t.Context(), call(0, nil)); err != nil {
			t.Error(err)
		}
		if err := <-failed; !errors.Is(err, ErrLost) {
			t.Errorf("got %v", err)
		}
		if err := c.Do(t.Context(), call(0, nil)); err != nil {
			t.Errorf("the next call: %v", err)
		}
	})
}

// A call whose context is cancelled does not mark Redis as lost.
func TestCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Client{logger: slog.New(slog.DiscardHandler)}
		ctx, cancel := context.WithCancel(t.Context())
		err := c.Do(ctx, func(context.Context) error {
			cancel()
			return errLate
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if err := c.Do(t.Context(), call(0, nil)); err != nil {
			t.Errorf("the next call: %v", err)
		}
	})
}

// A call after Close does not log that Redis is lost.
func TestClosed(t *testing.T) {
	var log strings.Builder
	c := &Client{Redis: redis.NewClient(&redis.Options{}), logger: slog.New(slog.NewTextHandler(&log, nil))}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	err := c.Do(t.Context(), func(ctx context.Context) error { return c.Redis.Ping(ctx).Err() })
	if !errors.Is(err, ErrLost) || log.Len() > 0 {
		t.Errorf("got %v; the log is %s", err, log.String())
	}
}

// A call that gets no connection of the pool in time does not mark Redis as lost.
func TestPoolTimeout(t *testing.T) {
	server := testenv.StartRedis(t)
	var log testenv.Output
	c, err := Open(t.Context(), server.URL(), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var busy []*redis.Conn
	for range c.Redis.Options().PoolSize {
		conn := c.Redis.Conn()
		defer conn.Close()
		if err := conn.Ping(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		busy = append(busy, conn)
	}
	ping := func(ctx context.Context) error { return c.Redis.Ping(ctx).Err() }
	if err := c.Do(t.Context(), ping); !errors.Is(err, ErrLost) {
		t.Errorf("without a free connection: %v", err)
	}
	busy[0].Close()
	if err := c.Do(t.Context(), ping); err != nil || log.String() != "" {
		t.Errorf("got %v; the log is %s", err, log.String())
	}
}

// A command that Redis refuses does not mark Redis as lost.
func TestRefused(t *testing.T) {
	c := &Client{logger: slog.New(slog.DiscardHandler)}
	full := fullError{}
	if err := c.Do(t.Context(), call(0, full)); !errors.Is(err, ErrRefused) || !errors.Is(err, full) || errors.Is(err, ErrLost) {
		t.Errorf("got %v", err)
	}
	if err := c.Do(t.Context(), call(0, nil)); err != nil {
		t.Errorf("the next call: %v", err)
	}
}

// fullError is a reply of Redis.
type fullError struct{}

func (fullError) Error() string { return "OOM command not allowed" }
func (fullError) RedisError()   {}

// Open rejects Redis servers that cannot hold streams, and says why.
func TestWrongKind(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, want string
		start      func(*testing.T) *testenv.Redis
	}{
		{"standalone", "", func(t *testing.T) *testenv.Redis { return testenv.StartRedis(t) }},
		{"writable replica", "", func(t *testing.T) *testenv.Redis {
			return testenv.StartRedis(t, "--replicaof", "127.0.0.1 1", "--replica-read-only", "no")
		}},
		{"node of a cluster", "is a node of a Redis Cluster", func(t *testing.T) *testenv.Redis {
			return testenv.StartRedis(t, "--cluster-enabled", "yes")
		}},
		{"Sentinel", "is a Redis Sentinel", func(t *testing.T) *testenv.Redis {
			return testenv.StartRedis(t, "--sentinel")
		}},
		{"read-only replica", "is a read-only replica", func(t *testing.T) *testenv.Redis {
			return testenv.StartRedis(t, "--replicaof", "127.0.0.1 1")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, err := Open(t.Context(), test.start(t).URL(), slog.New(slog.DiscardHandler))
			if err == nil {
				c.Close()
			}
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
