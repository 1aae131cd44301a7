package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"sse-typewriter/internal/redisconn"
	"sse-typewriter/internal/streams"
)

// Times of the protocol. All replicas of a Redis must have the same.
const (
	leaseTime    = 5 * time.Second         // a writer not heard of for so long is lost
	leaseRefresh = 1500 * time.Millisecond // how often it is heard of
	orphanTime   = 2 * time.Second         // for a writer to come back, after Redis has
	readEvery    = time.Second             // a reader looks, if it is told nothing
)

// Bounds.
const (
	maxStreamBytes = 16 << 20  // of a stream in Redis; a larger one leaves it
	maxBatchBytes  = 256 << 10 // of what is written at once, or one event
	maxBatch       = 500       // entries read or written at once
)

// Options say how streams are kept.
type Options struct {
	// Client is the connection to Redis. It is closed after the store.
	Client *redisconn.Client

	// Prefix begins the name of each key.
	Prefix string

	// Grace is how long a stream that has lost its writer can be found, and Retention
	// how long one that has ended.
	Grace, Retention time.Duration

	// Logger gets a line when a stream could not be written.
	Logger *slog.Logger
}

// Store is a [streams.Store]. It must be closed.
type Store struct {
	Options
	client  *redis.Client
	replica string // names this process
	run     string // names Redis's process, as it was found; empty: it does not say

	mu      sync.Mutex
	asks    *redis.PubSub
	hearing map[string]map[*listener]bool // by channel

	subscribed map[string]bool // channels, of the goroutine that does so
	changed    chan struct{}   // hearing has other channels
	closed     chan struct{}
	pump       sync.WaitGroup
}

// Open starts to keep streams in Redis.
func Open(ctx context.Context, options Options) *Store {
	s := &Store{
		Options: options,
		client:  options.Client.Redis,
		replica: strings.ToLower(rand.Text()),
		hearing: map[string]map[*listener]bool{},

		subscribed: map[string]bool{},
		changed:    make(chan struct{}, 1),
		closed:     make(chan struct{}),
	}
	_ = s.do(ctx, func(ctx context.Context) error { // or it does not say
		s.run = infoField(s.client.Info(ctx, infoServer).Val(), "run_id")
		return nil
	})
	s.listen(context.WithoutCancel(ctx))
	return s
}

// Close ends what Open has begun. Nobody may use the store any more.
func (s *Store) Close() error {
	err := s.asks.Close()
	s.pump.Wait()
	return err
}

// keys are the names of what is kept of a stream. The braces put them on one node of a
// cluster.
type keys struct{ events, about, lease string }

func (s *Store) keys(id string) keys {
	name := s.Prefix + "{" + id + "}"
	return keys{events: name, about: name + ":about", lease: name + ":lease"}
}

func (k keys) all() []string { return []string{k.events, k.about, k.lease} }

// runningTTL is how long a stream can be found whose writer is not heard of.
func (s *Store) runningTTL() time.Duration { return leaseTime + orphanTime + s.Grace }

// do calls Redis.
func (s *Store) do(ctx context.Context, call func(context.Context) error) error {
	err := s.Client.Do(ctx, call)
	if errors.Is(err, redisconn.ErrLost) {
		return fmt.Errorf("%w: %w", streams.ErrUnavailable, err)
	}
	return err
}

// Create implements [streams.Store].
func (s *Store) Create(ctx context.Context, id string, about streams.Metadata) error {
	_, err := s.append(ctx, id, about, batch{})
	return err
}

// Find implements [streams.Store].
func (s *Store) Find(ctx context.Context, id string) (about streams.Metadata, err error) {
	var all *redis.MapStringStringCmd
	var info *redis.StringCmd
	err = s.do(ctx, func(ctx context.Context) error {
		_, _ = s.client.Pipelined(ctx, func(p redis.Pipeliner) error { // each command has its error
			all = p.HGetAll(ctx, s.keys(id).about)
			info = p.Info(ctx, infoServer) // also if it is not needed: the time it takes tells nothing
			return nil
		})
		return all.Err()
	})
	if err != nil {
		return about, err
	}
	values := all.Val()
	switch {
	case values[fieldSeal] != "":
	case s.restarted(info.Val()):
		return about, streams.ErrUnavailable
	default:
		return about, streams.ErrGone
	}
	started, err := strconv.ParseInt(values[fieldStarted], 10, 64)
	if err != nil {
		return about, streams.ErrGone // it is not one of ours
	}
	return streams.Metadata{OwnerHash: []byte(values[fieldSeal]), LogID: values[fieldLogID], Started: time.UnixMilli(started)}, nil
}

// infoServer is the part of what Redis says of itself that we ask for.
const infoServer = "server"

// infoField returns a field of what Redis says of itself; empty: it does not say.
func infoField(info, name string) string {
	_, after, _ := strings.Cut(info, "\n"+name+":")
	value, _, _ := strings.Cut(after, "\r\n")
	return value
}

// restarted reports whether Redis was started so short ago that writers may not have
// written yet what it has lost.
func (s *Store) restarted(info string) bool {
	uptime, err := strconv.Atoi(infoField(info, "uptime_in_seconds"))
	return err == nil && infoField(info, "run_id") != s.run && uptime <= int(orphanTime/time.Second)
}

// Ping implements [streams.Store].
func (s *Store) Ping(ctx context.Context) error {
	return s.do(ctx, func(ctx context.Context) error { return s.client.Ping(ctx).Err() })
}

// Ask implements [streams.Store].
func (s *Store) Send(ctx context.Context, id string, command streams.Command) error {
	k := s.keys(id)
	return s.do(ctx, func(ctx context.Context) error {
		return askScript.Run(ctx, s.client, k.all(), askChannel(k), string(command)).Err()
	})
}
