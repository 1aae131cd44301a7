package sim

import (
	"testing"
	"time"
	"unicode"
)

// The algorithms of other projects, written from their published descriptions. They are
// functions of the arrivals and need no clock.

// smoothStream is the algorithm of the AI SDK with default settings: a word with the white
// space behind (/\S+\s+/m) is sent as a piece, 10 ms after the word before. Any other event
// flushes the buffered text. Text without white space is therefore a single word.
func smoothStream(_ *testing.T, arrivals []arrival) []item {
	const delay = 10 * time.Millisecond
	var (
		sent []item
		now  time.Duration
		rest item
	)
	flush := func() {
		if rest.text != "" {
			sent = append(sent, item{now, rest.channel, rest.text})
			rest.text = ""
		}
	}
	for _, a := range arrivals {
		now = max(now, a.at)
		in := itemOf(a.at, a.event)
		if in.channel == "" || in.channel != rest.channel {
			flush()
		}
		if in.channel == "" {
			sent = append(sent, item{now, "", in.text})
			continue
		}
		rest.channel = in.channel
		rest.text += in.text
		for n := spacedWord(rest.text); n > 0; n = spacedWord(rest.text) {
			sent = append(sent, item{now, rest.channel, rest.text[:n]})
			rest.text = rest.text[n:]
			now += delay
		}
	}
	flush()
	return sent
}

// spacedWord returns the length of the first word with the white space around, or 0 if no
// white space follows the word yet.
func spacedWord(text string) int {
	word, end := false, 0
	for i := 0; i < len(text); {
		r, size := scan(text[i:])
		i += size
		switch {
		case !unicode.IsSpace(r) && end > 0:
			return end
		case !unicode.IsSpace(r):
			word = true
		case word:
			end = i
		}
	}
	return end
}

// chatUI is the algorithm of chat-ui, which reveals words: at 1.1 times the rate of arrival
// (here of the last second), but not slower than 0.3 characters a millisecond, nor too slow
// to finish within 400 ms after the end of the upstream. Ideographs are words of their own.
func chatUI(_ *testing.T, arrivals []arrival) []item {
	const (
		lead  = 1.1
		least = 0.3 / float64(time.Millisecond)
		drain = 400 * time.Millisecond
	)
	words := wordsOf(arrivals)
	end := arrivals[len(arrivals)-1].at
	left := 0
	for _, w := range words {
		left += w.chars
	}
	var (
		sent  []item
		free  time.Duration // when the next word may leave
		first int           // the first arrival of the last second
	)
	for _, w := range words {
		now := max(free, w.at)
		sent = append(sent, item{now, w.channel, w.text})
		for arrivals[first].at < now-time.Second {
			first++
		}
		came := 0
		for _, a := range arrivals[first:] {
			if a.at > now {
				break
			}
			if a.event.Frame.IsText() {
				came += len(chars(a.event.Text))
			}
		}
		left -= w.chars
		rate := max(lead*float64(came)/float64(time.Second), least)
		if now >= end && now < end+drain {
			rate = max(rate, float64(left)/float64(end+drain-now))
		}
		free = now + time.Duration(float64(w.chars)/rate)
	}
	return sent
}

// word is an item and the number of characters of its text.
type word struct {
	item
	chars int
}

// wordsOf cuts arrivals into words. The time of a word is the arrival of the following
// character or event, which completes the word.
func wordsOf(arrivals []arrival) []word {
	var words []word
	open := word{}
	closeWord := func(at time.Duration) {
		if open.text != "" {
			open.at = at
			words = append(words, open)
			open = word{}
		}
	}
	for _, a := range arrivals {
		in := itemOf(a.at, a.event)
		if in.channel == "" {
			closeWord(a.at)
			words = append(words, word{item: in})
			continue
		}
		if in.channel != open.channel {
			closeWord(a.at)
		}
		for _, c := range chars(in.text) {
			if !continues(c.char) {
				closeWord(a.at)
			}
			open.channel = in.channel
			open.text += in.text[c.start:c.end]
			open.chars++
			if !continues(c.char) {
				closeWord(a.at)
			}
		}
	}
	return words
}

// continues reports whether a character continues a word.
func continues(r rune) bool {
	return unicode.In(r, unicode.Latin, unicode.Digit) || r == '\'' || unicode.In(r, unicode.M, unicode.Cf)
}
