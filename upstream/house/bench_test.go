package house

import (
	"testing"

	"sse-typewriter/upstream"
)

// BenchmarkTranslate translates a delta.
func BenchmarkTranslate(b *testing.B) {
	b.ReportAllocs()
	events := []upstream.Event{thought("why"), answer("because")}
	t := newTranslator()
	for i := 0; b.Loop(); i++ {
		if i%1000 == 0 { // an answer ends
			t = newTranslator()
		}
		t.add(events[i%2])
	}
}
