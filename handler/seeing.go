package handler

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/streams"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// headerRequestID names a request for whoever follows it through several servers.
const headerRequestID = "X-Request-Id"

// maxRequestID is the length of the longest that is taken from a client.
const maxRequestID = 128

// keyArrived is where a request keeps when it came.
const keyArrived = "arrived"

// tagging gives each request an id: the client's own, if it brings a fit one. The
// reply has it, the upstream gets it, and logs tell it.
func (h *Handler) tagging(ctx context.Context, c *app.RequestContext) {
	id := c.Request.Header.Get(headerRequestID)
	if !isRequestID(id) {
		id = streams.NewID()
	}
	c.Request.Header.Set(headerRequestID, id)
	c.Response.Header.Set(headerRequestID, id)
	c.Set(keyArrived, time.Now())
	c.Next(ctx)
}

func isRequestID(id string) bool {
	return 0 < len(id) && len(id) <= maxRequestID && !strings.ContainsFunc(id, func(r rune) bool {
		switch {
		case '0' <= r && r <= '9', 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', r == '.', r == '_', r == '-':
			return false
		default:
			return true
		}
	})
}

// routeOf names what serves a request, in one of a few ways: not by the path that a
// client chose.
func routeOf(c *app.RequestContext) string {
	pattern := c.FullPath()
	for _, prefix := range apiPrefixes {
		if pattern == "" && strings.HasPrefix(string(c.Path()), prefix) {
			pattern = prefix + "*"
		}
	}
	return string(c.Method()) + " " + pattern
}

// sight is what is seen of a stream on its way to one client.
type sight struct {
	metrics  *metrics.View
	logger   *slog.Logger
	attrs    []slog.Attr
	log      *typewriter.Log
	arrived  time.Time // when the request did
	first    time.Time // when the first event was sent; zero: none was
	clusters int       // sent so far

	// known is how many entries were there before the client came: how long they
	// took to leave tells nothing.
	known int

	mu sync.Mutex
	at typewriter.Position
}

// see begins to look at a stream. End must be called.
func (h *Handler) see(c *app.RequestContext, s *streams.Stream, v viewing) *sight {
	g := &sight{
		logger:  h.Logger,
		log:     s.Log,
		arrived: c.GetTime(keyArrived),
		known:   v.known,
		at:      v.from,
		attrs: []slog.Attr{
			slog.String("stream", s.ID),
			slog.String("route", routeOf(c)),
			slog.String("mode", string(v.pace.Mode)),
			slog.String("logid", s.LogID),
			slog.String("request_id", c.Request.Header.Get(headerRequestID)),
		},
	}
	g.metrics = h.Metrics.View(routeOf(c), string(v.pace.Mode), g.waiting)
	return g
}

// sent notes an event that is sent.
func (g *sight) sent(o *typewriter.Output) {
	if g.first.IsZero() {
		g.first = time.Now()
	}
	g.clusters += o.Clusters
	g.metrics.Event(o.Frame.Name, o.Clusters)
	if o.Clusters > 0 && g.at.Entry >= g.known {
		g.metrics.Text(o.Lag, o.Late)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at = o.Next
}

// waiting counts the clusters that wait. It is safe for concurrent use.
func (g *sight) waiting() int {
	g.mu.Lock()
	at := g.at
	g.mu.Unlock()
	return g.log.Backlog(at)
}

// end tells how the stream ended: err is how playing it did.
func (g *sight) end(ctx context.Context, s *streams.Stream, err error) {
	outcome, cause := "done", error(nil)
	if errors.Is(err, errPanic) {
		outcome = upstream.ErrInternal.Reason // what it was is logged already
	} else if err != nil {
		outcome, cause = "left", err
	} else if s.Log.HandedOff() {
		outcome = "handed_over"
	} else if reason, why := s.Failure(); reason != "" {
		outcome, cause = reason, why
	}
	g.metrics.End(outcome)
	if !g.first.IsZero() {
		g.attrs = append(g.attrs, slog.Duration("first_byte", g.first.Sub(g.arrived)))
	}
	g.attrs = append(
		g.attrs,
		slog.Int("graphemes", g.clusters),
		slog.Duration("duration", time.Since(g.arrived)),
		slog.String("outcome", outcome),
	)
	if cause != nil && !errors.Is(cause, context.Canceled) {
		g.attrs = append(g.attrs, slog.Any("error", cause))
	}
	g.logger.LogAttrs(ctx, slog.LevelInfo, "stream ended", g.attrs...)
}

// timed has a source note since when nobody wants it any more. gaveUp is to be called
// when its upstream has been given up.
func (h *Handler) timed(source streams.Source) (timed streams.Source, gaveUp func()) {
	var unwanted atomic.Pointer[time.Time]
	note := func() {
		now := time.Now()
		unwanted.CompareAndSwap(nil, &now)
	}
	timed = source
	timed.Stop = func() {
		note()
		source.Stop()
	}
	timed.Cancel = func(ctx context.Context) {
		note()
		source.Cancel(ctx)
	}
	return timed, func() {
		if since := unwanted.Load(); since != nil {
			h.Metrics.GaveUp(time.Since(*since))
		}
	}
}

// timedText measures how long the first text of an answer takes since it was asked for.
func (h *Handler) timedText(events iter.Seq[typewriter.Event], asked time.Time) iter.Seq[typewriter.Event] {
	return func(yield func(typewriter.Event) bool) {
		waits := true
		for e := range events {
			if waits && e.Text != "" {
				h.Metrics.FirstText(time.Since(asked))
				waits = false
			}
			if !yield(e) {
				return
			}
		}
	}
}

// counted counts the failure of a source when its events have ended.
func (h *Handler) counted(events iter.Seq[typewriter.Event], source streams.Source) iter.Seq[typewriter.Event] {
	return func(yield func(typewriter.Event) bool) {
		defer func() {
			if reason, _ := source.Failure(); reason != "" {
				h.Metrics.UpstreamFailed(reason)
			}
		}()
		events(yield)
	}
}
