package handler

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/streams"
)

// Limiter says how much each client may have. It is safe for concurrent use.
type Limiter interface {
	// Allow takes a request from what a client may ask. If it may not ask now it returns
	// how long until it may.
	Allow(ctx context.Context, client string) (wait time.Duration)

	// Open counts a stream as one that a client has, until leave is called, once. A
	// stream that it has already counts once. It reports false if the client may not.
	Open(ctx context.Context, client, stream string) (leave func(), ok bool)
}

// rejection is why a request is not served that could be at another time, or for another.
type rejection struct {
	reason       string // one of those that metrics know
	status, code int
	msg          string
	wait         time.Duration // for Retry-After; 0: without
}

var (
	unauthorized = rejection{metrics.Unauthorized, http.StatusUnauthorized, codeUnauthorized, "a valid key is needed: Authorization: Bearer KEY", 0}
	tooFast      = rejection{metrics.RateLimit, http.StatusTooManyRequests, codeTooMany, "too many requests", 0}
	tooMany      = rejection{metrics.MaxStreamsPerClient, http.StatusTooManyRequests, codeTooMany, "too many streams at a time", time.Second}
	full         = rejection{metrics.MaxStreams, http.StatusServiceUnavailable, codeFull, "the server has as many streams as it may", time.Second}
	draining     = rejection{metrics.Draining, http.StatusServiceUnavailable, codeDraining, "the server is about to end: ask again, for another one", time.Second}
)

// reject answers a request that is not served.
func (h *Handler) reject(c *app.RequestContext, why rejection) {
	h.Metrics.Rejected(why.reason)
	if why.wait > 0 {
		c.Response.Header.Set("Retry-After", strconv.Itoa(int(math.Ceil(why.wait.Seconds()))))
	}
	h.refuse(c, why.status, why.code, why.msg)
}

// client is whom limits count for: a key, or else an address.
func (h *Handler) client(c *app.RequestContext) string {
	if len(h.Keys) > 0 {
		return keyID(c)
	}
	return subnet(h.address(c))
}

// mayAsk takes a request from what its client may ask. If it may not, it answers it.
func (h *Handler) mayAsk(ctx context.Context, c *app.RequestContext) bool {
	wait := h.Limits.Allow(ctx, h.client(c))
	if wait <= 0 {
		return true
	}
	why := tooFast
	why.wait = wait
	h.reject(c, why)
	return false
}

// places are what streams take, and others; there are so many as it has capacity.
type places chan struct{}

func (h *Handler) setPlaces() {
	h.recordings, h.views = make(places, h.MaxStreams), make(places, h.MaxStreams)
}

// takePlace has a stream take a place, and one of its client's streams, until leave is
// called. If there is none, it answers the client.
func (h *Handler) takePlace(ctx context.Context, c *app.RequestContext, p places, stream string) (leave func(), ok bool) {
	select {
	case p <- struct{}{}:
	default:
		h.refusePlace(c, full)
		return nil, false
	}
	leaveClient, ok := h.Limits.Open(ctx, h.client(c), stream)
	if !ok {
		<-p
		h.refusePlace(c, tooMany)
		return nil, false
	}
	return func() {
		leaveClient()
		<-p
	}, true
}

// refusePlace answers a client for whose stream there is no place. One that comes back
// waits for it: others may have taken its place while it was away.
func (h *Handler) refusePlace(c *app.RequestContext, why rejection) {
	if comesBack(c) {
		h.Metrics.Rejected(why.reason)
		haveReconnect(c)
		return
	}
	h.reject(c, why)
}

// opening is a stream that is about to be opened.
type opening struct {
	id    string
	owner string // whom it belongs to
	kept  bool   // whether a viewer can come back
	leave func() // its place among those that are recorded; to be called once
}

// admit lets a client open a stream, or answers it.
func (h *Handler) admit(ctx context.Context, c *app.RequestContext, kept bool) (o opening, ok bool) {
	if h.refuseNew(c) || !h.mayAsk(ctx, c) {
		return o, false
	}
	o = opening{id: streams.NewID(), owner: h.owner(c), kept: kept}
	o.leave, ok = h.takePlace(ctx, c, h.recordings, o.id)
	return o, ok
}

// admitReader lets the client that opens a stream read it, too, until leave is called. If
// it may not, it is answered, and the stream is not to be opened.
func (h *Handler) admitReader(ctx context.Context, c *app.RequestContext, o opening) (leave func(), ok bool) {
	if leave, ok = h.takePlace(ctx, c, h.views, o.id); !ok {
		o.leave()
	}
	return leave, ok
}
