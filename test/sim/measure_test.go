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

// char is one character or one cluster in the inside of a JSON string.
type char struct {
	char       rune // the first, if it is a cluster
	start, end int
}

// scan reads the first character of the inside of a JSON string; half a
// surrogate pair is read as U+FFFD.
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

func chars(s string) []char {
	var all []char
	for i := 0; i < len(s); {
		r, size := scan(s[i:])
		all = append(all, char{r, i, i + size})
		i += size
	}
	return all
}

// clusters cuts the inside of a JSON string into grapheme clusters.
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

// run is an unbroken run of one channel's text, or one other event. Times holds
// when each of its bytes came or left.
type run struct {
	channel string
	text    string
	times   []time.Duration
}

// runs joins the items of a stream.
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

// unit is a cluster of the text: when it was complete in the upstream, and when
// its last part left.
type unit struct {
	char          rune
	arrived, left time.Duration
}

// compare pairs what came with what left. It returns an error when that is not
// the same text, or not in the same order.
func compare(came, left []item) (units []unit, others []unit, err error) {
	in, out := runs(came), runs(left)
	for i, r := range in {
		if i >= len(out) || out[i].channel != r.channel || out[i].text != r.text {
			return nil, nil, fmt.Errorf("run %d of %d is not what came: %.60q", i, len(in), r.text)
		}
		if r.channel == "" {
			others = append(others, unit{arrived: r.times[0], left: out[i].times[0]})
			continue
		}
		for _, c := range clusters(r.text) {
			units = append(units, unit{c.char, r.times[c.end-1], out[i].times[c.end-1]})
		}
	}
	if len(out) > len(in) {
		return nil, nil, fmt.Errorf("%d runs left, %d came", len(out), len(in))
	}
	return units, others, nil
}

// result is what an algorithm made of a pattern.
type result struct {
	p50, p99, max time.Duration // added latency of a character
	tail          time.Duration // from the upstream's end to the last event
	pause, own    time.Duration // longest pause; longest part of one while text waited
	jump          int           // most characters in one instant
	breaths       float64       // share of long pauses that follow punctuation, in percent
	uneven        float64       // coefficient of variation of the gaps between plain characters
}

// instant is what a reader sees as one moment.
const instant = time.Millisecond

// longPause is the shortest pause that a reader sees as one.
const longPause = 150 * time.Millisecond

// punctuation is all that has a longer pause than other characters.
const punctuation = "\n。！？….!?、，,：:；;-#*`"

func measure(units, others []unit) result {
	var r result
	latencies := make([]time.Duration, len(units))
	for i, u := range units {
		latencies[i] = u.left - u.arrived
	}
	slices.Sort(latencies)
	r.p50, r.p99 = latencies[len(latencies)/2], latencies[len(latencies)*99/100]
	r.max = latencies[len(latencies)-1]
	end := others[len(others)-1]
	r.tail = end.left - end.arrived

	var long, breaths, first int // first: of those that left in this instant
	var gaps []float64
	for i, u := range units {
		if u.left < units[first].left+instant {
			r.jump = max(r.jump, i-first+1)
			continue
		}
		first = i
		before := units[i-1]
		gap := u.left - before.left
		r.pause = max(r.pause, gap)
		r.own = max(r.own, u.left-max(before.left, u.arrived))
		after := strings.ContainsRune(punctuation, before.char)
		if gap >= longPause {
			long++
			if after {
				breaths++
			}
		}
		if !after && u.arrived <= before.left {
			gaps = append(gaps, float64(gap))
		}
	}
	r.breaths, r.uneven = math.NaN(), variation(gaps)
	if long > 0 {
		r.breaths = 100 * float64(breaths) / float64(long)
	}
	return r
}

// variation is the standard deviation divided by the mean; of too few values it
// is not a number.
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
