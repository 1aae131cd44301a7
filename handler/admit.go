package handler

import (
	"context"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/access"
	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/streams"
)

// ticket is the permission to open a stream.
type ticket struct {
	id        string
	owner     string // the credential to which the stream belongs
	key       string // the name of the API key, possibly empty
	resumable bool

	conversation string // named by the client, or empty

	start   *streams.Start // the claim of an idempotency key, or nil
	release func()         // frees the stream's share of the limits; to be called once
}

// admitter admits requests, or rejects them.
type admitter struct {
	admission *access.Admission
	lifecycle *lifecycle
	errors    errorWriter
}

// allow counts a request against the rate of the client, and reports false for a rejected
// request.
func (a admitter) allow(ctx context.Context, c *app.RequestContext) bool {
	rejected := a.admission.Allow(ctx, policyOf(c).Client(c))
	if rejected != nil {
		a.errors.reject(c, rejected)
	}
	return rejected == nil
}

// stream issues the ticket of a new stream, or rejects the request.
func (a admitter) stream(ctx context.Context, c *app.RequestContext, resumable bool) (t ticket, ok bool) {
	if a.rejectDraining(c) || !a.allow(ctx, c) {
		return t, false
	}
	return a.recording(ctx, c, resumable)
}

// recording is stream for a request that has been counted already.
func (a admitter) recording(ctx context.Context, c *app.RequestContext, resumable bool) (t ticket, ok bool) {
	t = ticket{id: streams.NewID(), owner: policyOf(c).Owner(c), key: policyOf(c).KeyName(c), resumable: resumable, conversation: c.Query(conversationParameter)}
	release, rejected := a.admission.Record(ctx, policyOf(c).Client(c), t.id)
	if rejected != nil {
		a.rejectStream(c, rejected)
		return t, false
	}
	t.release = release
	return t, true
}

// record completes the ticket of a new stream for a client, or returns the error for a
// rejected request.
func (a admitter) record(ctx context.Context, client string, t ticket) (ticket, *apierror.Error) {
	if a.lifecycle.draining.Load() {
		return t, apierror.Draining
	}
	release, rejected := a.admission.Record(ctx, client, t.id)
	t.release = release
	return t, rejected
}

// view admits the client as a viewer of a stream until release is called, or rejects
// the request.
func (a admitter) view(ctx context.Context, c *app.RequestContext, stream string) (release func(), ok bool) {
	release, rejected := a.admission.View(ctx, policyOf(c).Client(c), stream)
	if rejected != nil {
		a.rejectStream(c, rejected)
	}
	return release, rejected == nil
}

// firstView is view for the client with the ticket. A rejection releases the ticket.
func (a admitter) firstView(ctx context.Context, c *app.RequestContext, t ticket) (release func(), ok bool) {
	release, ok = a.view(ctx, c, t.id)
	if !ok {
		t.release()
	}
	return release, ok
}

// rejectStream rejects a request at a limit of streams. A reconnecting EventSource is made
// to retry: other streams may have used up the limit meanwhile.
func (a admitter) rejectStream(c *app.RequestContext, e *apierror.Error) {
	if isReconnect(c) {
		a.errors.metrics.Rejected(e.Reason)
		sendReconnect(c)
		return
	}
	a.errors.reject(c, e)
}

// rejectDraining reports whether the server drains, and then rejects a request for a new
// stream.
func (a admitter) rejectDraining(c *app.RequestContext) bool {
	if !a.lifecycle.draining.Load() {
		return false
	}
	a.errors.reject(c, apierror.Draining)
	return true
}
