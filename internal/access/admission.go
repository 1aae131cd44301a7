package access

import (
	"context"
	"time"

	"sse-typewriter/internal/apierror"
)

// Limiter limits each client. It is safe for concurrent use.
type Limiter interface {
	// Allow counts a request against the client's rate, and returns 0. If the client
	// exceeds its rate, Allow counts nothing and returns how long the client must wait.
	Allow(ctx context.Context, client string) (wait time.Duration)

	// Open counts a stream against the client's streams until leave is called, once. A
	// stream that the client already has open counts once. Open reports false if the
	// client has too many.
	Open(ctx context.Context, client, stream string) (leave func(), ok bool)
}

// Admission bounds the work that the server accepts: the request rate and the streams of
// each client, and the streams in all. It is safe for concurrent use.
type Admission struct {
	limiter           Limiter
	recordings, views semaphore
}

// NewAdmission returns an Admission that lets maxStreams streams be recorded, and as many
// be viewed, at a time.
func NewAdmission(limiter Limiter, maxStreams int) *Admission {
	return &Admission{
		limiter:    limiter,
		recordings: make(semaphore, maxStreams),
		views:      make(semaphore, maxStreams),
	}
}

// Allow counts a request against the rate of its client. It returns nil, or the error of
// a rejected request.
func (a *Admission) Allow(ctx context.Context, client string) *apierror.Error {
	if wait := a.limiter.Allow(ctx, client); wait > 0 {
		return apierror.RateLimited.WithRetryAfter(wait)
	}
	return nil
}

// Record admits a stream to be recorded, until release is called, once. It returns the
// error of a rejected request if the server or the client has too many streams.
func (a *Admission) Record(ctx context.Context, client, stream string) (release func(), rejected *apierror.Error) {
	return a.acquire(ctx, a.recordings, client, stream)
}

// View admits a viewer of a stream, as Record admits its recording.
func (a *Admission) View(ctx context.Context, client, stream string) (release func(), rejected *apierror.Error) {
	return a.acquire(ctx, a.views, client, stream)
}

func (a *Admission) acquire(ctx context.Context, s semaphore, client, stream string) (release func(), rejected *apierror.Error) {
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

// semaphore bounds concurrent work by its channel capacity.
type semaphore chan struct{}

func (s semaphore) tryAcquire() bool {
	select {
	case s <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s semaphore) release() { <-s }
