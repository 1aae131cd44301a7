package sim

import (
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"sse-typewriter/typewriter"
)

var update = flag.Bool("update", false, "write the tables into "+document)

// document holds the tables between two markers.
const (
	document = "../../docs/pacing.md"
	begin    = "<!-- begin: written by make sim -->\n"
	end      = "<!-- end: written by make sim -->\n"
)

// TestSimulation plays all patterns through all algorithms, checks the guarantees of our
// modes, prints the tables, and compares them with the document.
func TestSimulation(t *testing.T) {
	var tables strings.Builder
	var goals [][]string
	played := 0
	for _, p := range allPatterns() {
		t.Run(p.name, func(t *testing.T) {
			results := simulate(t, p, &tables)
			goals = append(goals, goal(p, results))
			played++
		})
	}
	var summary strings.Builder
	writeTable(&summary, append([][]string{goalHead}, goals...))
	simulateSpeeds(t, &summary)
	if testing.Verbose() {
		fmt.Print(summary.String())
		fmt.Print(tables.String())
	}
	if t.Failed() || played < len(allPatterns()) {
		return // failed, or limited to some patterns by -run
	}
	checkDocument(t, "\n"+summary.String()+tables.String())
}

// checkDocument compares the text between the markers of the document with the tables, or
// replaces it.
func checkDocument(t *testing.T, want string) {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(text), begin)
	old, tail, ok2 := strings.Cut(rest, end)
	switch {
	case !ok1 || !ok2:
		t.Fatalf("%s does not have both markers", document)
	case old == want:
	case !*update:
		t.Fatalf("%s is out of date: run make sim", document)
	default:
		if err := os.WriteFile(document, []byte(head+begin+want+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var goalHead = []string{"", "p99", "stutter", "still", "rate", "most even peer", "p99", "stutter", "still", "rate", "better peer", "goal"}

// goal compares smooth with the peers. A peer is better if its p99 is no more and it is at
// least as even: by the time without movement and by the variation of the rate. The goal is
// the least stutter of all, and no better peer.
func goal(p pattern, results map[string]result) []string {
	ours := results["smooth"]
	var even, better string
	met := "yes"
	for _, a := range algorithms {
		r, ok := results[a.name]
		if !a.peer || !ok {
			continue
		}
		if even == "" || r.unevenness() < results[even].unevenness() {
			even = a.name
		}
		if r.p99 <= ours.p99 && tenths(r.still) <= tenths(ours.still) && r.unevenness() <= ours.unevenness() &&
			(r.p99 < ours.p99 || r.unevenness() < ours.unevenness()) {
			better, met = a.name, "no"
		}
		if tenths(r.stutter) < tenths(ours.stutter) {
			met = "no"
		}
	}
	us, them := ours.row(""), results[even].row("")
	return []string{p.name, us[2], us[12], us[11], us[10], even, them[2], them[12], them[11], them[10], better, met}
}

// unevenness returns the variation of the rate, or 0 if all text is sent within few windows.
func (r result) unevenness() float64 {
	if math.IsNaN(r.rate) {
		return 0
	}
	return math.Round(100 * r.rate)
}

// simulateSpeeds writes a table of the typewriter mode at several speeds.
func simulateSpeeds(t *testing.T, tables *strings.Builder) {
	rows := [][]string{{"", "speed", "p50", "p99", "tail", "own pause", "jump", "rate"}}
	for _, p := range allPatterns() {
		if p.name != "irregular" && p.name != "OpenAI" && p.name != "Gemini" {
			continue
		}
		var before result
		for i, speed := range []float64{0.5, 1, 2, 10} {
			pace := typewriter.DefaultPace(typewriter.Typewriter)
			pace.Speed = speed
			arrivals := p.arrivals()
			output := player("", pace).run(t, arrivals)
			units, others, err := compare(items(arrivals), output)
			if err != nil {
				t.Fatal(err)
			}
			r := measure(units, others)
			if i > 0 && (r.p50 > before.p50*3/4 || r.tail > before.tail*3/4) {
				t.Errorf("%s: speed %v differs too little from the speed before: p50 %v after %v, tail %v after %v",
					p.name, speed, r.p50, before.p50, r.tail, before.tail)
			}
			before = r
			row := r.row("")
			rows = append(rows, []string{p.name, fmt.Sprint(speed), row[1], row[2], row[4], row[6], row[7], row[10]})
		}
	}
	tables.WriteString("**Speed**: `typewriter` at several speeds, with the automatic max lag and tail.\n\n")
	writeTable(tables, rows)
}

// tenths rounds a percentage as the tables do.
func tenths(percent float64) float64 { return math.Round(10 * percent) }

// simulate plays a pattern through all algorithms and writes the table.
func simulate(t *testing.T, p pattern, tables *strings.Builder) map[string]result {
	results := map[string]result{}
	arrivals := p.arrivals()
	input := items(arrivals)
	rows := [][]string{{"", "p50", "p99", "max", "tail", "pause", "own pause", "jump", "breaths", "uneven", "rate", "still", "stutter", "events", "flicker"}}
	var chars int
	for _, a := range algorithms {
		output := a.run(t, arrivals)
		units, others, err := compare(input, output)
		if err != nil {
			t.Errorf("%s: %v", a.name, err)
			continue
		}
		chars = len(units)
		if a.lag >= 0 {
			checkLag(t, a, slices.Concat(units, others))
			checkFirst(t, a, input, output)
		}
		r := measure(units, others)
		r.events, r.flicker = eventRate(output), flicker(output)
		rows, results[a.name] = append(rows, r.row(a.name)), r
	}
	fmt.Fprintf(tables, "**%s**: %s (%d characters in %.1f s).\n\n", p.name, p.description, chars, input[len(input)-1].at.Seconds())
	writeTable(tables, rows)
	return results
}

// checkLag checks that every unit is sent after its arrival and within the lag.
func checkLag(t *testing.T, a algorithm, units []unit) {
	t.Helper()
	for i, u := range units {
		if lag := u.sent - u.arrived; lag < 0 || lag > a.lag {
			t.Errorf("%s: unit %d %q was sent %v after its arrival at %v, want at most %v",
				a.name, i, u.char, lag, u.arrived, a.lag)
			return
		}
	}
}

// checkFirst checks that the first text is sent on arrival, or within the hold time if it
// may be an incomplete cluster.
func checkFirst(t *testing.T, a algorithm, input, output []item) {
	t.Helper()
	first, sent := firstText(input), firstText(output)
	held := a.hold
	if unicode.Is(unicode.So, clusters(first.text)[0].char) { // an emoji
		held = max(held, typewriter.HoldTime)
	}
	if wait := sent.at - first.at; wait > held {
		t.Errorf("%s: the first text waited %v, want at most %v", a.name, wait, held)
	}
}

// firstText returns the first item of text.
func firstText(items []item) item {
	for _, it := range items {
		if it.channel != "" {
			return it
		}
	}
	return item{}
}

// row returns the cells of a table row.
func (r result) row(name string) []string {
	ms := func(d time.Duration) string { return fmt.Sprint(d.Round(time.Millisecond).Milliseconds()) }
	number := func(format string, v float64) string {
		if math.IsNaN(v) {
			return "-"
		}
		return fmt.Sprintf(format, v)
	}
	return []string{
		name, ms(r.p50), ms(r.p99), ms(r.max), ms(r.tail), ms(r.pause), ms(r.own),
		fmt.Sprint(r.jump), number("%.0f %%", r.breaths), number("%.2f", r.uneven),
		number("%.2f", r.rate), number("%.1f %%", r.still), number("%.1f %%", r.stutter), number("%.0f", r.events), number("%.0f %%", r.flicker),
	}
}

// writeTable writes an aligned Markdown table: the first column to the left, the others to
// the right.
func writeTable(b *strings.Builder, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	for n, row := range rows {
		for i, cell := range row {
			width := widths[i]
			if i == 0 {
				width = -width // left-aligned
			}
			fmt.Fprintf(b, "| %*s ", width, cell)
		}
		b.WriteString("|\n")
		if n > 0 {
			continue
		}
		for i, width := range widths {
			if i == 0 {
				b.WriteString("|" + strings.Repeat("-", width+2))
			} else {
				b.WriteString("|" + strings.Repeat("-", width+1) + ":")
			}
		}
		b.WriteString("|\n")
	}
	b.WriteString("\n")
}
