// Package redisconn is the process's connection to Redis. It bounds the duration of calls
// and fails fast while Redis is lost. It knows no keys.
package redisconn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	// MaxWait bounds the duration of a call.
	MaxWait = 2 * timeout

	// RetryEvery is the interval of calls that reach for a lost Redis.
	RetryEvery = 250 * time.Millisecond

	timeout = time.Second // of a command, and of opening a connection
)

// Errors of [Client.Do].
var (
	ErrLost    = errors.New("redis cannot be reached")
	ErrRefused = errors.New("redis refused the command") // with an error reply, such as OOM or READONLY
)

// Client is a connection to Redis. It must be closed after its users, and is safe for
// concurrent use.
type Client struct {
	// Redis must be used within [Client.Do], except for subscriptions.
	Redis *redis.Client

	logger *slog.Logger

	mu       sync.Mutex
	lost     bool
	tried    time.Time // last attempt
	answered time.Time // last successful call
}

// Open connects to Redis at a URL of the form redis://[user:password@]host:port/db, or
// rediss:// for TLS. The logger receives a line when Redis is lost, and when it is back.
// The error never contains the password.
func Open(ctx context.Context, url string, logger *slog.Logger) (*Client, error) {
	redis.SetLogger(&logging.VoidLogger{}) // Client logs losses itself
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("cannot read the Redis URL: want redis://user:password@host:port/db") // err may contain the password
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = timeout, timeout, timeout, timeout
	o.DialerRetries, o.MaxRetries = 1, -1 // callers retry
	o.ContextTimeoutEnabled = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	c := &Client{Redis: redis.NewClient(o), logger: logger}
	err = c.Redis.Ping(ctx).Err()
	if err == nil {
		err = c.checkKind(ctx)
	}
	if err != nil {
		_ = c.Redis.Close() // err is the cause
		return nil, fmt.Errorf("cannot use Redis at %s: %w", o.Addr, err)
	}
	return c, nil
}

// checkKind returns an error for a server that cannot hold the keys of all replicas. A
// server that does not permit INFO is accepted.
func (c *Client) checkKind(ctx context.Context) error {
	server, replication := c.Redis.Info(ctx, "server").Val(), c.Redis.Info(ctx, "replication").Val()
	switch mode := InfoField(server, "redis_mode"); {
	case mode == "cluster":
		return errors.New("it is a node of a Redis Cluster; use a server that is not in cluster mode")
	case mode == "sentinel":
		return errors.New("it is a Redis Sentinel; use the address of the server that it monitors")
	case InfoField(replication, "role") == "slave" && InfoField(replication, "slave_read_only") == "1":
		return errors.New("it is a read-only replica; use the address of its master")
	default:
		return nil
	}
}

// InfoField returns a field of a reply to INFO, or an empty string.
func InfoField(info, name string) string {
	_, after, _ := strings.Cut(info, "\n"+name+":")
	value, _, _ := strings.Cut(after, "\r\n")
	return value
}

// Close closes the connections.
func (c *Client) Close() error { return c.Redis.Close() }

// Do runs a call with a deadline of [MaxWait]. An error reply of Redis returns
// [ErrRefused]. Any other failure returns [ErrLost] and marks Redis as lost, unless other
// calls succeeded meanwhile, or the call got no connection of the pool: Redis or this
// machine is just slow then. While Redis is lost one call in [RetryEvery] is run; all
// others fail at once.
func (c *Client) Do(ctx context.Context, call func(context.Context) error) error {
	if !c.allow() {
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
		return ctx.Err() // the caller gave up
	}
	_, isReply := errors.AsType[redis.Error](err)
	switch {
	case err == nil:
		c.record(began, nil)
		return nil
	case isReply:
		c.record(began, nil)
		return fmt.Errorf("%w: %w", ErrRefused, err)
	case errors.Is(err, redis.ErrClosed), errors.Is(err, redis.ErrPoolTimeout): // a request during shutdown, or load
	default:
		c.record(began, err)
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}

// allow reports whether a call may be run now.
func (c *Client) allow() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost && time.Since(c.tried) < RetryEvery {
		return false
	}
	c.tried = time.Now()
	return true
}

// record updates the state after a call.
func (c *Client) record(began time.Time, err error) {
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
		c.logger.Warn("redis is lost; this replica keeps its streams and limits to itself", "error", err)
	case changed:
		c.logger.Info("redis is back")
	}
}
