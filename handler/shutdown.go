package handler

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/inflight"
	"sse-typewriter/internal/metrics"
)

// flushTimeout bounds the time for clients to read the rest of streams after a forced
// end.
const flushTimeout = 5 * time.Second

// lifecycle counts, and finally ends, the work of a handler.
type lifecycle struct {
	inflight inflight.Group // requests and recordings
	draining atomic.Bool    // no stream is opened any more

	// shutdownCtx is done when all streams must end.
	shutdownCtx context.Context
	endStreams  context.CancelFunc
}

func newLifecycle() *lifecycle {
	ctx, cancel := context.WithCancel(context.Background())
	return &lifecycle{shutdownCtx: ctx, endStreams: cancel}
}

// track is the middleware for [Handler.Shutdown] to wait for requests. While the server
// drains, connections are closed after the response.
func (l *lifecycle) track(ctx context.Context, c *app.RequestContext) {
	l.inflight.Add()
	defer l.inflight.Done()
	if l.draining.Load() {
		c.SetConnectionClose()
	}
	c.Next(ctx)
}

// Drain makes the handler reject new streams. Running streams go on and can be resumed.
func (h *Handler) Drain() {
	h.lifecycle.draining.Store(true)
	h.options.Metrics.SetDraining()
	h.options.Streams.Drain()
}

// Draining reports whether Drain or Shutdown was called.
func (h *Handler) Draining() bool { return h.lifecycle.draining.Load() }

// Running returns the numbers of answers being recorded, and of other requests.
func (h *Handler) Running() (answers, requests int) {
	answers = h.admit.admission.Recordings()
	return answers, max(0, h.lifecycle.inflight.Len()-answers)
}

// Shutdown drains the handler and waits for all requests and streams. When ctx is done
// the remaining streams end within a few seconds: other replicas continue shared streams;
// the rest send their backlog at once, followed by an error if the answer is incomplete.
func (h *Handler) Shutdown(ctx context.Context) {
	h.Drain()
	l := h.lifecycle
	defer l.endStreams()
	if l.inflight.Wait(ctx) == nil {
		return
	}
	h.options.Streams.Stop() // first, or other replicas would take the end for that of the answer
	l.endStreams()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	_ = l.inflight.Wait(ctx) // slower clients are cut off
}

// failUnavailable answers a request for a stream that cannot be reached now, for the
// reason in err. An EventSource gets an empty stream, and so does any GET during shutdown: a retry may
// reach another replica, while 204 or 503 would end the retries.
func (h *Handler) failUnavailable(c *app.RequestContext, err error) {
	c.Response.Header.Set(headerResume, metrics.ResumeUnavailable)
	h.options.Metrics.Rejected(apierror.Unavailable.Reason)
	if c.IsGet() && h.Draining() || isReconnect(c) || acceptsEvents(c) {
		sendReconnect(c)
		return
	}
	fail(c, apierror.Unavailable.WithMsg(err.Error()))
}

// acceptsEvents reports whether a client asks for an event stream, as an EventSource and
// fetch-event-source do (HTML, section 9.2.2).
func acceptsEvents(c *app.RequestContext) bool {
	return strings.Contains(c.Request.Header.Get("Accept"), "text/event-stream")
}

// sendReconnect makes an EventSource retry: the response is an empty stream with a retry
// delay. Any error status would make the browser give up.
func sendReconnect(c *app.RequestContext) {
	c.Response.Header.Set("Cache-Control", "no-cache, no-store, must-revalidate")
	c.Data(http.StatusOK, "text/event-stream; charset=utf-8", []byte("retry:"+strconv.Itoa(retryMillis)+"\n\n"))
}
