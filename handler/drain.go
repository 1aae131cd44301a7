package handler

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/streams"
)

// lastWords is how long clients may take to read the end of streams that have had to
// end.
const lastWords = 5 * time.Second

// Drain has the handler open no more streams. Those that run go on, and clients can
// come back to them.
func (h *Handler) Drain() {
	h.drains.Store(true)
	h.Metrics.Drains()
	h.Streams.Drain()
}

// Draining reports whether Drain or Shutdown was called.
func (h *Handler) Draining() bool { return h.drains.Load() }

// Shutdown is Drain, and waits until nothing is left to do. When ctx is done it ends
// the streams: those that other replicas can go on with are left to them, of others
// what has arrived is typed at once, with an error behind it if that is not all. That
// takes a few seconds at most.
func (h *Handler) Shutdown(ctx context.Context) {
	h.Drain()
	defer h.end()
	if h.live.Wait(ctx) == nil {
		return
	}
	h.Streams.Stop() // first, so that other replicas do not take the end for the answer's
	h.end()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	_ = h.live.Wait(ctx) // who has not read by then is cut off
}

// refuseNew answers a request for a new stream while the server drains, and reports
// whether it does.
func (h *Handler) refuseNew(c *app.RequestContext) bool {
	if !h.Draining() {
		return false
	}
	h.reject(c, draining)
	return true
}

// unavailable answers when a stream of another replica cannot be had here, now. Unlike
// 204 it tells nobody to stop: who comes back, and while we drain who comes at all, tries
// again, it may be at another replica.
func (h *Handler) unavailable(c *app.RequestContext) {
	h.Metrics.Rejected(metrics.Unavailable)
	c.Response.Header.Set("Typewriter-Resume", resumeUnavailable)
	if c.IsGet() && h.Draining() || comesBack(c) {
		haveReconnect(c)
		return
	}
	c.Response.Header.Set("Retry-After", "1")
	fail(c, http.StatusServiceUnavailable, codeUnavailable, streams.ErrUnavailable.Error())
}

// haveReconnect has an EventSource come back after a moment: what it gets is a stream
// that ends at once. At any error it would stop for good.
func haveReconnect(c *app.RequestContext) {
	c.Response.Header.Set("Cache-Control", "no-cache, no-store, must-revalidate")
	c.Data(http.StatusOK, "text/event-stream; charset=utf-8", []byte("retry:"+strconv.Itoa(retry)+"\n\n"))
}
