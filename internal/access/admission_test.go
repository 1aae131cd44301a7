package access

import (
	"context"
	"testing"
	"time"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/limits"
)

// Each limit rejects with its own error, and a released stream makes room for the next.
func TestAdmission(t *testing.T) {
	bounds := limits.Bounds{Rate: limits.Rate{Requests: 1, Per: time.Hour}, Streams: 1}
	a := NewAdmission(limits.NewLocal(bounds), 2)
	ctx := t.Context()
	if rejected := a.Allow(ctx, "one"); rejected != nil {
		t.Errorf("got %v", rejected)
	}
	if rejected := a.Allow(ctx, "one"); rejected == nil || rejected.Code != apierror.RateLimited.Code || rejected.RetryAfter <= 59*time.Minute {
		t.Errorf("got %v", rejected)
	}
	if rejected := a.Allow(ctx, "other"); rejected != nil {
		t.Errorf("another client: got %v", rejected)
	}

	type acquire func(ctx context.Context, client, stream string) (func(), *apierror.Error)
	for name, acquire := range map[string]acquire{"record": a.Record, "view": a.View} {
		t.Run(name, func(t *testing.T) {
			check := func(client, stream string, want *apierror.Error) (release func()) {
				t.Helper()
				release, rejected := acquire(ctx, client, stream)
				if rejected != want || (release == nil) != (want != nil) {
					t.Errorf("%s of %s: got %v, want %v", stream, client, rejected, want)
				}
				return release
			}
			one := check("one", "a", nil)
			check("one", "b", apierror.TooManyStreams)
			other := check("other", "c", nil) // the rejected stream is not counted
			check("third", "d", apierror.Full)
			one()
			check("one", "b", nil)()
			other()
		})
	}
}

// A new bound applies at once. Running streams beyond it go on.
func TestSetMaxStreams(t *testing.T) {
	a := NewAdmission(limits.NewLocal(limits.Bounds{}), 1)
	record := func() (release func(), isFull bool) {
		release, rejected := a.Record(t.Context(), "c", "s")
		return release, rejected == apierror.Full
	}
	first, _ := record()
	a.SetMaxStreams(2)
	second, isFull := record()
	if isFull || a.Recordings() != 2 {
		t.Fatalf("the second stream is rejected: %t, with %d running", isFull, a.Recordings())
	}
	a.SetMaxStreams(1)
	second()
	if _, isFull := record(); !isFull {
		t.Error("a stream beyond the new bound is admitted")
	}
	first()
	if third, isFull := record(); isFull {
		t.Error("no stream is admitted after the end of the others")
	} else {
		third()
	}
	if n := a.Recordings(); n != 0 {
		t.Errorf("%d streams are running", n)
	}
}
