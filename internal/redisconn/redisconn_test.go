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
)

var errLate = errors.New("late")

// call is one that takes a while, and ends with an error.
func call(d time.Duration, err error) func(context.Context) error {
	return func(context.Context) error {
		time.Sleep(d)
		return err
	}
}

// Redis is lost when it answers nobody, and is then tried now and then.
func TestLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Client{logger: slog.New(slog.DiscardHandler)}
		if err := c.Do(t.Context(), call(time.Second, errLate)); !errors.Is(err, ErrLost) || !errors.Is(err, errLate) {
			t.Errorf("got %v", err)
		}
		never := func(context.Context) error {
			t.Error("it is tried at once")
			return nil
		}
		if err := c.Do(t.Context(), never); !errors.Is(err, ErrLost) {
			t.Errorf("in between: %v", err)
		}
		time.Sleep(RetryEvery)
		for range 2 {
			if err := c.Do(t.Context(), call(0, nil)); err != nil {
				t.Errorf("it is back: %v", err)
			}
		}
	})
}

// A call that fails while others are answered fails alone.
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

// Who gives up a call does not lose Redis for others.
func TestGivenUp(t *testing.T) {
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

// A connection that was closed is not a Redis that is lost: the log has no line of it.
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
