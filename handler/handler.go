package handler

import (
	"context"
	"log/slog"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/route"

	"sse-typewriter/internal/access"
	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/hertzio"
	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/streams"
)

// Options configure a [Handler]. All fields are required unless noted otherwise.
type Options struct {
	Settings

	Streams *streams.Registry
	Metrics *metrics.Metrics

	// HideMetrics keeps the metrics from clients: /metrics is not found.
	HideMetrics bool

	// Logger receives a line for each stream, without content or credentials.
	Logger *slog.Logger

	// Heartbeat is the longest silence in a stream before a heartbeat.
	Heartbeat time.Duration

	// Limiter limits each client.
	Limiter access.Limiter

	// MaxBodyBytes bounds the body of a request to the server itself, and MaxUploadBytes
	// the body of a forwarded request.
	MaxBodyBytes   int
	MaxUploadBytes int64

	// SummarizeTimeout bounds the time of a summary, and MaxSummarizeBytes the length of
	// the text.
	SummarizeTimeout  time.Duration
	MaxSummarizeBytes int
}

// Handler serves the routes of the server.
type Handler struct {
	options Options

	live      *liveSettings
	admit     admitter
	recorder  *recorder
	observer  observer
	errors    errorWriter
	starts    *starts
	markdown  markdownConverter
	lifecycle *lifecycle
}

// New returns a handler, to be ended by [Handler.Shutdown].
func New(o Options) *Handler {
	live := &liveSettings{}
	live.Store(newSettings(o.Settings))
	lifecycle := newLifecycle()
	observer := observer{o.Metrics, o.Logger}
	errors := errorWriter{o.Metrics, o.Logger}
	return &Handler{
		options:   o,
		live:      live,
		admit:     admitter{access.NewAdmission(o.Limiter, o.MaxStreams), lifecycle, errors},
		recorder:  &recorder{live, o.Streams, observer, lifecycle, o.SummarizeTimeout},
		observer:  observer,
		errors:    errors,
		starts:    newStarts(o.Streams, lifecycle, o.Logger),
		markdown:  newMarkdownConverter(),
		lifecycle: lifecycle,
	}
}

// chatPath is the path of the server's own chats.
const chatPath = "/v3/chat"

// Register adds the routes to an engine of [hertzio.NewServer].
func (h *Handler) Register(r *route.Engine) {
	r.Use(hertzio.Track, findTarget(h.live), h.lifecycle.track, checkFraming, tagRequest, recoverPanics(h.options.Logger), allowOrigins)
	r.GET("/healthz", healthz)
	r.HEAD("/healthz", healthz)
	r.GET("/readyz", h.readyz)
	r.HEAD("/readyz", h.readyz)
	if !h.options.HideMetrics {
		scrape := h.withKey(serveMetrics(h.options.Metrics))
		r.GET("/metrics", scrape)
		r.HEAD("/metrics", scrape)
	}
	for _, u := range h.options.Upstreams {
		h.registerUpstream(r.Group(u.Prefix), u)
	}
	r.POST("/typewriter/markdown", h.withKey(h.convertMarkdown))
	r.GET(listPath, h.withKey(h.list))
	r.GET(streamsPath+":id", h.withLink(streams.MayRead, h.attach))
	r.DELETE(streamsPath+":id", h.withLink(streams.MayStop, h.cancel))
	r.POST(streamsPath+":id/links", h.withKey(h.createLink))
	r.POST(streamsPath+":id/skip", h.withKey(h.skip))
	f := newForwarder(h, r.Routes)
	r.NoRoute(f.forward)
	r.NoMethod(f.forward)
}

// registerUpstream adds the routes of an upstream below its prefix.
func (h *Handler) registerUpstream(r *route.RouterGroup, u *Upstream) {
	r.POST(chatPath, h.withKey(h.chat))
	r.GET(chatPath, h.withKey(h.chatGet))
	for _, format := range u.Formats {
		for _, path := range format.Paths {
			if path != chatPath {
				r.POST(path, h.withKey(h.chat))
			}
		}
	}
	r.POST(summarizePath, h.withKey(h.summarize))
	r.GET(summarizePath, h.withKey(h.summarizeGet))
}

// withKey serves a route to requests with a valid API key, if keys are configured. Keys
// are checked by route: no spelling of a path evades the check.
func (h *Handler) withKey(serve app.HandlerFunc) app.HandlerFunc {
	return func(ctx context.Context, c *app.RequestContext) {
		if h.authenticate(c) {
			serve(ctx, c)
		}
	}
}

// authenticate reports whether a request has a valid API key or, without keys in force,
// does not come from a page of another site. Any other request is rejected.
func (h *Handler) authenticate(c *app.RequestContext) bool {
	if policyOf(c).Authenticate(c) {
		rejected := policyOf(c).CheckSite(c)
		if rejected != nil {
			h.errors.reject(c, rejected)
		}
		return rejected == nil
	}
	c.Response.Header.Set("WWW-Authenticate", "Bearer")
	h.errors.reject(c, apierror.Unauthorized)
	return false
}
