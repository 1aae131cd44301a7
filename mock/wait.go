package mock

import (
	"context"
	"time"
)

// waitUntil waits for a time, and less when ctx ends or gone is closed; only ctx
// makes it an error. A nil gone is never closed.
func waitUntil(ctx context.Context, gone <-chan struct{}, due time.Time) error {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-gone:
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}

// waitDisconnect waits until ctx ends or gone is closed.
func waitDisconnect(ctx context.Context, gone <-chan struct{}) error {
	select {
	case <-gone:
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}
