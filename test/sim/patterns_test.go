package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"sse-typewriter/typewriter"
)

// The frames of text. Each other event has its own frame.
var (
	content   = &typewriter.Frame{Name: "delta", Head: `{"content":"`, Tail: `"}`, Channel: "content"}
	reasoning = &typewriter.Frame{Name: "delta", Head: `{"reasoning":"`, Tail: `"}`, Channel: "reasoning", Kind: typewriter.Reasoning}
)

// arrival is an event and the time of its arrival since the start.
type arrival struct {
	at    time.Duration
	event typewriter.Event
}

// pattern is an arrival pattern of an answer.
type pattern struct {
	name        string
	description string // for the document
	chars       int    // the approximate length in characters
	make        func(*upstream)
}

// cozeRate is the rate of Coze in characters a second.
const cozeRate = 33

var patterns = []pattern{
	{"steady", "A delta of 2 to 3 characters every 82 ms", 1000, steady},
	{"irregular", "Like Coze: deltas of 2.7 characters on average, exponential gaps, 33 characters a second", 1000, irregular},
	{"bursts of 20", "20 characters at once, then silence; 33 characters a second on average", 1000, burstsOf20},
	{"bursts of 100", "100 characters at once, then silence; 33 characters a second on average", 1000, burstsOf100},
	{"bursts of 500", "500 characters at once, then silence; 33 characters a second on average", 2000, burstsOf500},
	{"all at once", "The whole answer in one instant", 4000, allAtOnce},
	{"slow start", "No text for 2 s, then as irregular", 1000, slowStart},
	{"stall", "As irregular, with a silence of 5 s in the middle", 1000, stall},
	{"very slow", "As irregular, with 3 characters a second", 100, verySlow},
	{"very fast", "As irregular, with 400 characters a second", 4000, veryFast},
	{"Chinese", "As irregular, Chinese prose", 1000, chineseProse},
	{"English", "As irregular, English prose", 1000, englishProse},
	{"code", "As irregular, a code block with newlines, tabs and backticks", 1000, codeBlock},
	{"names", "As irregular, names with dots, each dot a delta of its own", 1000, dottedNames},
	{"emoji", "As irregular, with flags, families and skin tones cut anywhere, some as two escapes", 400, emojiText},
	{"reasoning", "As irregular, first the reasoning, then the answer", 800, reasoningThenAnswer},
	{"messages", "As irregular, 10 messages of 40 characters with a completed event after each", 400, manyMessages},
}

// allPatterns returns the generated and the recorded patterns.
func allPatterns() []pattern { return slices.Concat(patterns, recorded) }

// arrivals returns the events of the pattern, the same in each call.
func (p pattern) arrivals() []arrival {
	u := &upstream{random: rand.New(rand.NewPCG(1, 2)), rate: cozeRate, chars: p.chars}
	u.other("created")
	p.make(u)
	u.other("completed")
	u.other("done")
	return u.sent
}

// upstream generates the arrivals of a pattern.
type upstream struct {
	random *rand.Rand
	rate   float64 // characters a second
	chars  int     // the length of the answer

	now  time.Duration
	sent []arrival
}

func (u *upstream) other(name string) {
	head := fmt.Sprintf(`{"event":%d}`, len(u.sent))
	u.add(typewriter.Event{Frame: &typewriter.Frame{Name: name, Head: head}})
}

func (u *upstream) send(frame *typewriter.Frame, text string) {
	u.add(typewriter.Event{Frame: frame, Text: text})
}

// add sends an event, at least a nanosecond after the event before: with equal times the
// scheduler would decide how many of them a player sees.
func (u *upstream) add(e typewriter.Event) {
	u.sent = append(u.sent, arrival{u.now, e})
	u.now++
}

func (u *upstream) wait(seconds float64) {
	u.now += time.Duration(seconds * float64(time.Second))
}

