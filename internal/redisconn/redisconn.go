// Package redisconn is the connection to Redis of all that is shared between replicas,
// and what becomes of calls while it is lost. It never knows what is kept there.
package redisconn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	// MaxWait is how long a call may take that reaches nobody.
	MaxWait = 2 * timeout

	// RetryEvery is how often Redis is tried, when it is lost.
	RetryEvery = 250 * time.Millisecond

	timeout = time.Second // of one command, and of a connection
)

// ErrLost is returned when Redis cannot be reached.
var ErrLost = errors.New("redis cannot be reached")

// Client is a connection to Redis. It must be closed, after all that use it. It is safe
// for concurrent use.
type Client struct {
	// Redis is for what may take long, and must be inside of Do otherwise.
	Redis *redis.Client

	logger *slog.Logger

	mu       sync.Mutex
	lost     bool
	tried    time.Time // when it was last, if it is lost
	answered time.Time // when it did last
}

// Open connects to Redis at a URL as redis://[user:password@]host:port/db, or rediss://
// for TLS. The logger gets a line when Redis is lost, and when it is back. The error is
// fit for a person, and holds no password.
func Open(ctx context.Context, url string, logger *slog.Logger) (*Client, error) {
	redis.SetLogger(&logging.VoidLogger{}) // we say ourselves what matters
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("cannot read the Redis URL: want redis://user:password@host:port/db") // err may hold the password
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = timeout, timeout, timeout, timeout
	o.DialerRetries, o.MaxRetries = 1, -1 // we try again ourselves
	o.ContextTimeoutEnabled = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	c := &Client{Redis: redis.NewClient(o), logger: logger}
	if err := c.Redis.Ping(ctx).Err(); err != nil {
		_ = c.Redis.Close() // it never worked
		return nil, fmt.Errorf("cannot use Redis at %s: %w", o.Addr, err)
	}
	return c, nil
}

// Close closes the connections.
func (c *Client) Close() error { return c.Redis.Close() }

// Do calls Redis. When that is lost, it is tried now and then, for no longer than
// [MaxWait]; in between the error is [ErrLost] at once. A call that fails while others are
// answered fails alone: Redis, or this machine, is only slow.
func (c *Client) Do(ctx context.Context, call func(context.Context) error) error {
	if !c.mayTry() {
		return ErrLost
	}
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, MaxWait)
	defer cancel()
	err := call(limited)
	if errors.Is(err, redis.Nil) {
		err = nil
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // it is not Redis's fault
	}
	if !errors.Is(err, redis.ErrClosed) { // a request that comes as the process ends
		c.note(began, err)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	return nil
}

func (c *Client) mayTry() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost && time.Since(c.tried) < RetryEvery {
		return false
	}
	c.tried = time.Now()
	return true
}

// note keeps what became of a call.
func (c *Client) note(began time.Time, err error) {
	c.mu.Lock()
	if err == nil {
		c.answered = time.Now()
	} else if c.answered.After(began) {
		c.mu.Unlock()
		return
	}
	changed := c.lost != (err != nil)
	c.lost, c.tried = err != nil, time.Now()
	c.mu.Unlock()
	switch {
	case changed && err != nil:
		c.logger.Warn("redis is lost: streams and limits are this replica's own", "error", err)
	case changed:
		c.logger.Info("redis is back")
	}
}
