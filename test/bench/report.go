package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// row is a row of the table.
type row struct {
	metric string
	ours   string
	others []string // results of other contestants
	target string   // empty: none
	met    bool     // whether our result meets the target
}

// compareCPU adds the CPU time per event of other contestants, and each ratio to floor:
// ours for the floor itself, otherwise that of the contestant.
func (r *row) compareCPU(ours time.Duration, results map[string]result, names ...string) {
	for _, name := range names {
		f, ok := results[name]
		switch {
		case !ok:
		case name == floor:
			r.others = append(r.others, fmt.Sprintf("floor %s (**%s**)", micros(f.perEvent), ratio(ours, f.perEvent)))
		default:
			r.others = append(r.others, fmt.Sprintf("%s %s (%s floor)", label(name, f, results), micros(f.perEvent), ratio(f.perEvent, results[floor].perEvent)))
		}
	}
}

// label returns a contestant's name, with the number of streams if the floor had another.
func label(name string, f result, results map[string]result) string {
	if f.streams == results[floor].streams {
		return name
	}
	return fmt.Sprintf("%s with %d", name, f.streams)
}

func ratio(a, b time.Duration) string {
	if b == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%.2f ×", float64(a)/float64(b))
}

// table returns the rows as Markdown.
func (b *bench) table(took time.Duration) string {
	var t strings.Builder
	fmt.Fprintf(&t, "%s, %d processors, %s, %s. The run took %s.\n\n", processor(), runtime.NumCPU(), runtime.Version(),
		time.Now().Format("2006-01-02"), took.Round(time.Second))
	t.WriteString("| metric | ours | others | target | met |\n|---|---|---|---|---|\n")
	for _, r := range b.rows {
		verdict := map[bool]string{true: "yes", false: "**no**"}[r.met]
		if r.target == "" {
			verdict = ""
		}
		fmt.Fprintf(&t, "| %s | %s | %s | %s | %s |\n", r.metric, r.ours, strings.Join(r.others, "; "), r.target, verdict)
	}
	for _, note := range b.notes {
		fmt.Fprintf(&t, "\n%s.\n", note)
	}
	return t.String()
}

// processor returns the model name of the machine's processor, or "".
func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	_, after, _ := strings.Cut(string(info), "model name")
	name, _, _ := strings.Cut(strings.TrimLeft(after, "\t :"), "\n")
	return name
}

// writeTable replaces the text between the markers of a document by the table.
func writeTable(path, table string) error {
	const begin, end = "<!-- begin: written by make bench -->\n", "<!-- end: written by make bench -->"
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		return fmt.Errorf("%s has no markers for the table", path)
	}
	return os.WriteFile(path, []byte(before+begin+table+end+after), 0o644)
}

// percentile returns the p-th percentile, or 0 of no values.
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
