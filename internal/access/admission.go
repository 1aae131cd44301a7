package access

import (
	"context"
	"sync/atomic"
	"time"

	"sse-typewriter/internal/apierror"
)

// Limiter limits each client. A Limiter is safe for concurrent use.
type Limiter interface {
	// Allow counts a request against the client's rate, and returns 0. If the client
	// exceeds its rate, Allow counts nothing and returns how long the client must wait.
	Allow(ctx context.Context, client string) (wait time.Duration)

	// Open counts a stream against the client's streams until the only call of leave.
	// Several openings of a stream count once. Open reports false for a client with too
	// many streams.
	Open(ctx context.Context, client, stream string) (leave func(), ok bool)
}

// Admission bounds the work of the server: the request rate and the streams of each
// client, and the streams in all. Admission is safe for concurrent use.
type Admission struct {
	limiter           Limiter
	recordings, views semaphore
}

// NewAdmission returns an Admission for maxStreams recordings, and as many views, at a
// time.
func NewAdmission(limiter Limiter, maxStreams int) *Admission {
	a := &Admission{limiter: limiter}
	a.SetMaxStreams(maxStreams)
	return a
}

// SetMaxStreams changes the bound. Running streams beyond the bound go on.
func (a *Admission) SetMaxStreams(n int) {
	a.recordings.max.Store(int64(n))
	a.views.max.Store(int64(n))
}

// Allow counts a request against the rate of the client. The result is nil, or the error
// for a rejected request.
func (a *Admission) Allow(ctx context.Context, client string) *apierror.Error {
	if wait := a.limiter.Allow(ctx, client); wait > 0 {
		return apierror.RateLimited.WithRetryAfter(wait)
	}
	return nil
}

// Record admits the recording of a stream, until the only call of release. With too many
// streams of the server or the client, Record returns the error for a rejected request.
func (a *Admission) Record(ctx context.Context, client, stream string) (release func(), rejected *apierror.Error) {
	return a.acquire(ctx, &a.recordings, client, stream)
}

// View admits a viewer of a stream, as Record admits the recording.
func (a *Admission) View(ctx context.Context, client, stream string) (release func(), rejected *apierror.Error) {
	return a.acquire(ctx, &a.views, client, stream)
}

// Recordings returns the number of streams being recorded.
func (a *Admission) Recordings() int { return int(a.recordings.used.Load()) }

func (a *Admission) acquire(ctx context.Context, s *semaphore, client, stream string) (release func(), rejected *apierror.Error) {
	if !s.tryAcquire() {
		return nil, apierror.Full
	}
	leave, ok := a.limiter.Open(ctx, client, stream)
	if !ok {
		s.release()
		return nil, apierror.TooManyStreams
	}
	return func() {
		leave()
		s.release()
	}, nil
}

// semaphore bounds concurrent work. The bound may change at any time.
type semaphore struct{ used, max atomic.Int64 }

func (s *semaphore) tryAcquire() bool {
	for {
		used := s.used.Load()
		if used >= s.max.Load() {
			return false
		}
		if s.used.CompareAndSwap(used, used+1) {
			return true
		}
	}
}

func (s *semaphore) release() { s.used.Add(-1) }
