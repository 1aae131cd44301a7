// Package redislimits holds the clients of several replicas to their bounds together,
// over Redis. While Redis cannot be reached it never refuses for that reason: each
// replica then counts alone.
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

// The streams of a replica that is lost count for life. All replicas of a Redis must have
// the same.
const (
	life       = 10 * time.Second
	renewEvery = 3 * time.Second
)

// batch is how many clients' streams are renewed at once.
const batch = 200

// Options say where the limits are kept.
type Options struct {
	Bounds limits.Bounds

	// Client is the connection to Redis. It is closed after the limiter.
	Client *redisconn.Client

	// Prefix begins the name of each key.
	Prefix string
}

// Limiter is as a [limits.Local], for all replicas together. While Redis cannot be
// reached each replica has its own limits. It must be closed. It is safe for concurrent
// use.
type Limiter struct {
	Options
	local *limits.Local

	end     context.CancelFunc
	renewer sync.WaitGroup
}

// New returns a limiter. It has one goroutine, which ends with Close.
func New(ctx context.Context, options Options) *Limiter {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l := &Limiter{Options: options, local: limits.NewLocal(options.Bounds), end: cancel}
	if options.Bounds.Streams > 0 {
		l.renewer.Go(func() { l.renewing(ctx) })
	}
	return l
}

// Close ends what New has begun. Nobody may use the limiter any more.
func (l *Limiter) Close() {
	l.end()
	l.renewer.Wait()
}

func (l *Limiter) rateKey(client string) string    { return l.Prefix + "rate:" + client }
func (l *Limiter) streamsKey(client string) string { return l.Prefix + "streams:" + client }

// Allow is as [limits.Local.Allow].
func (l *Limiter) Allow(ctx context.Context, client string) (wait time.Duration) {
	rate := l.Bounds.Rate
	if rate.Requests == 0 {
		return 0
	}
	var micros int64
	err := l.Client.Do(ctx, func(ctx context.Context) (err error) {
		micros, err = allowScript.Run(ctx, l.Client.Redis, []string{l.rateKey(client)},
			rate.Interval().Microseconds(), rate.Burst().Microseconds()).Int64()
		return err
	})
	if err != nil {
		return l.local.Allow(ctx, client)
	}
	return time.Duration(micros) * time.Microsecond
}

// Open is as [limits.Local.Open]. A stream that replicas have in common counts once; when
// one of them leaves it, it does not count until another renews it.
func (l *Limiter) Open(ctx context.Context, client, stream string) (leave func(), ok bool) {
	leaveHere, ok := l.local.Open(ctx, client, stream)
	if !ok || l.Bounds.Streams == 0 {
		return leaveHere, ok
	}
	var may bool
	err := l.Client.Do(ctx, func(ctx context.Context) (err error) {
		may, err = openScript.Run(ctx, l.Client.Redis, []string{l.streamsKey(client)},
			stream, l.Bounds.Streams, life.Microseconds()).Bool()
		return err
	})
	if err == nil && !may { // if Redis cannot be asked it is told when it is back
		leaveHere()
		return nil, false
	}
	ctx = context.WithoutCancel(ctx) // the client may be gone
	return func() {
		leaveHere()
		if l.local.Views(client, stream) == 0 {
			_ = l.Client.Do(ctx, func(ctx context.Context) error { // or it ends by itself
				return l.Client.Redis.ZRem(ctx, l.streamsKey(client), stream).Err()
			})
		}
	}, true
}

// renewing renews the streams of this replica now and then.
func (l *Limiter) renewing(ctx context.Context) {
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			l.renew(ctx)
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
				args := []any{life.Microseconds()}
				for _, stream := range all[client] {
					args = append(args, stream)
				}
				renewScript.Eval(ctx, pipe, []string{l.streamsKey(client)}, args...)
			}
		})
		l.pipe(ctx, func(ctx context.Context, pipe redis.Pipeliner) {
			for _, client := range clients {
				for _, stream := range all[client] {
					if l.local.Views(client, stream) == 0 { // it was left meanwhile
						pipe.ZRem(ctx, l.streamsKey(client), stream)
					}
				}
			}
		})
	}
}

// pipe sends commands. What fails is done the next time, or ends by itself.
func (l *Limiter) pipe(ctx context.Context, queue func(context.Context, redis.Pipeliner)) {
	_ = l.Client.Do(ctx, func(ctx context.Context) error {
		_, err := l.Client.Redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			queue(ctx, pipe)
			return nil
		})
		return err
	})
}
