package handler

import (
	"iter"
	"log/slog"
	"strings"
	"sync"

	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/streams"
	"sse-typewriter/upstream"
)

// maxLoggedModel bounds the length of a model's name in the log in bytes: some services
// repeat the name in the request of a client.
const maxLoggedModel = 100

// tokenCounter counts the tokens of an answer, as the service reports them: once in the
// metrics, and once in the log. The line of a view has the tokens if the view ends after
// the answer; otherwise the tokens have a line of their own. A tokenCounter is safe for
// concurrent use.
type tokenCounter struct {
	metrics  *metrics.Metrics
	logger   *slog.Logger
	upstream string      // the name in metrics and logs
	attrs    []slog.Attr // of the line of its own

	mu      sync.Mutex
	usage   upstream.Usage
	counted bool // the usage is in the metrics
	logged  bool
	views   int
}

// newTokenCounter returns a counter for a stream of an upstream. stream is the id, and key the
// name of the API key of the opening request; both may be empty.
func (o observer) newTokenCounter(stream string, from streams.Origin, key string) *tokenCounter {
	t := &tokenCounter{
		metrics: o.metrics, logger: o.logger, upstream: labelOf(from),
		attrs: []slog.Attr{slog.String("upstream", labelOf(from))},
	}
	if stream != "" {
		t.attrs = append(t.attrs, slog.String("stream", stream))
	}
	if key != "" {
		t.attrs = append(t.attrs, slog.String("key", key))
	}
	return t
}

// collect returns the events of an answer, and counts the tokens at the end.
func (t *tokenCounter) collect(events iter.Seq[upstream.Event]) iter.Seq[upstream.Event] {
	return func(yield func(upstream.Event) bool) {
		defer t.count(upstream.Usage{})
		var last *upstream.Usage
		for e := range events {
			if u := e.Meaning.Usage; u != nil && u != last { // the events of a run share theirs
				last = u
				t.add(*u)
			}
			if !yield(e) {
				return
			}
		}
	}
}

func (t *tokenCounter) add(usage upstream.Usage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.usage = t.usage.Merge(usage)
}

// count counts the tokens of the answer once: those in the events or, if there are none, those
// reported otherwise. Without a view, the tokens are logged too.
func (t *tokenCounter) count(otherwise upstream.Usage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counted {
		return
	}
	if !t.usage.IsKnown() {
		t.usage = otherwise
	}
	if !t.usage.IsKnown() {
		return
	}
	t.counted = true
	t.metrics.Tokens(t.upstream, t.usage.Model, metrics.TokenCount{Input: t.usage.Input, Output: t.usage.Output, Total: t.usage.Total})
	if t.views == 0 {
		var args []any
		for _, attr := range append(t.attrs, t.take()...) {
			args = append(args, attr)
		}
		t.logger.Info("tokens used", args...)
	}
}

// view implements [streams.Source.View].
func (t *tokenCounter) view() (end func() []slog.Attr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.views++
	return func() []slog.Attr {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.views--
		return t.take()
	}
}

// take returns the attributes of the tokens for the log, the first time after the count, with
// the lock held.
func (t *tokenCounter) take() []slog.Attr {
	if !t.counted || t.logged {
		return nil
	}
	t.logged = true
	var attrs []slog.Attr
	if t.usage.Model != "" {
		name := t.usage.Model[:min(len(t.usage.Model), maxLoggedModel)]
		attrs = append(attrs, slog.String("model", strings.ToValidUTF8(name, "")))
	}
	if t.usage.Input == 0 && t.usage.Output == 0 {
		return append(attrs, slog.Int("tokens", t.usage.Total))
	}
	return append(attrs, slog.Int("input_tokens", t.usage.Input), slog.Int("output_tokens", t.usage.Output))
}
