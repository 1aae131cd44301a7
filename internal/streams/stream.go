package streams

import (
	"container/list"
	"context"
	"errors"
	"iter"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"sse-typewriter/typewriter"
)

// Stream is an answer whose log is growing or has ended.
type Stream struct {
	// ID identifies the stream at all replicas.
	ID string

	// Log holds the stream's events, and Epochs the takeovers between them.
	Log    *typewriter.Log
	Epochs Epochs

	// Skipping ends the pacing of the stream's local players.
	Skipping typewriter.Skip

	Origin

	// LogID is the upstream's request id, for its support, or empty.
	LogID string

	// LocalOnly reports whether the store was unavailable when the stream was opened.
	LocalOnly bool

	registry  *Registry
	owner     []byte
	linkKey   []byte
	claim     Claim // without a name: the stream has none
	resumable bool
	stopped   atomic.Pointer[stopPoint] // nil: none
	shared    bool                      // the store holds the stream, or will
	loaded    chan struct{}             // closed when the log holds the stored entries; nil: opened here
	out       Outbound                  // for the writer; set at the start

	// registry.mu guards the fields below.
	source   Source // the zero value after the end
	failed   failure
	remote   bool   // another replica is the writer
	stopping bool   // a stop command was received
	taken    Source // source of a remote stream after the takeover
	views    views

	revoked bool    // links are refused
	heir    *Lookup // of the client for whom this replica may continue a remote stream; nil: none

	conversations []string // names, in no slice that changes

	stored   bool // the store has held the whole log
	unlisted bool // the registry does not find the stream any more
	viewers  int
	timer    *time.Timer   // of the grace or the retention
	expires  time.Time     // when the timer fires
	evicting *list.Element // the position in registry.finished
}

// Origin identifies the upstream of a stream's events, for the replica that continues the
// stream.
type Origin struct {
	// Upstream is the name of the upstream, possibly empty.
	Upstream string

	// Format is the name of the wire format of the events.
	Format string

	// Note is the format's note about the request that opened the stream.
	Note string
}

// Source is the source of a stream's events. The functions are safe for concurrent use; nil
// functions are not called.
type Source struct {
	Origin

	// LogID is [Stream.LogID].
	LogID string

	// Conversation is the service's id of the conversation after a takeover, or empty.
	Conversation string

	// Stop abandons a running source without blocking.
	Stop func()

	// Cancel asks the upstream to stop the answer. The stream then ends in order.
	Cancel func(context.Context)

	// Failure returns the reason and the cause of a failure after the end of the log. The
	// reason is empty if the source did not fail.
	Failure func() (reason string, cause error)

	// View begins a view at this replica. The result ends the view, and returns attributes
	// of the answer for the log line of the view.
	View func() (end func() []slog.Attr)
}

// streamOverhead is the approximate memory of a stream besides the logged events.
const streamOverhead = 2 << 10

// addViewer adds the viewer of a lookup; with the lock held.
func (s *Stream) addViewer(l Lookup) {
	s.viewers++
	if s.heir == nil && l.Continue != nil {
		s.heir = &l
	}
	s.updateLifecycle()
}

// Detach removes a viewer.
func (s *Stream) Detach() {
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	s.viewers--
	s.updateLifecycle()
}

// Ended must be called after the end of the log.
func (s *Stream) Ended() {
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	s.updateLifecycle()
}

// Record copies the events of the source to the log without waiting for viewers, and ends
// the log. The error is [typewriter.ErrFull] if the log is full, and another error if the
// source panicked.
func (s *Stream) Record(events iter.Seq[typewriter.Event]) (err error) {
	var failed failure
	defer func() {
		if cause := recover(); cause != nil {
			s.registry.options.Logger.Error("panic", "stream", s.ID, "cause", cause, "stack", string(debug.Stack()))
			s.Log.End(s.registry.options.Broken(s.Origin, s.Log)...)
			failed, err = failure{"internal", errPanic}, errPanic
		}
		s.release(failed)
		s.Ended()
	}()
	return typewriter.Record(events, s.Log, func() []typewriter.Event { return s.registry.options.Full(s.Origin, s.Log) })
}

var errPanic = errors.New("the source of the stream panicked")

// Failure returns [Source.Failure] of the stream's source, after the end of the log.
func (s *Stream) Failure() (reason string, cause error) {
	s.registry.mu.Lock()
	failure, failed := s.source.Failure, s.failed
	s.registry.mu.Unlock()
	if failure != nil {
		return failure()
	}
	return failed.reason, failed.cause
}

// failure is a result of [Source.Failure].
type failure struct {
	reason string
	cause  error
}

// release drops the ended source, because the stream may be kept for long. Without a
// reason in failed, the source itself is asked.
func (s *Stream) release(failed failure) {
	if failed.reason == "" {
		failed.reason, failed.cause = s.Failure()
	}
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	s.source, s.taken, s.failed = Source{}, Source{}, failed
}

// stop abandons the source; with the lock held.
func (s *Stream) stop() {
	if s.source.Stop != nil {
		s.source.Stop()
	}
}

// Resumable reports whether clients can read the stream again.
func (s *Stream) Resumable() bool { return s.resumable }

// updateLifecycle decides after each change whether the stream is stopped, kept for a
// time or freed; with the lock held.
func (s *Stream) updateLifecycle() {
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
	case ended && !s.resumable:
		s.delete()
		s.free()
	case ended && s.unlisted:
		s.free()
	case ended && s.remote: // the store keeps the stream for the whole retention
		s.evicting = s.registry.finished.PushBack(s)
		s.expireAfter(min(s.registry.options.Grace, s.registry.options.Retention))
	case ended:
		s.evicting = s.registry.finished.PushBack(s)
		s.expireAfter(s.registry.options.Retention)
	case !s.resumable:
		s.stop()
	default:
		s.expireAfter(s.registry.options.Grace)
	}
}

func (s *Stream) expireAfter(d time.Duration) {
	s.expires = time.Now().Add(d)
	s.timer = time.AfterFunc(d, s.expire)
}

// expire ends the grace or the retention.
func (s *Stream) expire() {
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	if s.viewers > 0 || time.Now().Before(s.expires) {
		return // the timer was replaced while it fired
	}
	switch {
	case s.evicting != nil:
		s.remove()
	case s.remote:
		s.delete() // the next viewer loads the stream again
		s.stop()
	default:
		s.stop()
	}
}

// remove frees a finished stream without viewers; with the lock held.
func (s *Stream) remove() {
	s.timer.Stop()
	s.registry.finished.Remove(s.evicting)
	s.evicting = nil
	s.delete()
	s.free()
}

// delete removes the stream from the registry. Current viewers keep the stream. The lock
// must be held.
func (s *Stream) delete() {
	for _, streams := range []map[string]*Stream{s.registry.streams, s.registry.forks} {
		if streams[s.ID] == s {
			delete(streams, s.ID)
		}
	}
	if s.registry.claims[s.claim.Name] == s {
		delete(s.registry.claims, s.claim.Name)
	}
	s.leaveConversations()
	s.unlisted = true
}
