package mock

import (
	"context"
	"time"
)

// waitUntil waits until due, until ctx is done or until gone, which may be nil, is closed.
// Only ctx causes an error.
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

// waitDisconnect waits until ctx is done or gone, which may be nil, is closed.
func waitDisconnect(ctx context.Context, gone <-chan struct{}) error {
	select {
	case <-gone:
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}
