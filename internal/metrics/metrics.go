package metrics

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Outcomes of typewriter_resumes_total. All are exposed from the start: rates need a
// zero before the first increment.
const (
	ResumeOK          = "resumed"
	ResumeFinished    = "finished"    // the client has received the whole stream
	ResumeGone        = "gone"        // no such stream, or not the client's
	ResumeUnavailable = "unavailable" // the streams of other replicas cannot be reached
)

// otherEvents is the label of events whose name is not in Options.EventTypes. A service
// could invent any number of names.
const otherEvents = "other"

// Buckets, in seconds.
var (
	latenessBuckets = []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1}
	latencyBuckets  = []float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.7, 1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10}
	ttftBuckets     = []float64{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60}
	cancelBuckets   = []float64{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10}
)

// Options configure [New].
type Options struct {
	// EventTypes are the values of typewriter_events_total's label; all other events are
	// counted as "other".
	EventTypes []string

	// Upstreams are the names of the upstreams, the values of the label "upstream".
	Upstreams []string

	// Rejections are the reasons of rejected requests, and UpstreamFailures those of
	// upstream failures, exposed from the start.
	Rejections, UpstreamFailures []string

	// StoreBytes returns the memory that all streams use, and StoreMaxBytes the bound.
	StoreBytes    func() int64
	StoreMaxBytes int64
}

// Metrics records the metrics of a server. Metrics is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	streams        *prometheus.CounterVec
	graphemes      prometheus.Counter
	events         map[string]prometheus.Counter // by name; read only
	others         prometheus.Counter
	ttft           *prometheus.HistogramVec
	latency        prometheus.Histogram
	lateness       prometheus.Histogram
	resumes        *prometheus.CounterVec
	upstreamErrors *prometheus.CounterVec
	cancels        prometheus.Histogram
	rejected       *prometheus.CounterVec
	draining       prometheus.Gauge
	tokens         *tokens

	mu    sync.Mutex
	views map[*View]struct{} // those that have not ended
}

// New returns metrics without any records.
func New(o Options) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		streams:  counters("streams_total", "Completed views of streams, by outcome.", "upstream", "route", "mode", "outcome"),
		graphemes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "typewriter_graphemes_total", Help: "Grapheme clusters sent to clients.",
		}),
		events:         map[string]prometheus.Counter{},
		ttft:           histograms("upstream_ttft_seconds", "Time from an upstream request to the first text of its answer.", ttftBuckets, "upstream"),
		latency:        histogram("added_latency_seconds", "Time from the arrival of text to its sending.", latencyBuckets),
		lateness:       histogram("pacing_lateness_seconds", "Delay of text behind its scheduled time.", latenessBuckets),
		resumes:        counters("resumes_total", "Requests to resume or attach to a stream, by outcome.", "outcome"),
		upstreamErrors: counters("upstream_errors_total", "Failed upstream requests, before or within the answer, by reason.", "upstream", "reason"),
		cancels:        histogram("upstream_cancel_seconds", "Time from the cancellation of a stream to the release of its upstream connection.", cancelBuckets),
		rejected:       counters("rejected_total", "Requests rejected by policy, by reason.", "reason"),
		draining:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "typewriter_draining", Help: "1 while the server drains, else 0."}),
		tokens:         newTokens(),
		views:          map[*View]struct{}{},
	}
	for _, reason := range o.Rejections {
		m.rejected.WithLabelValues(reason)
	}
	for _, outcome := range []string{ResumeOK, ResumeFinished, ResumeGone, ResumeUnavailable} {
		m.resumes.WithLabelValues(outcome)
	}
	for _, name := range o.Upstreams {
		m.ttft.WithLabelValues(name)
		for _, reason := range o.UpstreamFailures {
			m.upstreamErrors.WithLabelValues(name, reason)
		}
	}
	events := counters("events_total", "Events sent to clients, by type.", "type")
	for _, name := range o.EventTypes {
		m.events[name] = events.WithLabelValues(name)
	}
	m.others = events.WithLabelValues(otherEvents)
	m.registry.MustRegister(
		m.streams, m.graphemes, events, m.ttft, m.latency, m.lateness,
		m.resumes, m.upstreamErrors, m.cancels, m.rejected, m.draining, m.tokens.counter,
		gauge("streams_active", "Streams being sent to clients.", func() float64 { return float64(len(m.open())) }),
		gauge("backlog_graphemes", "Grapheme clusters that have arrived and were not yet sent, over all views.", m.backlog),
		gauge("store_bytes", "Memory used by the events of all streams.", func() float64 { return float64(o.StoreBytes()) }),
		gauge("store_max_bytes", "Maximum memory for the events of all streams.", func() float64 { return float64(o.StoreMaxBytes) }),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "typewriter_" + name, Help: help}, labels)
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: "typewriter_" + name, Help: help, Buckets: buckets})
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "typewriter_" + name, Help: help, Buckets: buckets}, labels)
}

func gauge(name, help string, value func() float64) prometheus.GaugeFunc {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "typewriter_" + name, Help: help}, value)
}

// Handler returns a handler for scrapes of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// FirstText records the time from a request of an upstream to the first text of the answer.
func (m *Metrics) FirstText(upstream string, took time.Duration) {
	m.ttft.WithLabelValues(upstream).Observe(took.Seconds())
}

// Resumed counts a request to resume or attach to a stream, by outcome.
func (m *Metrics) Resumed(outcome string) { m.resumes.WithLabelValues(outcome).Inc() }

// UpstreamFailed counts a failed request of an upstream.
func (m *Metrics) UpstreamFailed(upstream, reason string) {
	m.upstreamErrors.WithLabelValues(upstream, reason).Inc()
}

// Canceled records the time from the cancellation of a stream to the release of the
// upstream connection.
func (m *Metrics) Canceled(took time.Duration) { m.cancels.Observe(took.Seconds()) }

// Rejected counts a rejected request.
func (m *Metrics) Rejected(reason string) { m.rejected.WithLabelValues(reason).Inc() }

// SetDraining records the beginning of a shutdown.
func (m *Metrics) SetDraining() { m.draining.Set(1) }
