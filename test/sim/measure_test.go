package sim

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// char is a character or cluster of the inside of a JSON string.
type char struct {
	char       rune // the first character of a cluster
	start, end int
}

// scan decodes the first character of the inside of a JSON string. Half a surrogate pair
// decodes to U+FFFD.
func scan(s string) (r rune, size int) {
	switch {
	case s[0] != '\\':
		return utf8.DecodeRuneInString(s)
	case s[1] != 'u':
		size = 2
	case len(s) >= 12 && strings.ContainsRune("89abAB", rune(s[3])) && strings.ContainsRune("dD", rune(s[2])):
		size = 12
	default:
		size = 6
	}
	var text string
	if err := json.Unmarshal([]byte(`"`+s[:size]+`"`), &text); err != nil {
		panic(err)
	}
	r, _ = utf8.DecodeRuneInString(text)
	return r, size
}

// chars returns the characters of the inside of a JSON string.
func chars(s string) []char {
	var all []char
	for i := 0; i < len(s); {
		r, size := scan(s[i:])
		all = append(all, char{r, i, i + size})
		i += size
	}
	return all
}

// clusters returns the grapheme clusters of the inside of a JSON string.
func clusters(s string) []char {
	runes := chars(s)
	var text []byte
	for _, c := range runes {
		text = utf8.AppendRune(text, c.char)
	}
	var all []char
	for it := graphemes.FromBytes(text); it.Next(); {
		n := utf8.RuneCount(it.Value())
		all = append(all, char{runes[0].char, runes[0].start, runes[n-1].end})
		runes = runes[n:]
	}
	return all
}

// run is consecutive text of the same channel, or another event.
type run struct {
	channel string
	text    string
	times   []time.Duration // of each byte of text
}

// runs joins items to runs.
func runs(items []item) []run {
	var all []run
	for _, it := range items {
		n := len(all)
		if it.channel == "" || n == 0 || all[n-1].channel != it.channel {
			all = append(all, run{channel: it.channel})
			n++
		}
		r := &all[n-1]
		r.text += it.text
		for range len(it.text) {
			r.times = append(r.times, it.at)
		}
	}
	return all
}

// unit is a cluster of text or another event, with the times of the complete arrival and
// the complete output.
type unit struct {
	char          rune
	arrived, sent time.Duration
}

// compare returns the units of text and the other events of a stream, given the input and
// the output of an algorithm. Both must have the same content in the same order.
func compare(input, output []item) (units, others []unit, err error) {
	in, out := runs(input), runs(output)
	for i, r := range in {
		if i >= len(out) || out[i].channel != r.channel || out[i].text != r.text {
			return nil, nil, fmt.Errorf("run %d of %d differs from the input: %.60q", i, len(in), r.text)
		}
		if r.channel == "" {
			others = append(others, unit{arrived: r.times[0], sent: out[i].times[0]})
			continue
		}
		for _, c := range clusters(r.text) {
			units = append(units, unit{c.char, r.times[c.end-1], out[i].times[c.end-1]})
		}
	}
	if len(out) > len(in) {
		return nil, nil, fmt.Errorf("the output has %d runs, the input %d", len(out), len(in))
	}
	return units, others, nil
}

// result is the measurement of an algorithm with a pattern.
type result struct {
	p50, p99, max time.Duration // added latency of a character
	tail          time.Duration // from the end of the upstream to the last event
	pause, own    time.Duration // longest pause; longest part of a pause with a backlog
	jump          int           // most characters in an instant
	breaths       float64       // share of long pauses that follow punctuation, in percent
	uneven        float64       // coefficient of variation of the gaps between plain characters
	still         float64       // share of time without movement, in percent
	stutter       float64       // share of time without movement despite a backlog, in percent
	rate          float64       // coefficient of variation of the characters in each window
	events        float64       // per second
	flicker       float64       // events that leave a half-open Markdown construct, in percent
}

// still is the longest gap between two events that readers perceive as movement.
const still = 100 * time.Millisecond

// window is the length of the windows of the visible rate.
const window = 200 * time.Millisecond

// instant is the longest time that readers perceive as a single moment.
const instant = time.Millisecond

// longPause is the shortest pause that readers notice.
const longPause = 150 * time.Millisecond

// punctuation are the characters with longer pauses than others.
const punctuation = "\n。！？….!?、，,：:；;-#*`"

// measure computes the result from the units of text and the other events.
func measure(units, others []unit) result {
	var r result
	latencies := make([]time.Duration, len(units))
	for i, u := range units {
		latencies[i] = u.sent - u.arrived
	}
	slices.Sort(latencies)
	r.p50, r.p99 = latencies[len(latencies)/2], latencies[len(latencies)*99/100]
	r.max = latencies[len(latencies)-1]
	end := others[len(others)-1]
	r.tail = end.sent - end.arrived

	var long, breaths, first int // first: the first unit of this instant
	var gaps []float64
	for i, u := range units {
		if u.sent < units[first].sent+instant {
			r.jump = max(r.jump, i-first+1)
			continue
		}
		first = i
		before := units[i-1]
		gap := u.sent - before.sent
		r.pause = max(r.pause, gap)
		own := u.sent - max(before.sent, u.arrived)
		r.own = max(r.own, own)
		if gap > still {
			r.still += float64(gap)
			r.stutter += max(0, float64(own))
		}
		after := strings.ContainsRune(punctuation, before.char)
		if gap >= longPause {
			long++
			if after {
				breaths++
			}
		}
		if !after && u.arrived <= before.sent {
			gaps = append(gaps, float64(gap))
		}
	}
	whole := float64(units[len(units)-1].sent - units[0].sent + 1)
	r.still, r.stutter = 100*r.still/whole, 100*r.stutter/whole
	r.rate = variation(rates(units))
	r.breaths, r.uneven = math.NaN(), variation(gaps)
	if long > 0 {
		r.breaths = 100 * float64(breaths) / float64(long)
	}
	return r
}

// rates returns the number of units in each whole window from the first to the last unit.
func rates(units []unit) []float64 {
	start := units[0].sent
	counts := make([]float64, (units[len(units)-1].sent-start)/window)
	for _, u := range units {
		if i := int((u.sent - start) / window); i < len(counts) {
			counts[i]++
		}
	}
	return counts
}

// variation returns the coefficient of variation, or NaN for too few values.
func variation(values []float64) float64 {
	const few = 10
	if len(values) < few {
		return math.NaN()
	}
	var sum, squares float64
	for _, v := range values {
		sum += v
	}
	mean := sum / float64(len(values))
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	return math.Sqrt(squares/float64(len(values))) / mean
}
