// Package streams keeps the streams that clients can come back to: who may, for how
// long, and how much memory they take together. It knows neither HTTP nor the
// upstream, and never reads an event.
package streams

import (
	"container/list"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"iter"
	"log/slog"
	"runtime/debug"
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

	// Grace is how long a running stream without a viewer goes on, and Retention how
	// long a finished one is kept.
	Grace, Retention time.Duration

	// Store shares resumable streams with other replicas. Without one (nil) they are
	// found in this process only. The caller closes the store, after the registry.
	Store Store

	// Full ends a stream that exceeds the memory bound, and Broken one whose source
	// panicked.
	Full, Broken typewriter.Event

	// Logger receives panics. It is required.
	Logger *slog.Logger
}

// Registry keeps streams by their id. It is safe for concurrent use.
type Registry struct {
	options Options

	// Writing to the store ends before all other shared work does.
	writing, sharing       context.Context
	endWriting, endSharing context.CancelFunc
	writers, work          sync.WaitGroup

	budget *typewriter.Budget

	draining atomic.Bool // no more streams of other replicas are read

	mu       sync.Mutex
	streams  map[string]*Stream
	finished list.List // streams that may be evicted, the first to end first
}

// NewRegistry returns an empty registry. [Registry.Close] ends its work.
func NewRegistry(options Options) *Registry {
	r := &Registry{options: options, streams: map[string]*Stream{}}
	r.writing, r.endWriting = context.WithCancel(context.Background())
	r.sharing, r.endSharing = context.WithCancel(context.Background())
	r.budget = typewriter.NewBudget(options.MaxBytes, r.evict)
	return r
}

// Bytes returns how much memory the streams hold.
func (r *Registry) Bytes() int64 { return r.budget.Used() }

// MaxBytes returns how much they may hold.
func (r *Registry) MaxBytes() int64 { return r.budget.Max() }

// probeTime is how long the store may take to answer when it is only asked whether it
// does: less than anybody's health check waits.
const probeTime = 300 * time.Millisecond

// Reachable reports whether streams of other replicas can be found now, if they are
// shared at all.
func (r *Registry) Reachable(ctx context.Context) bool {
	if r.options.Store == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	return r.options.Store.Ping(ctx) == nil
}

// Stream is an answer on its way into a log, or one that has ended.
type Stream struct {
	// ID is 128 random bits as text.
	ID string

	// Log holds the stream's events.
	Log *typewriter.Log

	// Skipping ends the pacing of the stream's players here.
	Skipping typewriter.Skip

	// LogID is the upstream's name for the request, to be quoted to its support; empty:
	// it has none.
	LogID string

	// LocalOnly says that the store could not be reached when the stream was opened.
	LocalOnly bool

	registry *Registry
	owner    []byte
	kept     bool
	shared   bool          // it is in the store, or will be
	loaded   chan struct{} // closed when the store's part is in the log; nil: begun here

	// What follows belongs to registry.mu.
	source   Source // of which nothing is held once it has ended
	failed   failure
	remote   bool   // another replica writes it
	stopping bool   // it was asked to stop
	taken    Source // of a stream that was another replica's

	forgotten bool // nobody can find it any more
	viewers   int
	timer     *time.Timer   // of the grace or the retention
	until     time.Time     // when that is over
	evicting  *list.Element // its place among those that may be evicted
}

// Source is where a stream's events come from. Its functions are safe for concurrent
// use. Those that are nil do nothing.
type Source struct {
	// LogID is that of the stream.
	LogID string

	// Stop gives up the source, if it has not ended. It must not block.
	Stop func()

	// Cancel has the upstream stop the answer, and ends the stream in order.
	Cancel func(context.Context)

	// Failure says in a word how the source failed, or nothing, and what the cause was,
	// if one is known. It is asked when the log has ended.
	Failure func() (reason string, cause error)
}

// streamBytes is what a stream takes in memory besides the events in its log, about.
const streamBytes = 2 << 10

// NewID returns 128 random bits as text: an id for [Registry.Open], or for anything else.
func NewID() string { return strings.ToLower(rand.Text()) }

// Open starts a stream that belongs to an owner, a credential, and has its opener for
// a first viewer. If it is kept, viewers can come back to it, at all replicas; else it
// ends with its viewer, and until then can be found here.
func (r *Registry) Open(id, owner string, kept bool, source Source) *Stream {
	s := &Stream{
		ID:       id,
		Log:      typewriter.NewLog(typewriter.LogOptions{Budget: r.budget, Overhead: streamBytes}),
		LogID:    source.LogID,
		registry: r,
		kept:     kept,
		source:   source,
		viewers:  1,
	}
	s.owner = seal(s.ID, owner)
	r.share(s)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streams[s.ID] = s
	return s
}

