// Package streams keeps the streams that clients can resume. The package decides about
// access, lifetime and memory, and replicates streams through a [Store]. It has no
// dependency on HTTP or the upstream, and never interprets an event.
package streams

import (
	"container/list"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sse-typewriter/typewriter"
)

// Options configure a [Registry].
type Options struct {
	// MaxBytes bounds the memory of all streams together. At the bound the registry
	// evicts finished streams without a viewer.
	MaxBytes int64

	// Grace is the time after which a running stream without a viewer stops. Retention is
	// the time after which a finished stream is removed.
	Grace, Retention time.Duration

	// Store shares resumable streams with other replicas. Without a store (nil) streams
	// are found in this process only. The caller closes the store after the registry.
	Store Store

	// Full returns the last events of a stream that exceeds the memory bound. Broken
	// returns those of a stream whose source panicked. A nil function returns none.
	Full, Broken LastEvents

	// Stopped returns the last events of a stream with a stop point. A nil function returns
	// none.
	Stopped LastEvents

	// Knows reports whether this program can continue streams of an origin. A nil function
	// accepts all origins.
	Knows func(Origin) bool

	// Logger receives panics. Required.
	Logger *slog.Logger
}

// LastEvents returns the events that end a stream, given the log of the events before them.
type LastEvents func(Origin, *typewriter.Log) []typewriter.Event

func noEvents(Origin, *typewriter.Log) []typewriter.Event { return nil }

// Registry holds streams by their ids. A Registry is safe for concurrent use.
type Registry struct {
	options Options

	// Shutdown cancels writing first, then all other shared work.
	writing, sharing       context.Context
	endWriting, endSharing context.CancelFunc
	writers, work          sync.WaitGroup

	budget *typewriter.Budget

	draining atomic.Bool // streams of other replicas are refused

	mu      sync.Mutex
	streams map[string]*Stream
	forks   map[string]*Stream // forked streams, also found in the store
	claims  map[string]*Stream // by the name of the claim

	conversations map[string]map[*Stream]bool // by the name of the conversation

	finished list.List // evictable streams in the order of their end
}

// NewRegistry returns an empty registry. The caller closes the registry.
func NewRegistry(options Options) *Registry {
	if options.Full == nil {
		options.Full = noEvents
	}
	if options.Broken == nil {
		options.Broken = noEvents
	}
	if options.Stopped == nil {
		options.Stopped = func(Origin, *typewriter.Log) []typewriter.Event { return nil }
	}
	if options.Knows == nil {
		options.Knows = func(Origin) bool { return true }
	}
	r := &Registry{options: options, streams: map[string]*Stream{}, forks: map[string]*Stream{}, claims: map[string]*Stream{}, conversations: map[string]map[*Stream]bool{}}
	r.writing, r.endWriting = context.WithCancel(context.Background())
	r.sharing, r.endSharing = context.WithCancel(context.Background())
	r.budget = typewriter.NewBudget(options.MaxBytes, r.evict)
	if options.Store != nil {
		r.work.Go(r.restoreLoop)
	}
	return r
}

// Bytes returns the memory of all streams.
func (r *Registry) Bytes() int64 { return r.budget.Used() }

// MaxBytes returns the bound of [Registry.Bytes].
func (r *Registry) MaxBytes() int64 { return r.budget.Max() }

// pingTimeout bounds [Registry.Reachable]. Health checks have longer timeouts.
const pingTimeout = 300 * time.Millisecond

// Reachable reports whether the store can be reached, and true without a store.
func (r *Registry) Reachable(ctx context.Context) bool {
	if r.options.Store == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return r.options.Store.Ping(ctx) == nil
}

// NewID returns a random id of 26 base32 characters, 130 bits.
func NewID() string { return strings.ToLower(rand.Text()) }

// Grace returns [Options.Grace].
func (r *Registry) Grace() time.Duration { return r.options.Grace }

// Opening describes a new stream.
type Opening struct {
	// ID is a result of [NewID], and that of the claim if there is a Start.
	ID string

	// Owner is the credential of the owner.
	Owner string

	// Resumable makes the stream readable again, at all replicas. Any other stream ends with
	// its viewer, and can be skipped or cancelled at this replica only.
	Resumable bool

	// Start is the claim of a resumable stream, or nil.
	Start *Start

	Source Source
}

// Open starts a stream with one viewer. If the store could not take the stream, the stream
// has a longer id.
func (r *Registry) Open(o Opening) *Stream {
	s := &Stream{
		ID:        o.ID,
		Log:       typewriter.NewLog(typewriter.LogOptions{Budget: r.budget, Overhead: streamOverhead}),
		LogID:     o.Source.LogID,
		Origin:    o.Source.Origin,
		registry:  r,
		owner:     hashOwner(o.ID, o.Owner),
		resumable: o.Resumable,
		source:    o.Source,
		views:     views{begin: o.Source.View},
		viewers:   1,
	}
	if o.Start != nil {
		s.claim = o.Start.claim
	}
	if s.resumable {
		s.linkKey = newLinkKey()
	}
	r.share(s, o.Owner)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streams[s.ID] = s
	o.Start.claimFor(s)
	return s
}

// hashOwner returns a credential's HMAC under the stream's id. Hashes cannot be reversed or
// compared between streams.
func hashOwner(id, owner string) []byte {
	mac := hmac.New(sha256.New, []byte(id))
	mac.Write([]byte(owner))
	return mac.Sum(nil)
}

// Attach adds a viewer to a stream of this replica. If the stream is not resumable, only
// the first viewer may read the log. For another owner's stream and for an unknown id,
// Attach does the same work and gives the same result.
func (r *Registry) Attach(id, owner string) (*Stream, bool) {
	return r.attach(Lookup{ID: id, Owner: owner})
}

// attach is Attach for a viewer at a cursor, possibly of a fork of the stream.
func (r *Registry) attach(l Lookup) (*Stream, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.forks[l.ID]
	if !ok || !s.onFork(l.From) {
		s, ok = r.streams[l.ID]
	}
	if !ok {
		s = &Stream{owner: make([]byte, sha256.Size)}
	}
	if !l.admits(s.owner, s.linkKey) || !ok {
		return nil, false
	}
	s.addViewer(l)
	return s, true
}

// evict removes the oldest finished stream, and reports whether any stream was evictable.
func (r *Registry) evict() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := r.finished.Front()
	if first == nil {
		return false
	}
	first.Value.(*Stream).remove()
	return true
}

// Drain refuses further streams of other replicas.
func (r *Registry) Drain() { r.draining.Store(true) }

// Stop hands all shared streams over to the other replicas, within [HandOver].
func (r *Registry) Stop() {
	r.Drain()
	r.mu.Lock()
	r.endWriting()
	r.mu.Unlock()
	r.writers.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endSharing()
}

// Close calls [Registry.Stop] and waits for all goroutines of the registry.
func (r *Registry) Close() {
	r.Stop()
	r.work.Wait()
}
