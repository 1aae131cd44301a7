package handler

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/streams"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// observer records metrics and log lines of streams.
type observer struct {
	metrics *metrics.Metrics
	logger  *slog.Logger
}

// routeOf returns the method and the pattern of a request's route without the prefix of the
// upstream, never the path of the request.
func routeOf(c *app.RequestContext) string {
	pattern := strings.TrimPrefix(c.FullPath(), targetOf(c).upstream.Prefix)
	return string(c.Method()) + " " + cmp.Or(pattern, targetOf(c).pattern, "/*")
}

// viewObserver records metrics and the log line of a view.
type viewObserver struct {
	metrics   *metrics.View
	logger    *slog.Logger
	attrs     []slog.Attr
	log       *typewriter.Log
	arrived   time.Time // of the request
	firstSent time.Time // zero: nothing was sent
	clusters  int       // sent so far

	// endView ends the view of the stream.
	endView func() []slog.Attr

	// known is the number of entries from before the request. Their latency means nothing.
	known int

	mu   sync.Mutex
	next typewriter.Position // first position not yet sent
}

// view returns an observer of a view. The caller must call end.
func (o observer) view(c *app.RequestContext, s *streams.Stream, v view) *viewObserver {
	vo := &viewObserver{
		logger:  o.logger,
		log:     s.View(),
		arrived: c.GetTime(arrivedKey),
		endView: s.BeginView(),
		known:   v.known,
		next:    v.from,
		attrs: []slog.Attr{
			slog.String("stream", s.ID),
			slog.String("upstream", labelOf(s.Origin)),
			slog.String("route", routeOf(c)),
			slog.String("mode", string(v.pace.Mode)),
			slog.String("logid", s.LogID),
			slog.String("request_id", c.Request.Header.Get(headerRequestID)),
		},
	}
	if name := policyOf(c).KeyName(c); name != "" {
		vo.attrs = append(vo.attrs, slog.String("key", name))
	}
	vo.metrics = o.metrics.View(metrics.ViewLabels{Upstream: labelOf(s.Origin), Route: routeOf(c), Mode: string(v.pace.Mode)}, vo.backlog)
	return vo
}

// sent records an event on the way to the client.
func (v *viewObserver) sent(o *typewriter.Output) {
	if v.firstSent.IsZero() {
		v.firstSent = time.Now()
	}
	v.clusters += o.Clusters
	v.metrics.Event(o.Frame.Name, o.Clusters)
	if o.Clusters > 0 && v.next.Entry >= v.known {
		v.metrics.Text(o.Lag, o.Late)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.next = o.Next
}

// backlog returns the number of grapheme clusters still to be sent. backlog is safe for
// concurrent use.
func (v *viewObserver) backlog() int {
	v.mu.Lock()
	next := v.next
	v.mu.Unlock()
	return v.log.Backlog(next)
}

// end records how the view ended: err is the error of playing the stream.
func (v *viewObserver) end(ctx context.Context, s *streams.Stream, err error) {
	outcome, cause := "done", error(nil)
	if errors.Is(err, errPanic) {
		outcome = apierror.Internal.Reason // the panic is in the log already
	} else if err != nil {
		outcome, cause = "left", err
	} else if v.log.HandedOff() {
		outcome = "handed_over"
	} else if reason, why := s.Failure(); reason != "" {
		outcome, cause = reason, why
	}
	v.metrics.End(outcome)
	if !v.firstSent.IsZero() {
		v.attrs = append(v.attrs, slog.Duration("first_byte", v.firstSent.Sub(v.arrived)))
	}
	v.attrs = append(
		v.attrs,
		slog.Int("graphemes", v.clusters),
		slog.Duration("duration", time.Since(v.arrived)),
		slog.String("outcome", outcome),
	)
	v.attrs = append(v.attrs, v.endView()...)
	if cause != nil && !errors.Is(cause, context.Canceled) {
		v.attrs = append(v.attrs, slog.Any("error", cause))
	}
	v.logger.LogAttrs(ctx, slog.LevelInfo, "stream ended", v.attrs...)
}

// timeCancel wraps a source to measure the time of a cancellation. The caller must call
// released once the upstream has been released.
func (o observer) timeCancel(source streams.Source) (timed streams.Source, released func()) {
	var canceled atomic.Pointer[time.Time]
	start := func() {
		now := time.Now()
		canceled.CompareAndSwap(nil, &now)
	}
	timed = source
	timed.Stop = func() {
		start()
		source.Stop()
	}
	timed.Cancel = func(ctx context.Context) {
		start()
		source.Cancel(ctx)
	}
	return timed, func() {
		if began := canceled.Load(); began != nil {
			o.metrics.Canceled(time.Since(*began))
		}
	}
}

// timeFirstText measures the time from a request to the first text of the answer.
func (o observer) timeFirstText(events iter.Seq[upstream.Event], u *Upstream, asked time.Time) iter.Seq[upstream.Event] {
	return func(yield func(upstream.Event) bool) {
		pending := true
		for e := range events {
			if pending && e.Meaning.Kind == upstream.KindText {
				o.metrics.FirstText(u.label(), time.Since(asked))
				pending = false
			}
			if !yield(e) {
				return
			}
		}
	}
}

// countFailure counts a failure of the source at the end of the events.
func (o observer) countFailure(events iter.Seq[typewriter.Event], source streams.Source) iter.Seq[typewriter.Event] {
	return func(yield func(typewriter.Event) bool) {
		defer func() {
			if reason, _ := source.Failure(); reason != "" {
				o.metrics.UpstreamFailed(labelOf(source.Origin), reason)
			}
		}()
		events(yield)
	}
}
