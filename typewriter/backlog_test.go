package typewriter

import (
	"strings"
	"testing"
)

func TestBacklog(t *testing.T) {
	const family = "👨‍👩‍👧‍👦"
	log := NewLog(LogOptions{})
	for _, e := range []Event{thought("ab"), other("ping"), text("c" + family), text(`\n\u4f60`), text("")} {
		if err := log.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	check := func(from Position, want int) {
		t.Helper()
		if got := log.Backlog(from); got != want {
			t.Errorf("%v: the backlog is %d clusters, want %d", from, got, want)
		}
	}
	for _, test := range []struct {
		from Position
		want int
	}{
		{Position{}, 6},
		{Position{0, 1}, 5},
		{Position{0, 2}, 4},
		{Position{1, 0}, 4},
		{Position{2, 1}, 3},
		{Position{2, 1 + len(family)}, 2},
		{Position{3, 2}, 1},
		{Position{3, 99}, 0},
		{Position{4, 0}, 0},
		{Position{5, 0}, 0},
		{Position{99, 0}, 0},
	} {
		check(test.from, test.want)
	}

	barrier := log.Barrier()
	if err := log.Append(text("xyz")); err != nil {
		t.Fatal(err)
	}
	check(Position{2, 0}, 4)
	barrier.Advance(6)
	check(Position{2, 0}, 7)
	log.End()
	check(Position{2, 0}, 7)
	log.Free()
	check(Position{2, 0}, 0)
}

// Trimmed entries are not counted, even from a position before them.
func TestBacklogAfterDrop(t *testing.T) {
	log := NewLog(LogOptions{})
	fill(t, log, content, 1000, 2*dropMin) // four characters each
	log.Trim(dropMin)
	for _, test := range []struct {
		from Position
		want int
	}{
		{Position{}, 4 * dropMin},
		{Position{dropMin - 1, 3}, 4 * dropMin},
		{Position{dropMin, 1}, 4*dropMin - 1},
		{Position{2*dropMin - 1, 1}, 3},
		{Position{2 * dropMin, 0}, 0},
	} {
		if got := log.Backlog(test.from); got != test.want {
			t.Errorf("%v: the backlog is %d clusters, want %d", test.from, got, test.want)
		}
	}
}

// The cost of a metrics scrape for a stream with a backlog of 100 characters.
func BenchmarkBacklog(b *testing.B) {
	log := NewLog(LogOptions{})
	_ = log.Append(text(strings.Repeat("今天天气很好，", 14)))
	for b.Loop() {
		log.Backlog(Position{})
	}
}
