package metrics

import (
	"testing"
	"time"
)

// What it costs to count an event of text: from one stream, and from as many at once as
// there are processors.
func BenchmarkEvent(b *testing.B) {
	m := New(Options{EventTypes: []string{"message", "delta"}})
	send := func(v *View) {
		v.Event("delta", 1)
		v.Text(800*time.Millisecond, 300*time.Microsecond)
	}
	b.Run("one stream", func(b *testing.B) {
		b.ReportAllocs()
		v := m.View(ViewLabels{"/", "GET /", "typewriter"}, func() int { return 0 })
		for b.Loop() {
			send(v)
		}
	})
	b.Run("streams at once", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			v := m.View(ViewLabels{"/", "GET /", "typewriter"}, func() int { return 0 })
			for pb.Next() {
				send(v)
			}
		})
	})
}
