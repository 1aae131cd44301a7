package metrics

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// View is a stream on its way to one client. Its methods are for one goroutine.
type View struct {
	metrics     *Metrics
	route, mode string
	waiting     func() int

	name   string // of the last event, and
	events prometheus.Counter
}

// View says that a stream is being served, until [View.End] is called. The route is a
// pattern, never a path that a client chose. waiting tells how many clusters have
// arrived and were not sent; it is called by other goroutines, and may be once more
// after the end.
func (m *Metrics) View(route, mode string, waiting func() int) *View {
	v := &View{metrics: m, route: route, mode: mode, waiting: waiting}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.views[v] = struct{}{}
	return v
}

// End says how the stream ended for the client.
func (v *View) End(outcome string) {
	m := v.metrics
	m.streams.WithLabelValues(v.route, v.mode, outcome).Inc()
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.views, v)
}

// Event counts an event that was sent, and the clusters of text in it.
func (v *View) Event(name string, clusters int) {
	m := v.metrics
	if v.events == nil || v.name != name { // mostly they are alike
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

// Text measures text that was sent: lag after it arrived, late after it was due.
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
		n += v.waiting()
	}
	return float64(n)
}
