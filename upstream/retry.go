package upstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"
)

// firstPause is the first pause of a [Backoff].
const firstPause = 500 * time.Millisecond

// Backoff is the pauses between requests for the rest of a stream. The pauses grow by half, from
// 500 milliseconds to Longest.
type Backoff struct {
	Longest time.Duration

	last time.Duration
}

// Wait waits for the next pause, or returns the cause when ctx is done.
func (b *Backoff) Wait(ctx context.Context) error {
	b.last = min(max(b.last+b.last/2, firstPause), b.Longest)
	timer := time.NewTimer(b.last)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}

// ReplyError is the error of a reply without the requested data.
type ReplyError struct {
	Status int
	Detail string // continues the text of the error
}

// Error returns a text with the status.
func (e *ReplyError) Error() string {
	return fmt.Sprintf("upstream answered with status %d%s", e.Status, e.Detail)
}

// NewReplyError returns the error of a reply in which the service reports a failure.
func NewReplyError(status int, failure *Error) *ReplyError {
	return &ReplyError{status, ": " + failure.Error()}
}

// IsRetryable reports whether a failed request for the rest of a stream may succeed later.
func IsRetryable(err error) bool {
	var failed *ReplyError
	return !errors.As(err, &failed) || failed.Status >= http.StatusInternalServerError || failed.Status == http.StatusTooManyRequests
}

const (
	// LongestPause is the longest pause between two attempts to continue a stream.
	LongestPause = 5 * time.Second

	// maxFailures bounds the consecutive attempts without progress.
	maxFailures = 5
)

// RestInAttempts returns a rest that takes any number of requests. An attempt yields the events
// that the service sends up to the end of the stream, or until yield returns false. After an
// error, another attempt follows; isAhead reports whether the attempt has had new events.
func RestInAttempts(ctx context.Context, attempt func(yield func(Event) bool) (isAhead bool, err error)) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		failures, backoff := 0, Backoff{Longest: LongestPause}
		for {
			isAhead, err := attempt(func(e Event) bool { return yield(e, nil) })
			if err == nil {
				return
			}
			if isAhead {
				failures, backoff = 0, Backoff{Longest: LongestPause}
			}
			if failures++; failures == maxFailures || !IsRetryable(err) {
				yield(Event{}, err)
				return
			}
			if err := backoff.Wait(ctx); err != nil {
				yield(Event{}, err)
				return
			}
		}
	}
}
