package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestMain runs the roles too: the benchmark restarts the test binary for its servers.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && roles[os.Args[1]] != nil {
		if err := run(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// A minimal run has a number in each row. The test does not judge the numbers.
func TestBench(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no servers are built")
	}
	b, err := newBench(t.Context(), plan{
		streams: 20, live: 20, few: 10, many: 40, settle: 100 * time.Millisecond, window: time.Second,
		chats: 8, resumes: 2, starts: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	if err := b.runSections(""); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + b.table(0))
	const rows = 19
	if len(b.rows) != rows && len(b.notes) == 0 {
		t.Errorf("the table has %d rows, want %d", len(b.rows), rows)
	}
	number := regexp.MustCompile(`\d`)
	for _, r := range b.rows {
		if !number.MatchString(r.ours) || strings.Contains(r.ours, "NaN") || strings.Contains(r.ours, "Inf") {
			t.Errorf("the row %q has no number: %q", r.metric, r.ours)
		}
	}
}
