package redisstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"sse-typewriter/internal/redisconn"
)

const (
	probeInterval = time.Second    // [redisconn.RetryEvery] after a failed probe
	generationTTL = 24 * time.Hour // renewed by each probe

	// settleTime is the time after a fault of Redis during which an unknown stream does not
	// count as gone. Within that time a running writer stores its stream again, or loses
	// it.
	settleTime = leaseTime + orphanTime

	// pauseTime is the time without a probe that proves a pause of this process.
	pauseTime = 2 * redisconn.MaxWait
)

// health tracks by probes whether Redis accepts writes and still holds its data. A health
// is safe for concurrent use.
type health struct {
	logger *slog.Logger

	mu       sync.Mutex
	identity string        // of the data in Redis; empty before the first probe
	sound    time.Time     // start of the time without a fault; zero: the last call failed
	probed   time.Time     // last successful probe
	refused  bool          // Redis refused the last probe
	lost     chan struct{} // closed when the identity changes
}

// settled reports whether Redis has been sound for settleTime.
func (h *health) settled() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.sound.IsZero() && time.Since(h.sound) >= settleTime && time.Since(h.probed) < pauseTime
}

// refusing reports whether Redis refused the last probe.
func (h *health) refusing() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.refused
}

// nextLoss returns a channel that is closed at the next loss of Redis's data.
func (h *health) nextLoss() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lost
}

// fail records a failed call.
func (h *health) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sound = time.Time{}
	if errors.Is(err, errProbeRefused) && !h.refused {
		h.refused = true
		h.logger.Warn("redis refuses writes; this replica keeps new streams to itself", "error", err)
	}
}

// succeed records a successful probe.
func (h *health) succeed(identity string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if h.sound.IsZero() || now.Sub(h.probed) >= pauseTime {
		h.sound = now
	}
	h.probed = now
	if h.refused {
		h.refused = false
		h.logger.Info("redis accepts writes again")
	}
	if identity == h.identity {
		return
	}
	h.sound = now
	if h.identity != "" {
		h.logger.Warn("redis lost its data or was replaced; storing the streams again")
		close(h.lost)
		h.lost = make(chan struct{})
	}
	h.identity = identity
}

// errProbeRefused is the error of a probe refused by Redis.
var errProbeRefused = errors.New("redis refuses writes")

// probe is a set of commands that tests the health. A probe writes the generation, a random
// value lost together with the data, unless Redis holds a generation. A server restored
// from disk, and a copy that replaces its master, have the same generation and another run
// id.
type probe struct {
	created, renewed *redis.BoolCmd
	generation, info *redis.StringCmd
}

func (s *Store) queueProbe(ctx context.Context, pipe redis.Pipeliner) (p probe) {
	key := s.Prefix + "generation"
	p.created = pipe.SetNX(ctx, key, strings.ToLower(rand.Text()), generationTTL)
	p.renewed = pipe.PExpire(ctx, key, generationTTL)
	p.generation = pipe.Get(ctx, key)
	p.info = pipe.Info(ctx, "server") // may be forbidden
	return p
}

// recordProbe updates the health after the commands were executed.
func (s *Store) recordProbe(p probe) error {
	if err := cmp.Or(p.created.Err(), p.renewed.Err(), p.generation.Err()); err != nil {
		if _, ok := errors.AsType[redis.Error](err); ok {
			err = fmt.Errorf("%w: %w", errProbeRefused, err)
		}
		s.health.fail(err)
		return err
	}
	s.health.succeed(p.generation.Val() + " " + redisconn.InfoField(p.info.Val(), "run_id"))
	return nil
}

// test probes Redis.
func (s *Store) test(ctx context.Context) error {
	var p probe
	err := s.do(ctx, func(ctx context.Context) error {
		_, _ = s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error { // each command has its own error
			p = s.queueProbe(ctx, pipe)
			return nil
		})
		err := p.created.Err()
		if _, ok := errors.AsType[redis.Error](err); ok {
			return nil // Redis was reached
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.recordProbe(p)
}

// testLoop probes Redis until ctx is done.
func (s *Store) testLoop(ctx context.Context) {
	for {
		interval := probeInterval
		if s.test(ctx) != nil {
			interval = redisconn.RetryEvery
		}
		select {
		case <-time.After(interval):
		case <-ctx.Done():
			return
		}
	}
}
