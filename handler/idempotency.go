package handler

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/access"
	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/hertzio"
	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/streams"
	"sse-typewriter/typewriter"
)

// headerIdempotencyKey makes a POST repeatable: the same key, credential, path and body lead
// to the stream that the first request has started
// (draft-ietf-httpapi-idempotency-key-header).
const headerIdempotencyKey = "Idempotency-Key"

// maxIdempotencyKey bounds the length of a key.
const maxIdempotencyKey = 255

// idempotencyKey returns the key of a request, or "" for a request without one. An empty key
// is an error, because the client relies on a key.
func idempotencyKey(c *app.RequestContext) (string, error) {
	values := c.Request.Header.PeekAll(headerIdempotencyKey)
	if len(values) == 0 {
		return "", nil
	}
	key := string(values[0])
	isValid := len(values) == 1 && 0 < len(key) && len(key) <= maxIdempotencyKey
	for i := range len(key) {
		isValid = isValid && ' ' <= key[i] && key[i] <= '~'
	}
	if !isValid {
		return "", fmt.Errorf("%s is invalid: want a single header with 1 to %d printable ASCII characters", headerIdempotencyKey, maxIdempotencyKey)
	}
	return key, nil
}

// claim returns the claim of a POST with an idempotency key for a new stream. Parameters of
// the pace and credentials do not distinguish requests.
func (h *Handler) claim(c *app.RequestContext, p posted) streams.Claim {
	to := targetOf(c)
	without := access.CredentialParameters()
	for _, param := range paceParams {
		without = append(without, param.query)
	}
	query := queryWithout(c, string(c.Request.URI().QueryString()), without)
	return streams.Claim{
		Name:    hashOf(policyOf(c).Owner(c), to.upstream.Prefix, to.path, p.key),
		Request: hashOf(query, string(p.body)),
		Stream:  streams.NewID(),
	}
}

// hashOf returns a hash of a list of texts.
func hashOf(texts ...string) string {
	hash := sha256.New()
	for _, text := range texts {
		hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text))))
		hash.Write([]byte(text))
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// repeatable is a POST with an idempotency key.
type repeatable struct {
	claim   streams.Claim
	withIDs bool
	pace    typewriter.Pace

	// open opens the stream with the permission of a ticket.
	open func(ctx context.Context, cancel context.CancelFunc, t ticket) opened
}

// serveRepeatable plays the stream of a POST with an idempotency key, or answers with the
// URL of the stream. The first request opens the stream.
func (h *Handler) serveRepeatable(ctx context.Context, c *app.RequestContext, r repeatable) {
	if !h.admit.allow(ctx, c) {
		return
	}
	defer hertzio.CancelOnDisconnect(c)()
	client, owner, key := policyOf(c).Client(c), policyOf(c).Owner(c), policyOf(c).KeyName(c)
	conversation := c.Query(conversationParameter)
	open := func(ctx context.Context, cancel context.CancelFunc, claimed *streams.Start) opened {
		t, rejected := h.admit.record(ctx, client, ticket{
			id: r.claim.Stream, owner: owner, key: key, resumable: true, conversation: conversation, start: claimed,
		})
		if rejected != nil {
			return opened{rejected: rejected}
		}
		o := r.open(ctx, cancel, t)
		if o.stream == nil {
			o.release = t.release
		}
		return o
	}
	for {
		start, err := h.starts.join(r.claim, open) //nolint:contextcheck // the start outlives the request
		if err != nil {
			h.errors.failStart(c, err)
			return
		}
		if !h.serveStart(ctx, c, start, r) {
			return
		}
		r.claim.Stream = streams.NewID() // the other request may have failed
	}
}

// serveStart waits for a start and serves the result. It reports whether the client needs
// another start.
func (h *Handler) serveStart(ctx context.Context, c *app.RequestContext, start *start, r repeatable) (again bool) {
	s, ok := h.awaitStart(ctx, c, start)
	if s == nil {
		return ok
	}
	if prefersAsync(c) {
		sendStreamURL(c, s)
		return false
	}
	release, ok := h.admit.view(ctx, c, streams.BaseID(s.ID))
	if !ok {
		s.Detach()
		return false
	}
	defer release()
	n, _ := s.View().Len()
	h.play(ctx, c, s, view{pace: r.pace, withIDs: r.withIDs, known: n})
	return false
}

// awaitStart attaches the client to the stream of a start. Without a stream, awaitStart
// answers the client, or reports again: the only reply was for another request.
func (h *Handler) awaitStart(ctx context.Context, c *app.RequestContext, start *start) (s *streams.Stream, again bool) {
	defer start.leave()
	select {
	case <-start.done:
	case <-ctx.Done():
		return nil, false
	}
	result := start.result
	switch {
	case result.rejected != nil:
		h.admit.rejectStream(c, result.rejected)
	case result.reply != nil:
		if !start.first() {
			return nil, true
		}
		defer context.AfterFunc(ctx, start.cancel)()
		result.describe(c)
		h.passOrTranslate(c, result.reply)
	case result.err != nil && start.first():
		h.errors.failStart(c, result.err)
	case result.err != nil:
		fail(c, startError(result.err))
	default:
		return h.findStarted(ctx, c, result), false
	}
	return nil, false
}

// findStarted attaches the client to the stream of a result, or answers the client.
func (h *Handler) findStarted(ctx context.Context, c *app.RequestContext, r result) *streams.Stream {
	s, err := h.find(ctx, c, r.id, streams.Cursor{})
	if err != nil {
		h.options.Metrics.Resumed(metrics.ResumeUnavailable)
		h.failUnavailable(c, streams.ErrUnavailable)
		return nil
	}
	if r.stream == nil {
		h.options.Metrics.Resumed(metrics.ResumeOK)
	}
	r.describe(c)
	return s
}

// startError returns the error for clients.
func startError(err error) *apierror.Error {
	var failed *apierror.Error
	switch {
	case errors.As(err, &failed):
		return failed
	case errors.Is(err, streams.ErrClaimed):
		return apierror.KeyReused
	case errors.Is(err, streams.ErrUnavailable):
		return apierror.Unavailable.WithMsg(err.Error())
	case errors.Is(err, context.Canceled):
		return apierror.Canceled
	default:
		return apierror.Internal.WithCause(err)
	}
}

// failStart answers a request without a stream. Failures of the upstream are counted and
// logged, as are rejections.
func (w errorWriter) failStart(c *app.RequestContext, err error) {
	switch failed := startError(err); failed.Reason {
	case apierror.KeyReused.Reason, apierror.BadRequest.Reason:
		fail(c, failed)
	case apierror.Unavailable.Reason:
		w.reject(c, failed)
	default:
		w.failUpstream(c, failed)
	}
}
