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
	"sse-typewriter/internal/streams"
)

// Times of the protocol. They must be the same at all replicas of a Redis.
const (
	leaseTime    = 5 * time.Second         // lifetime of a writer's lease
	leaseRefresh = 1500 * time.Millisecond // interval of the refresh
	orphanTime   = 2 * time.Second         // time for a writer to refresh an expired lease after an outage of Redis
	pollInterval = time.Second             // interval of a reader's polls between notifications
)

// Bounds.
const (
	maxStreamBytes = 16 << 20  // a larger stream is removed from Redis
	maxBatchBytes  = 256 << 10 // of a write, unless a single event is larger
	maxBatch       = 500       // entries of a write or read

	unsharedTTL = time.Hour // of the metadata of a removed stream
)

// Options configure a [Store].
type Options struct {
	// Client is the connection to Redis. The caller closes the client after the store.
	Client *redisconn.Client

	// Prefix is the beginning of all key names.
	Prefix string

	// Grace is the lifetime of a stream without a writer, and Retention that of a finished
	// stream.
	Grace, Retention time.Duration

	// Logger receives a line for each stream that could not be stored.
	Logger *slog.Logger
}

// Store is a [streams.Store] over Redis. The caller closes a Store.
type Store struct {
	Options
	client  *redis.Client
	replica string // a random name of this process
	health  health
	cancel  context.CancelFunc // ends the probes

	pubsub    *redis.PubSub
	mu        sync.Mutex
	listeners map[string]map[*listener]bool // by channel

	subscribed map[string]bool // channels; owned by the subscribing goroutine
	changed    chan struct{}   // signals new or removed channels in listeners
	closed     chan struct{}
	goroutines sync.WaitGroup
}

// Open returns a store. [Store.Close] ends the store's three goroutines.
func Open(ctx context.Context, options Options) *Store {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &Store{
		Options:   options,
		client:    options.Client.Redis,
		replica:   strings.ToLower(rand.Text()),
		health:    health{logger: options.Logger, lost: make(chan struct{})},
		cancel:    cancel,
		listeners: map[string]map[*listener]bool{},

		subscribed: map[string]bool{},
		changed:    make(chan struct{}, 1),
		closed:     make(chan struct{}),
	}
	_ = s.test(ctx) // the loop repeats the test
	s.goroutines.Go(func() { s.testLoop(ctx) })
	s.startPubSub(ctx)
	return s
}

// Close ends the goroutines of the store. The store must not be used after Close.
func (s *Store) Close() error {
	s.cancel()
	err := s.pubsub.Close()
	s.goroutines.Wait()
	return err
}

// keys are the key names of a stream. The braces place all keys in the same slot of a
// cluster.
type keys struct{ entries, metadata, lease string }

func (s *Store) keys(id string) keys {
	name := s.Prefix + "{" + id + "}"
	return keys{entries: name, metadata: name + ":about", lease: name + ":lease"}
}

func (k keys) all() []string { return []string{k.entries, k.metadata, k.lease} }

// runningTTL is the lifetime of a running stream's keys after the last refresh.
func (s *Store) runningTTL() time.Duration { return leaseTime + orphanTime + s.Grace }

// do calls Redis and converts the errors of [redisconn.Client.Do].
func (s *Store) do(ctx context.Context, call func(context.Context) error) error {
	err := s.Client.Do(ctx, call)
	if errors.Is(err, redisconn.ErrLost) || errors.Is(err, redisconn.ErrRefused) {
		s.health.fail(err)
		return fmt.Errorf("%w: %w", streams.ErrUnavailable, err)
	}
	return err
}

// doWrite is do for a write. While Redis refuses writes, doWrite fails without a call.
func (s *Store) doWrite(ctx context.Context, call func(context.Context) error) error {
	if s.health.refusing() {
		return fmt.Errorf("%w: %w", streams.ErrUnavailable, redisconn.ErrRefused)
	}
	return s.do(ctx, call)
}

// Lost implements [streams.Store].
func (s *Store) Lost() <-chan struct{} { return s.health.nextLoss() }

// Create implements [streams.Store].
func (s *Store) Create(ctx context.Context, id string, metadata streams.Metadata) error {
	_, err := s.append(ctx, id, batch{metadata: metadata})
	return err
}

// Find implements [streams.Store].
func (s *Store) Find(ctx context.Context, id string) (streams.Metadata, error) {
	k := s.keys(id)
	var fields *redis.MapStringStringCmd
	var entries *redis.IntCmd
	var p probe
	err := s.do(ctx, func(ctx context.Context) error {
		_, _ = s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error { // each command has its own error
			fields = pipe.HGetAll(ctx, k.metadata)
			entries = pipe.Exists(ctx, k.entries)
			p = s.queueProbe(ctx, pipe)
			return nil
		})
		return cmp.Or(fields.Err(), entries.Err())
	})
	if err != nil {
		return streams.Metadata{}, err
	}
	_ = s.recordProbe(p) // also for a known stream, so that the duration reveals nothing
	metadata, err := decodeMetadata(fields.Val())
	switch {
	case errors.Is(err, streams.ErrGone) && !s.health.settled():
		return metadata, streams.ErrUnavailable
	case err == nil && fields.Val()[fieldUnshared] != "":
		return metadata, streams.ErrUnavailable
	case err == nil && entries.Val() == 0 && fields.Val()[fieldEnded] != "":
		return metadata, streams.ErrGone // Redis has evicted the entries of a finished stream
	}
	return metadata, err
}

// Ping implements [streams.Store].
func (s *Store) Ping(ctx context.Context) error {
	return s.doWrite(ctx, func(ctx context.Context) error { return s.client.Ping(ctx).Err() })
}

// StopAt implements [streams.Store].
func (s *Store) StopAt(ctx context.Context, id string, at streams.Cursor) (streams.Cursor, error) {
	var text string
	err := s.doWrite(ctx, func(ctx context.Context) (err error) {
		text, err = stopAtScript.Run(ctx, s.client, s.keys(id).all(), string(at.Append(nil))).Text()
		return err
	})
	if err != nil {
		return streams.Cursor{}, err
	}
	return streams.ParseCursor(text)
}

// Send implements [streams.Store].
func (s *Store) Send(ctx context.Context, id string, command streams.Command) error {
	k := s.keys(id)
	return s.do(ctx, func(ctx context.Context) error {
		return commandScript.Run(ctx, s.client, k.all(), commandChannel(k), string(command)).Err()
	})
}
