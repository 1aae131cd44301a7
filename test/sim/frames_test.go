package sim

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/clipperhouse/uax29/v2/words"
)

// Algorithms of other projects that reveal characters at regular ticks, from their
// published descriptions.

// backlog is the state of an algorithm at a tick.
type backlog struct {
	now     time.Duration
	waiting int           // characters that have arrived but are not shown
	left    time.Duration // time since the end of the upstream; negative before
}

// ticks runs an algorithm that shows some of the waiting characters at each tick. Other
// events follow the text before them.
func ticks(arrivals []arrival, tick time.Duration, law func(backlog) int) []item {
	var queue, sent []item
	for _, a := range arrivals {
		in := itemOf(a.at, a.event)
		if in.channel == "" {
			queue = append(queue, in)
			continue
		}
		for _, c := range chars(in.text) {
			queue = append(queue, item{in.at, in.channel, in.text[c.start:c.end]})
		}
	}
	end := arrivals[len(arrivals)-1].at
	for now := time.Duration(0); len(queue) > 0; now += tick {
		waiting := 0
		for _, it := range queue {
			if it.at > now {
				break
			}
			if it.channel != "" {
				waiting++
			}
		}
		show := 0
		if waiting > 0 {
			show = law(backlog{now, waiting, now - end})
		}
		for len(queue) > 0 && queue[0].at <= now {
			it := queue[0]
			if it.channel != "" {
				if show == 0 {
					break
				}
				show--
			}
			queue = queue[1:]
			if n := len(sent); it.channel != "" && n > 0 && sent[n-1].at == now && sent[n-1].channel == it.channel {
				sent[n-1].text += it.text
				continue
			}
			sent = append(sent, item{now, it.channel, it.text})
		}
	}
	return sent
}

// frame is a frame of a display with 60 Hz.
const frame = time.Second / 60

// libreChat is the algorithm of LibreChat's agents: every 25 ms a piece of the backlog, so
// that the backlog is sent within 250 ms, at least 4 characters. After the end of the
// upstream the rest is sent within 250 ms.
func libreChat(_ *testing.T, arrivals []arrival) []item {
	const tick, drain, least = 25 * time.Millisecond, 250 * time.Millisecond, 4
	return ticks(arrivals, tick, func(b backlog) int {
		over := drain
		if b.left > 0 {
			over = max(tick, drain-b.left)
		}
		return max(least, int(math.Ceil(float64(b.waiting)*float64(tick)/float64(over))))
	})
}

// assistantUI is the algorithm of assistant-ui's useSmooth: in each frame the time per
// character is the smaller of 5 ms and 250 ms divided by the backlog.
func assistantUI(_ *testing.T, arrivals []arrival) []item {
	var unused time.Duration
	return ticks(arrivals, frame, func(b backlog) int {
		perChar := min(5*time.Millisecond, 250*time.Millisecond/time.Duration(b.waiting))
		n := int((frame + unused) / perChar)
		unused = frame + unused - time.Duration(n)*perChar
		if n >= b.waiting {
			unused = 0
		}
		return n
	})
}

// markstream is the algorithm of markstream: 30 times a second, at a rate that sends the
// backlog within 900 ms, or within 350 ms if more than 600 characters wait, between 40 and
// 1,000 characters a second. The rate moves a fifth of the way at each commit.
func markstream(_ *testing.T, arrivals []arrival) []item {
	const commit, easing = time.Second / 30, 0.2
	rate, part := 40.0, 0.0
	return ticks(arrivals, commit, func(b backlog) int {
		within := 0.9
		if b.waiting > 600 {
			within = 0.35
		}
		want := min(max(float64(b.waiting)/within, 40), 1000)
		rate += easing * (want - rate)
		part += rate * commit.Seconds()
		n := int(part)
		part -= float64(n)
		return n
	})
}

// sillyTavern is the smooth streaming of SillyTavern at its default speed: a character
// every 20 ms, 250 ms after a comma or newline, 500 ms after the end of a sentence.
func sillyTavern(_ *testing.T, arrivals []arrival) []item {
	const delay = 20 * time.Millisecond
	var sent []item
	var free time.Duration
	for _, a := range arrivals {
		in := itemOf(a.at, a.event)
		free = max(free, in.at)
		if in.channel == "" {
			sent = append(sent, item{free, "", in.text})
			continue
		}
		for _, c := range chars(in.text) {
			sent = append(sent, item{free, in.channel, in.text[c.start:c.end]})
			switch {
			case strings.ContainsRune(",\n", c.char):
				free += delay * 25 / 2
			case strings.ContainsRune(".!?", c.char):
				free += delay * 25
			default:
				free += delay
			}
		}
	}
	return sent
}

// segmenterStream is smoothStream of the AI SDK with Intl.Segmenter: the first word of the
// buffered text is sent every 10 ms, complete or not.
func segmenterStream(_ *testing.T, arrivals []arrival) []item {
	const delay = 10 * time.Millisecond
	var sent []item
	var now time.Duration
	rest := item{}
	// flow sends the buffered words that are due before a time.
	flow := func(until time.Duration) {
		for rest.text != "" && now < until {
			var text strings.Builder
			all := chars(rest.text)
			for _, c := range all {
				text.WriteRune(c.char)
			}
			it := words.FromString(text.String())
			it.Next()
			n := all[len([]rune(it.Value()))-1].end
			sent = append(sent, item{now, rest.channel, rest.text[:n]})
			rest.text = rest.text[n:]
			now += delay
		}
	}
	for _, a := range arrivals {
		in := itemOf(a.at, a.event)
		flow(in.at)
		now = max(now, in.at)
		if in.channel == "" || in.channel != rest.channel {
			if rest.text != "" {
				sent = append(sent, item{now, rest.channel, rest.text})
			}
			rest = item{channel: in.channel}
		}
		if in.channel == "" {
			sent = append(sent, item{now, "", in.text})
			continue
		}
		rest.text += in.text
	}
	return sent
}
