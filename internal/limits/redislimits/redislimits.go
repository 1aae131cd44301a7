// Package redislimits enforces the bounds of clients across replicas, over Redis. Without
// Redis each replica enforces the bounds alone: an outage never causes a refusal.
package redislimits

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"sse-typewriter/internal/limits"
	"sse-typewriter/internal/redisconn"
)

// An open stream is a lease. The replica renews the lease, and the streams of a lost
// replica expire. All replicas of a Redis must have the same times.
const (
	leaseTime  = 10 * time.Second
	renewEvery = 3 * time.Second
)

// batch is the number of clients per pipeline of renewals.
const batch = 200

// Options configure a [Limiter].
type Options struct {
	Bounds limits.Bounds

	// Client is the connection to Redis. The caller closes the client after the limiter.
	Client *redisconn.Client

	// Prefix is the beginning of all key names.
	Prefix string
}

// Limiter is a [limits.Local] for all replicas together. While Redis is lost each replica
// enforces the bounds alone. A Limiter must be closed, and is safe for concurrent use.
type Limiter struct {
	options Options
	local   *limits.Local // its bounds are those of all replicas

	cancel  context.CancelFunc
	renewer sync.WaitGroup
}

// New returns a limiter. [Limiter.Close] ends the limiter's goroutine.
func New(ctx context.Context, options Options) *Limiter {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l := &Limiter{options: options, local: limits.NewLocal(options.Bounds), cancel: cancel}
	l.renewer.Go(func() { l.renewLoop(ctx) })
	return l
}

// SetBounds is [limits.Local.SetBounds] for the requests at this replica.
func (l *Limiter) SetBounds(bounds limits.Bounds) { l.local.SetBounds(bounds) }

// Close ends the limiter's goroutine. The limiter must not be used any more.
func (l *Limiter) Close() {
	l.cancel()
	l.renewer.Wait()
}

func (l *Limiter) rateKey(client string) string    { return l.options.Prefix + "rate:" + client }
func (l *Limiter) streamsKey(client string) string { return l.options.Prefix + "streams:" + client }

// Allow is [limits.Local.Allow] for all replicas.
func (l *Limiter) Allow(ctx context.Context, client string) (wait time.Duration) {
	rate := l.local.Bounds().Rate
	if rate.Requests == 0 {
		return 0
	}
	var micros int64
	err := l.options.Client.Do(ctx, func(ctx context.Context) (err error) {
		micros, err = allowScript.Run(ctx, l.options.Client.Redis, []string{l.rateKey(client)},
			rate.Interval().Microseconds(), rate.Burst().Microseconds()).Int64()
		return err
	})
	if err != nil {
		return l.local.Allow(ctx, client)
	}
	return time.Duration(micros) * time.Microsecond
}

// Open is [limits.Local.Open] for all replicas. A stream counts once, even if several
// replicas have viewers. After a replica has closed the stream, the stream does not count
// until another replica renews the lease.
func (l *Limiter) Open(ctx context.Context, client, stream string) (done func(), ok bool) {
	doneHere, ok := l.local.Open(ctx, client, stream)
	if !ok {
		return nil, false
	}
	if bound := l.local.Bounds().Streams; bound > 0 {
		var allowed bool
		err := l.options.Client.Do(ctx, func(ctx context.Context) (err error) {
			allowed, err = openScript.Run(ctx, l.options.Client.Redis, []string{l.streamsKey(client)},
				stream, bound, leaseTime.Microseconds()).Bool()
			return err
		})
		if err == nil && !allowed { // after an error the next renewal adds the stream
			doneHere()
			return nil, false
		}
	}
	ctx = context.WithoutCancel(ctx) // the client may have disconnected
	return func() {
		doneHere()
		if l.local.Bounds().Streams > 0 && l.local.Views(client, stream) == 0 {
			_ = l.options.Client.Do(ctx, func(ctx context.Context) error { // after an error the stream expires
				return l.options.Client.Redis.ZRem(ctx, l.streamsKey(client), stream).Err()
			})
		}
	}, true
}

// renewLoop renews the streams of this replica until ctx is done.
func (l *Limiter) renewLoop(ctx context.Context) {
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if l.local.Bounds().Streams > 0 {
				l.renew(ctx)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (l *Limiter) renew(ctx context.Context) {
	all := l.local.Streams()
	for clients := range slices.Chunk(slices.Collect(maps.Keys(all)), batch) {
		l.pipe(ctx, func(ctx context.Context, pipe redis.Pipeliner) {
			for _, client := range clients {
				args := []any{leaseTime.Microseconds()}
				for _, stream := range all[client] {
					args = append(args, stream)
				}
				renewScript.Eval(ctx, pipe, []string{l.streamsKey(client)}, args...)
			}
		})
		l.pipe(ctx, func(ctx context.Context, pipe redis.Pipeliner) {
			for _, client := range clients {
				for _, stream := range all[client] {
					if l.local.Views(client, stream) == 0 { // closed meanwhile
						pipe.ZRem(ctx, l.streamsKey(client), stream)
					}
				}
			}
		})
	}
}

// pipe sends commands in a pipeline. After an error the next renewal repeats the commands,
// or the streams expire.
func (l *Limiter) pipe(ctx context.Context, queue func(context.Context, redis.Pipeliner)) {
	_ = l.options.Client.Do(ctx, func(ctx context.Context) error {
		_, err := l.options.Client.Redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			queue(ctx, pipe)
			return nil
		})
		return err
	})
}
