package metrics

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// View records a client's view of a stream. The methods are for a single goroutine.
type View struct {
	metrics     *Metrics
	route, mode string
	backlog     func() int

	name   string // of the last event
	events prometheus.Counter
}

// View begins to record a view of a stream, until [View.End]. route is a pattern, never the
// path of a request. backlog returns the number of grapheme clusters still to be sent;
// backlog must be safe for concurrent use, also shortly after the end.
func (m *Metrics) View(route, mode string, backlog func() int) *View {
	v := &View{metrics: m, route: route, mode: mode, backlog: backlog}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.views[v] = struct{}{}
	return v
}

// End counts the view by outcome.
func (v *View) End(outcome string) {
	m := v.metrics
	m.streams.WithLabelValues(v.route, v.mode, outcome).Inc()
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