// seal returns a credential as it is kept: not to be read back, and different for
// each stream.
func seal(id, owner string) []byte {
	mac := hmac.New(sha256.New, []byte(id))
	mac.Write([]byte(owner))
	return mac.Sum(nil)
}

// Attach adds a viewer to a stream. One that is not kept can be skipped and cancelled,
// but is not to be read, which its one viewer does. Another's stream is not told from
// one that is not there, nor does it take another time.
func (r *Registry) Attach(id, owner string) (*Stream, bool) {
	sealed := seal(id, owner)
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.streams[id]
	if !ok {
		s = &Stream{owner: make([]byte, len(sealed))}
	}
	if subtle.ConstantTimeCompare(s.owner, sealed) != 1 {
		return nil, false
	}
	s.viewers++
	s.settle()
	return s, true
}

// Detach takes a viewer away.
func (s *Stream) Detach() {
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	s.viewers--
	s.settle()
}

// Ended says that the stream's log has ended.
func (s *Stream) Ended() {
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	s.settle()
}

// Record reads the stream's events from its source into its log, never waiting for a
// viewer, and ends the log. It returns [typewriter.ErrFull] when not all of them were
// taken, and another error when the source has panicked.
func (s *Stream) Record(events iter.Seq[typewriter.Event]) (err error) {
	var failed failure
	defer func() {
		if cause := recover(); cause != nil {
			s.registry.options.Logger.Error("panic", "stream", s.ID, "cause", cause, "stack", string(debug.Stack()))
			s.Log.End(s.registry.options.Broken)
			failed, err = failure{"internal", errPanic}, errPanic
		}
		s.release(failed)
		s.Ended()
	}()
	return typewriter.Record(events, s.Log, s.registry.options.Full)
}

var errPanic = errors.New("the stream's source has panicked")

// Failure says in a word how the stream's source failed, or nothing, and what the cause
// was, if one is known. It is asked when the log has ended.
func (s *Stream) Failure() (reason string, cause error) {
	s.registry.mu.Lock()
	failure, failed := s.source.Failure, s.failed
	s.registry.mu.Unlock()
	if failure != nil {
		return failure()
	}
	return failed.reason, failed.cause
}

// failure is how a source failed.
type failure struct {
	reason string
	cause  error
}

// release lets go of the source, which has ended: the stream may be kept for long. How
// it failed may be known already.
func (s *Stream) release(failed failure) {
	if failed.reason == "" {
		failed.reason, failed.cause = s.Failure()
	}
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	s.source, s.taken, s.failed = Source{}, Source{}, failed
}

// stop gives up the source; with the lock held.
func (s *Stream) stop() {
	if s.source.Stop != nil {
		s.source.Stop()
	}
}

// Kept reports whether a viewer can come back.
func (s *Stream) Kept() bool { return s.kept }

// settle decides what becomes of a stream after a change; with the lock held.
func (s *Stream) settle() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if s.evicting != nil {
		s.registry.finished.Remove(s.evicting)
		s.evicting = nil
	}
	if s.viewers > 0 {
		return
	}
	_, ended := s.Log.Len()
	switch {
	case ended && !s.kept:
		delete(s.registry.streams, s.ID)
		s.Log.Free()
	case ended && s.forgotten:
		s.Log.Free()
	case ended && s.remote: // the store has it
		s.evicting = s.registry.finished.PushBack(s)
		s.expireAfter(min(s.registry.options.Grace, s.registry.options.Retention))
	case ended:
		s.evicting = s.registry.finished.PushBack(s)
		s.expireAfter(s.registry.options.Retention)
	case !s.kept:
		s.stop()
	default:
		s.expireAfter(s.registry.options.Grace)
	}
}

func (s *Stream) expireAfter(d time.Duration) {
	s.until = time.Now().Add(d)
	s.timer = time.AfterFunc(d, s.expire)
}

// expire is called when a stream's time is over.
func (s *Stream) expire() {
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	if s.viewers > 0 || time.Now().Before(s.until) {
		return // something has happened at the last moment
	}
	switch {
	case s.evicting != nil:
		s.remove()
	case s.remote:
		delete(s.registry.streams, s.ID) // whoever comes now reads it anew
		s.forgotten = true
		s.stop()
	default:
		s.stop()
	}
}

// remove forgets a stream that has ended and has no viewer; with the lock held.
func (s *Stream) remove() {
	s.timer.Stop()
	s.registry.finished.Remove(s.evicting)
	s.evicting = nil
	delete(s.registry.streams, s.ID)
	s.forgotten = true
	s.Log.Free()
}

// evict removes the stream that ended first, and reports whether there was one.
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
