package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// row is a line of the table.
type row struct {
	what   string
	ours   string
	others []string // what stands beside ours
	must   string   // empty: nothing
	ok     bool     // ours is what it must be
}

// beside adds how much longer than an event of ours takes those of others do, or ours
// than theirs if they are the measure.
func (r *row) beside(ours time.Duration, got map[string]figures, names ...string) {
	for _, name := range names {
		f, ok := got[name]
		switch {
		case !ok:
		case name == floor:
			r.others = append(r.others, fmt.Sprintf("floor %s (**%s**)", micros(f.perEvent), ratio(ours, f.perEvent)))
		default:
			r.others = append(r.others, fmt.Sprintf("%s %s (%s floor)", called(name, f, got), micros(f.perEvent), ratio(f.perEvent, got[floor].perEvent)))
		}
	}
}

// called is a contestant's name, and how many streams it had if that is not as many as
// the floor had.
func called(name string, f figures, got map[string]figures) string {
	if f.streams == got[floor].streams {
		return name
	}
	return fmt.Sprintf("%s with %d", name, f.streams)
}

func ratio(a, b time.Duration) string {
	if b == 0 {
		return "too little to tell"
	}
	return fmt.Sprintf("%.2f ×", float64(a)/float64(b))
}

// table returns the rows as Markdown.
func (b *bench) table(took time.Duration) string {
	var t strings.Builder
	fmt.Fprintf(&t, "%s, %d processors, %s, %s. The run took %s.\n\n", processor(), runtime.NumCPU(), runtime.Version(),
		time.Now().Format("2006-01-02"), took.Round(time.Second))
	t.WriteString("| what | ours | beside it | must be | is it |\n|---|---|---|---|---|\n")
	for _, r := range b.rows {
		verdict := map[bool]string{true: "yes", false: "**no**"}[r.ok]
		if r.must == "" || r.must == "stated" {
			verdict = ""
		}
		fmt.Fprintf(&t, "| %s | %s | %s | %s | %s |\n", r.what, r.ours, strings.Join(r.others, "; "), r.must, verdict)
	}
	for _, note := range b.notes {
		fmt.Fprintf(&t, "\n%s.\n", note)
	}
	return t.String()
}

// processor is the machine's, by its own name.
func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo") // it may have no name
	_, after, _ := strings.Cut(string(info), "model name")
	name, _, _ := strings.Cut(strings.TrimLeft(after, "\t :"), "\n")
	return name
}

// writeTable puts the table into a document, between its markers.
func writeTable(path, table string) error {
	const begin, end = "<!-- bench -->\n", "<!-- /bench -->"
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		return errors.New(path + " has no markers for the table")
	}
	return os.WriteFile(path, []byte(before+begin+table+end+after), 0o644)
}

// percentile returns the value that p percent of all are no more than.
func percentile(all []time.Duration, p float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(int(float64(len(sorted))*p/100), len(sorted)-1)]
}

func micros(d time.Duration) string { return fmt.Sprintf("%.1f µs", float64(d)/1e3) }

func millis(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/1e6) }

func kilobytes(bytes int) string { return fmt.Sprintf("%.1f KB", float64(bytes)/1024) }
