package sim

import (
	"math"
	"strings"
)

// eventRate returns the events of text per second, or NaN if all are sent at once.
func eventRate(items []item) float64 {
	var n float64
	first, last := -1, -1
	for i, it := range items {
		if it.channel == "" {
			continue
		}
		if first < 0 {
			first = i
		}
		last = i
		n++
	}
	if d := items[last].at - items[first].at; d > instant {
		return n / d.Seconds()
	}
	return math.NaN()
}

// flicker returns the share of events of text, in percent, that leave a half-open
// construct of Markdown at their end: a renderer would show its source and replace it by
// the next event.
func flicker(items []item) float64 {
	var bad, all float64
	var text strings.Builder
	line, fenced := 0, false // the start of the last line, and whether it is in a code block
	channel := ""
	for _, it := range items {
		if it.channel == "" {
			continue
		}
		if it.channel != channel {
			channel, line, fenced = it.channel, 0, false
			text.Reset()
		}
		for _, c := range chars(it.text) {
			text.WriteRune(c.char)
			if c.char == '\n' {
				if isFence(text.String()[line:]) {
					fenced = !fenced
				}
				line = text.Len()
			}
		}
		all++
		if halfOpen(text.String()[line:], fenced) {
			bad++
		}
	}
	return 100 * bad / all
}

func isFence(line string) bool { return strings.HasPrefix(strings.TrimLeft(line, " "), "```") }

// halfOpen reports whether the last line of a text, without its newline, ends within a
// construct.
func halfOpen(line string, fenced bool) bool {
	if line == "" {
		return false
	}
	trimmed := strings.TrimLeft(line, " ")
	if fenced || strings.HasPrefix(trimmed, "`") && strings.Trim(trimmed, "`") == "" || isFence(line) {
		return strings.HasPrefix(trimmed, "`") // a fence line
	}
	if strings.HasPrefix(trimmed, "|") {
		return true // a row
	}
	if i := strings.LastIndex(line, "]("); i >= 0 && !strings.Contains(line[i:], ")") {
		return true
	}
	if i := strings.LastIndex(line, "!["); i >= 0 && !strings.Contains(line[i:], "](") {
		return true
	}
	return opens(line)
}

// opens reports whether a line ends with a marker that shows nothing yet: an opening marker,
// or a part of a closing marker.
func opens(line string) bool {
	for _, marker := range []string{"*", "_", "~", "`"} {
		rest := strings.TrimRight(line, marker)
		run := len(line) - len(rest)
		if run == 0 {
			continue
		}
		if rest == "" || strings.HasSuffix(rest, " ") || strings.HasSuffix(rest, "：") {
			return true // opening; a list marker too, until its space
		}
		if strings.HasSuffix(rest, marker) {
			return false
		}
		// A closing marker must be as long as the last open one.
		open := 0
		for i := 0; i < len(rest); {
			n := 0
			for i+n < len(rest) && rest[i+n] == marker[0] {
				n++
			}
			switch {
			case n == 0:
				i++
				continue
			case open == 0:
				open = n
			default:
				open = 0
			}
			i += n
		}
		return run < open
	}
	return false
}
