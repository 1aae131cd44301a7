package metrics

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Outcomes of typewriter_resumes_total. All are exposed from the start, so that the first
// one shows in a rate.
const (
	ResumeOK          = "resumed"
	ResumeFinished    = "finished"    // the client has received the whole stream
	ResumeGone        = "gone"        // no such stream, or not the client's
	ResumeUnavailable = "unavailable" // the streams of other replicas cannot be reached
)

// otherEvents is the type of events that have none of the known names. A service could
// invent any number of them.
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

	// Rejections are the reasons of rejected requests, and UpstreamFailures those of
	// upstream failures, that are exposed from the start.
	Rejections, UpstreamFailures []string

	// StoreBytes returns the memory that all streams use, and StoreMaxBytes is its bound.
	StoreBytes    func() int64
	StoreMaxBytes int64
}

// Metrics are those of one server. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	streams        *prometheus.CounterVec
	graphemes      prometheus.Counter
	events         map[string]prometheus.Counter // by name; read only
	others         prometheus.Counter
	ttft           prometheus.Histogram
	latency        prometheus.Histogram
	lateness       prometheus.Histogram
	resumes        *prometheus.CounterVec
	upstreamErrors *prometheus.CounterVec
	cancels        prometheus.Histogram
	rejected       *prometheus.CounterVec
	draining       prometheus.Gauge

	mu    sync.Mutex
	views map[*View]struct{} // that have not ended
}

// New returns the metrics of a server that has done nothing yet.
func New(o Options) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		streams:  counters("streams_total", "Streams that were served to a client and have ended.", "route", "mode", "outcome"),
		graphemes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "typewriter_graphemes_total", Help: "Grapheme clusters that were typed.",
		}),
		events:         map[string]prometheus.Counter{},
		ttft:           histogram("upstream_ttft_seconds", "From a request upstream to the first text of its answer.", ttftBuckets),
		latency:        histogram("added_latency_seconds", "How long text was here: sent minus arrived.", latencyBuckets),
		lateness:       histogram("pacing_lateness_seconds", "How late text left: sent minus due.", latenessBuckets),
		resumes:        counters("resumes_total", "Requests to see a stream that had begun.", "outcome"),
		upstreamErrors: counters("upstream_errors_total", "Requests upstream that failed, before or in their answer.", "reason"),
		cancels:        histogram("upstream_cancel_seconds", "From when nobody wanted a stream any more until the upstream's connection was given up.", cancelBuckets),
		rejected:       counters("rejected_total", "Requests that were refused.", "reason"),
		draining:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "typewriter_draining", Help: "Whether the server is about to end."}),
		views:          map[*View]struct{}{},
	}
	for _, reason := range o.Rejections {
		m.rejected.WithLabelValues(reason)
	}
	for _, outcome := range []string{ResumeOK, ResumeFinished, ResumeGone, ResumeUnavailable} {
		m.resumes.WithLabelValues(outcome)
	}
	for _, reason := range o.UpstreamFailures {
		m.upstreamErrors.WithLabelValues(reason)
	}
	events := counters("events_total", "Events that were sent to clients.", "type")
	for _, name := range o.EventTypes {
		m.events[name] = events.WithLabelValues(name)
	}
	m.others = events.WithLabelValues(otherEvents)
	m.registry.MustRegister(
		m.streams, m.graphemes, events, m.ttft, m.latency, m.lateness,
		m.resumes, m.upstreamErrors, m.cancels, m.rejected, m.draining,
		gauge("streams_active", "Streams that are being served to a client.", func() float64 { return float64(len(m.open())) }),
		gauge("backlog_graphemes", "Grapheme clusters that have arrived and wait to be typed, of all clients' streams.", m.backlog),
		gauge("store_bytes", "Memory that the events of all streams hold.", func() float64 { return float64(o.StoreBytes()) }),
		gauge("store_max_bytes", "Memory that they may hold.", func() float64 { return float64(o.StoreMaxBytes) }),
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

func gauge(name, help string, value func() float64) prometheus.GaugeFunc {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "typewriter_" + name, Help: help}, value)
}

// Handler returns a handler that serves the metrics to Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// FirstText says how long the first text of an answer took.
func (m *Metrics) FirstText(took time.Duration) { m.ttft.Observe(took.Seconds()) }

// Resumed says what became of a request to see a stream that had begun.
func (m *Metrics) Resumed(outcome string) { m.resumes.WithLabelValues(outcome).Inc() }

// UpstreamFailed says that the upstream, or the way to it, failed.
func (m *Metrics) UpstreamFailed(reason string) { m.upstreamErrors.WithLabelValues(reason).Inc() }

// GaveUp says how long it took to give up an upstream's stream that nobody wanted any
// more.
func (m *Metrics) GaveUp(took time.Duration) { m.cancels.Observe(took.Seconds()) }

// Rejected says that a request was refused, for one of the reasons above.
func (m *Metrics) Rejected(reason string) { m.rejected.WithLabelValues(reason).Inc() }

// Drains says that the server is about to end.
func (m *Metrics) Drains() { m.draining.Set(1) }
