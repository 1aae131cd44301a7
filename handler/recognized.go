package handler

import (
	"bytes"
	"context"
	"mime"
	"net/http"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/hertz-contrib/sse"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/upstream"
)

// isForwarded reports whether a request is for the AI service and at a path of no format.
func isForwarded(c *app.RequestContext) bool {
	to := targetOf(c)
	return c.FullPath() == "" && !to.own && to.pattern == ""
}

// mayBecomeView returns the view of a forwarded POST, in case the reply is recognized as a
// stream. If ok is false, the request has been answered: with an error, or as the resumption
// of a stream.
func (f forwarder) mayBecomeView(ctx context.Context, c *app.RequestContext) (v view, ok bool) {
	if string(c.Method()) != http.MethodPost {
		return v, true
	}
	var err error
	if v.withIDs, err = paramEventIDs.parseSwitch(c, false); err == nil {
		v.pace, err = targetOf(c).upstream.pace(c)
	}
	if err != nil {
		failUnread(c, apierror.BadRequest.WithMsg(err.Error()))
		return v, false
	}
	last := sse.GetLastEventID(c)
	if !v.withIDs || last == "" {
		return v, true
	}
	if _, ok := f.readBody(c); ok {
		f.resume(ctx, c, last)
	}
	return v, false
}

// repeatableKey returns the idempotency key of a forwarded POST whose reply may be recognized
// as a stream: a POST of JSON of moderate length. The key of any other request is for the
// AI service, and so is an invalid key.
func (f forwarder) repeatableKey(c *app.RequestContext) string {
	length := c.Request.Header.ContentLength()
	kind, _, err := mime.ParseMediaType(string(c.Request.Header.ContentType()))
	if string(c.Method()) != http.MethodPost || err != nil || kind != "application/json" || length <= 0 || length > f.options.MaxBodyBytes {
		return ""
	}
	key, err := idempotencyKey(c)
	if err != nil {
		return ""
	}
	return key
}

// forwardRepeatable forwards a POST with an idempotency key. v is the view of a reply that
// is recognized as a stream.
func (f forwarder) forwardRepeatable(ctx context.Context, c *app.RequestContext, key string, v view) {
	body, ok := f.readBody(c)
	if !ok {
		return
	}
	if last := sse.GetLastEventID(c); last != "" {
		f.resume(ctx, c, last)
		return
	}
	to := targetOf(c)
	u, req := to.upstream, buildForward(c, to)
	req.Body = bytes.Clone(body) // the request may outlive the client
	f.serveRepeatable(ctx, c, repeatable{
		claim: f.claim(c, posted{body: body, key: key}), withIDs: v.withIDs, pace: v.pace,
		open: func(ctx context.Context, cancel context.CancelFunc, t ticket) opened {
			return f.open(ctx, cancel, chatRequest{t, u, req})
		},
	})
}

// exchange is a forwarded request and its reply.
type exchange struct {
	reply  *upstream.Reply
	header http.Header // of the request
	asked  time.Time   // when the request was sent
	cancel context.CancelFunc
	detach func() bool // keeps the reply when the client leaves
}

// close ends the exchange.
func (e exchange) close() {
	e.reply.Close()
	e.cancel()
}

// playRecognized plays a reply that is a stream of a format, and reports false for any
// other reply. A draining server recognizes none: the service is at work already, so the
// reply passes instead of being refused.
func (f forwarder) playRecognized(ctx context.Context, c *app.RequestContext, e exchange, v view) bool {
	to := targetOf(c)
	if string(c.Method()) != http.MethodPost || f.lifecycle.draining.Load() {
		return false
	}
	format := e.reply.Recognize(to.upstream.Formats)
	if format == nil {
		return false
	}
	to.format = format
	release, t, ok := f.admitRecognized(ctx, c, v)
	if !ok {
		e.close()
		return true
	}
	defer release()
	e.detach()
	opened{header: f.replyHeader(e.reply, format)}.describe(c)
	s := f.recorder.recordChat(openedChat{t, e.reply, origin{upstream: to.upstream, format: format, opening: upstream.Opening{Header: e.header}}, e.asked, e.cancel})
	if prefersAsync(c) {
		sendStreamURL(c, s)
		return true
	}
	f.play(ctx, c, s, v)
	return true
}

// admitRecognized admits a request, which has been counted, as a stream and its first view.
func (f forwarder) admitRecognized(ctx context.Context, c *app.RequestContext, v view) (release func(), t ticket, ok bool) {
	if t, ok = f.admit.recording(ctx, c, v.withIDs || prefersAsync(c)); !ok {
		return nil, t, false
	}
	release, ok = f.admit.firstView(ctx, c, t)
	return release, t, ok
}

// openForwarded sends a forwarded request whose reply may outlive the client. The caller
// must close the exchange unless the reply is recorded.
//
//nolint:contextcheck // a recorded reply outlives the request
func (f forwarder) openForwarded(ctx context.Context, c *app.RequestContext, req upstream.Request) (exchange, error) {
	upCtx, cancel := context.WithCancel(f.lifecycle.shutdownCtx)
	e := exchange{header: req.Header.Clone(), asked: time.Now(), cancel: cancel, detach: context.AfterFunc(ctx, cancel)}
	var err error
	if e.reply, err = targetOf(c).upstream.Client.Do(upCtx, req); err != nil {
		cancel()
	}
	return e, err
}
