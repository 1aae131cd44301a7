package metrics

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// View records one client's view of a stream. Its methods are for one goroutine.
type View struct {
	metrics     *Metrics
	route, mode string
	backlog     func() int

	name   string // of the last event
	events prometheus.Counter
}

// View begins to record a view of a stream, until [View.End]. route is a pattern, never a
// path that a client chose. backlog returns the number of grapheme clusters that have
// arrived and were not sent; it must be safe for concurrent use, also shortly after the
// end.
func (m *Metrics) View(route, mode string, backlog func() int) *View {
	v := &View{metrics: m, route: route, mode: mode, backlog: backlog}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.views[v] = struct{}{}
	return v
}

// End counts the view by its outcome.
func (v *View) End(outcome string) {
	m := v.metrics
	m.streams.WithLabelValues(v.route, v.mode, outcome).Inc()
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.views, v)
}

// Event counts a sent event and its grapheme clusters.
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

// Text records sent text: lag is the time since its arrival, and late the time since it
// was due.
func (v *View) Text(lag, late time.Duration) {
	v.metrics.latency.Observe(lag.Seconds())
	v.metrics.lateness.Observe(late.Seconds())
}

// open returns the views that have not ended.
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
