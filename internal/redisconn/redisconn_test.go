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