// flow sends deltas at the upstream's rate, with exponential gaps.
func (u *upstream) flow(frame *typewriter.Frame, deltas []delta) {
	for _, d := range deltas {
		u.send(frame, d.text)
		u.wait(u.random.ExpFloat64() * float64(d.chars) / u.rate)
	}
}

// burst sends a text at once, cut into deltas.
func (u *upstream) burst(text []rune) {
	for _, d := range cut(u.random, text) {
		u.send(content, d.text)
	}
}

// bursts sends text in bursts of n characters.
func (u *upstream) bursts(n int) {
	for text := repeat(mixed, u.chars); len(text) > 0; text = text[n:] {
		u.burst(text[:n])
		if len(text) > n {
			u.wait(float64(n) / u.rate)
		}
	}
}

// prose sends a repeated text at the upstream's rate.
func (u *upstream) prose(text string) {
	u.flow(content, cut(u.random, repeat(text, u.chars)))
}

func steady(u *upstream) {
	sizes := []int{3, 3, 2, 3, 3, 2, 3, 3, 2, 3} // 2.7 on average
	text := repeat(mixed, u.chars)
	for i := 0; len(text) > 0; i++ {
		n := min(sizes[i%len(sizes)], len(text))
		u.send(content, escape(string(text[:n])))
		u.wait(meanDelta / u.rate)
		text = text[n:]
	}
}

func irregular(u *upstream) { u.prose(mixed) }

func burstsOf20(u *upstream) { u.bursts(20) }

func burstsOf100(u *upstream) { u.bursts(100) }

func burstsOf500(u *upstream) { u.bursts(500) }

func allAtOnce(u *upstream) { u.burst(repeat(mixed, u.chars)) }

func slowStart(u *upstream) {
	u.wait(2)
	u.prose(mixed)
}

func stall(u *upstream) {
	deltas := cut(u.random, repeat(mixed, u.chars))
	u.flow(content, deltas[:len(deltas)/2])
	u.wait(5)
	u.flow(content, deltas[len(deltas)/2:])
}

func verySlow(u *upstream) {
	u.rate = 3
	u.prose(mixed)
}

func veryFast(u *upstream) {
	u.rate = 400
	u.prose(mixed)
}

func chineseProse(u *upstream) { u.prose(chinese) }

func englishProse(u *upstream) { u.prose(english) }

func codeBlock(u *upstream) { u.prose(code) }

func dottedNames(u *upstream) {
	u.flow(content, cutAtDots(u.random, repeat(names, u.chars)))
}

// emojiText cuts text without regard to clusters. Of the deltas that end with a character
// beyond the first plane, every third is cut within that character: the second half of the
// surrogate pair gets its own delta.
func emojiText(u *upstream) {
	var deltas []delta
	far := 0
	for _, d := range cut(u.random, repeat(emoji, u.chars)) {
		last, size := utf8.DecodeLastRuneInString(d.text)
		high, low := utf16.EncodeRune(last)
		if high != utf8.RuneError {
			far++
		}
		if high == utf8.RuneError || far%3 != 0 {
			deltas = append(deltas, d)
			continue
		}
		before := d.text[:len(d.text)-size]
		deltas = append(deltas,
			delta{before + fmt.Sprintf(`\u%04x`, high), d.chars},
			delta{fmt.Sprintf(`\u%04x`, low), 1})
	}
	u.flow(content, deltas)
}

func reasoningThenAnswer(u *upstream) {
	half := u.chars / 2
	u.flow(reasoning, cut(u.random, repeat(chinese, half)))
	u.flow(content, cut(u.random, repeat(mixed, half)))
}

func manyMessages(u *upstream) {
	const messages = 10
	text, n := repeat(chinese, u.chars), u.chars/messages
	for i := range messages {
		u.flow(content, cut(u.random, text[i*n:(i+1)*n]))
		if i < messages-1 {
			u.other("completed")
		}
	}
}
