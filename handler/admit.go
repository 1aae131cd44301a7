package handler

import (
	"context"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/streams"
)

// ticket admits one stream to be opened.
type ticket struct {
	id        string
	owner     string // the credential to which the stream belongs
	resumable bool
	release   func() // frees the stream's share of the limits; to be called once
}

// allow counts a request against the rate of its client, or rejects it.
func (h *Handler) allow(ctx context.Context, c *app.RequestContext) bool {
	rejected := h.admission.Allow(ctx, h.policy.Client(c))
	if rejected != nil {
		h.errors.reject(c, rejected)
	}
	return rejected == nil
}

// admit issues the ticket of a new stream, or rejects the request.
func (h *Handler) admit(ctx context.Context, c *app.RequestContext, resumable bool) (t ticket, ok bool) {
	if h.rejectDraining(c) || !h.allow(ctx, c) {
		return t, false
	}
	t = ticket{id: streams.NewID(), owner: h.policy.Owner(c), resumable: resumable}
	release, rejected := h.admission.Record(ctx, h.policy.Client(c), t.id)
	if rejected != nil {
		h.rejectStream(c, rejected)
		return t, false
	}
	t.release = release
	return t, true
}

// admitView admits the client as a viewer of a stream until release is called, or rejects
// the request.
func (h *Handler) admitView(ctx context.Context, c *app.RequestContext, stream string) (release func(), ok bool) {
	release, rejected := h.admission.View(ctx, h.policy.Client(c), stream)
	if rejected != nil {
		h.rejectStream(c, rejected)
	}
	return release, rejected == nil
}

// admitFirstView is admitView for the client that opens the stream. It releases the
// ticket when it rejects the request.
func (h *Handler) admitFirstView(ctx context.Context, c *app.RequestContext, t ticket) (release func(), ok bool) {
	release, ok = h.admitView(ctx, c, t.id)
	if !ok {
		t.release()
	}
	return release, ok
}

// rejectStream rejects a request at a limit of streams. A reconnecting EventSource
// retries instead: other streams may have used its share while it was away.
func (h *Handler) rejectStream(c *app.RequestContext, e *apierror.Error) {
	if isReconnect(c) {
		h.options.Metrics.Rejected(e.Reason)
		sendReconnect(c)
		return
	}
	h.errors.reject(c, e)
}
