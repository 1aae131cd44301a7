package metrics

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// View records a client's view of a stream. The methods are for a single goroutine.
type View struct {
	metrics *Metrics
	labels  ViewLabels
	backlog func() int

	name   string // of the last event
	events prometheus.Counter
}

// ViewLabels are the labels of a view: the name of the stream's upstream, the pattern of the
// request's route, never its path, and the mode.
type ViewLabels struct{ Upstream, Route, Mode string }

// View begins to record a view of a stream, until [View.End]. backlog returns the number of grapheme clusters still to be sent;
// backlog must be safe for concurrent use, also shortly after the end.
func (m *Metrics) View(labels ViewLabels, backlog func() int) *View {
	v := &View{metrics: m, labels: labels, backlog: backlog}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.views[v] = struct{}{}
	return v
}

// End counts the view by outcome.
func (v *View) End(outcome string) {
	m := v.metrics
	m.streams.WithLabelValues(v.labels.Upstream, v.labels.Route, v.labels.Mode, outcome).Inc()
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.views, v)
}

// Event counts a sent event and the grapheme clusters of the event.
func (v *View) Event(name string, clusters int) {
	m := v.metrics
	if v.events == nil || v.name != name { // most events repeat the name
		events, known := m.events[name]
		if !known {
			events = m.others
		}
		v.name, v.events = name, events
	}
	v.events.Inc()
	if clusters > 0 {
		m.graphemes.Add(float64(clusters))
	}
}

// Text records sent text: lag is the time since the arrival, and late the delay behind the
// schedule.
func (v *View) Text(lag, late time.Duration) {
	v.metrics.latency.Observe(lag.Seconds())
	v.metrics.lateness.Observe(late.Seconds())
}

// open returns the running views.
func (m *Metrics) open() []*View {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Keys(m.views))
}

func (m *Metrics) backlog() float64 {
	n := 0
	for _, v := range m.open() {
		n += v.backlog()
	}
	return float64(n)
}
