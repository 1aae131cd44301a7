package typewriter

import (
	"slices"
	"time"
	"unicode"
)

// markdown joins grapheme clusters to units that a renderer of Markdown can show without
// changing its mind: a marker leaves with its text, a link with its address, a table row by
// row. Each cluster is examined once. Only the units change, never the text: a wrong guess, an
// unbalanced mark or an unfinished construct costs no more than a coarser unit.
type markdown struct {
	queue   *unitQueue
	natural []time.Duration
	plain   pauseID // the pause after a unit that ends within a line

	channel string
	state   markdownState
	parts   []unit // the clusters of the construct, held until its end is known
	marker  rune   // of the run at the end of parts, or the closing bracket
	run     int    // the length of the run; the depth of brackets
	start   bool   // only white space precedes the construct in its line

	prev     rune   // the last character before the construct
	last     rune   // the last character
	stack    []mark // open emphasis and inline code
	brackets int    // open square brackets
	fence    rune   // the character of the open code fence, or 0
	inTable  bool   // the last line was a row of a table
	indent   bool   // only white space so far in this line

	pushed int           // units queued since the last event that is no text
	adjust time.Duration // the growth in natural time by joining, not yet reported
}

// mark is an open run of markers.
type mark struct {
	char rune
	run  int
}

type markdownState uint8

const (
	inText         markdownState = iota
	inOpening                    // a run of markers that may open
	inClosing                    // a run of markers that may close
	inHeading                    // the marks of a heading, and their spaces
	inFenceLine                  // the line that opens a code block
	inCode                       // a word in a code block
	inFenceEnd                   // a run that may close a code block
	inRow                        // a row of a table
	inHeader                     // the header of a table, up to the separator
	inSeparator                  // the separator of a table
	afterBracket                 // a closing square bracket
	inTarget                     // the address behind it
	afterBang                    // an exclamation mark that may begin an image
	inImage                      // an image
	inCitation                   // a number in square brackets
	inLenticular                 // a citation in 【】
	inEntity                     // an HTML entity
	afterDollar                  // a dollar sign that may begin a formula
	inInlineMath                 // $..$
	inDisplayMath                // $$..$$
	afterBackslash               // an escape, or the beginning of \(..\) or \[..\]
	inTeX                        // \(..\) or \[..\]
)

const (
	// maxHeld bounds a construct in clusters.
	maxHeld = 1024

	// maxShort bounds the constructs that are short if they are any: a number in brackets,
	// an entity, a citation, and a formula in a line.
	maxShort = 64

	// maxMarks bounds the open runs of markers.
	maxMarks = 16
)

// reset begins a text, unless it continues the last one.
func (m *markdown) reset(channel string) {
	if channel != m.channel {
		*m = markdown{queue: m.queue, natural: m.natural, parts: m.parts[:0], stack: m.stack[:0]}
		m.channel, m.indent, m.prev, m.last = channel, true, '\n', '\n'
	}
}

// takeAdjust returns the growth in natural time since the last call.
func (m *markdown) takeAdjust() time.Duration {
	d := m.adjust
	m.adjust = 0
	return d
}

// add queues a cluster, or holds it as a part of a construct.
func (m *markdown) add(u unit, c rune) {
	if m.state == inText && m.fence == 0 && !isSpecial(c) { // saves half the time
		m.push(u)
		m.last = c
		if m.indent && c != ' ' && c != '\t' {
			m.indent, m.inTable = false, false
		}
		return
	}
	if m.state == inText {
		m.prev, m.start = m.last, m.indent
	}
	m.step(u, c)
	if len(m.parts) >= maxHeld {
		m.abandon()
	}
	m.passed(c)
}

// specials are the characters below U+0080 that may begin a construct or end a line, as bits.
var specials = func() (bits [2]uint64) {
	for _, c := range "\n*_~`[]!&$\\|#" {
		bits[c>>6] |= 1 << (c & 63)
	}
	return bits
}()

func isSpecial(c rune) bool {
	if c < 0 || c >= 0x80 {
		return c == '【'
	}
	return specials[c>>6]&(1<<(c&63)) != 0
}

// passed records a character that has been queued, held or written.
func (m *markdown) passed(c rune) {
	m.last = c
	switch {
	case c == '\n':
		if m.indent { // a blank line ends a paragraph
			m.stack, m.brackets = m.stack[:0], 0
		}
		m.indent = true
	case c != ' ' && c != '\t':
		if m.indent && c != '|' {
			m.inTable = false
		}
		m.indent = false
	}
}

// holdTime returns how long a cluster at the end of the text waits for the next, which may
// join it to a construct.
func (m *markdown) holdTime(c rune) time.Duration {
	holds := false
	switch c {
	case '!': // mostly the end of a sentence
		if !m.inCodeSpan() && m.fence == 0 {
			return HoldTime
		}
	case '*', '_', '~', '[', '&', '$', '\\', '【':
		holds = !m.inCodeSpan()
	case '`':
		holds = true
	case ']':
		holds = m.brackets > 0
	case '|', '#':
		holds = m.indent
	}
	if holds || m.fence != 0 && !unicode.IsSpace(c) {
		return MarkdownHoldTime
	}
	return 0
}

// inCodeSpan reports whether inline code is open.
func (m *markdown) inCodeSpan() bool {
	return len(m.stack) > 0 && m.stack[len(m.stack)-1].char == '`'
}

// step is the transition of the state by a cluster.
func (m *markdown) step(u unit, c rune) {
	switch m.state {
	case inText:
		m.begin(u, c)
	case inOpening, inClosing, inHeading:
		m.stepRun(u, c)
	case inFenceLine, inCode, inFenceEnd:
		m.stepCode(u, c)
	case inRow, inHeader, inSeparator:
		m.stepTable(u, c)
	case afterDollar, inInlineMath, inDisplayMath, afterBackslash, inTeX:
		m.stepMath(u, c)
	default:
		m.stepLink(u, c)
	}
}

// begin begins a construct, or queues a cluster of text.
func (m *markdown) begin(u unit, c rune) {
	switch {
	case m.fence != 0:
		m.state = inCode
		if c == m.fence && m.indent {
			m.state, m.run = inFenceEnd, 0
		}
		m.stepCode(u, c)
		return
	case m.inCodeSpan() && c != '`':
		m.push(u)
		return
	case m.indent && c == '|':
		m.state = inRow
		if !m.inTable {
			m.state = inHeader
		}
	case m.indent && c == '#':
		m.state, m.marker = inHeading, c
	default:
		m.beginInline(u, c)
		return
	}
	m.hold(u)
}

// beginInline begins a construct within a line, or queues a cluster of text.
func (m *markdown) beginInline(u unit, c rune) {
	switch c {
	case '*', '_', '~', '`':
		m.marker, m.run, m.state = c, 1, inOpening
		if n := m.open(c); n > 0 && (c == '`' || !unicode.IsSpace(m.last)) {
			m.state = inClosing
			m.hold(u)
			m.closeRun(n)
			return
		}
	case '[':
		m.state = inCitation
	case ']':
		if m.brackets == 0 {
			m.push(u)
			return
		}
		m.brackets--
		m.state = afterBracket
	case '!':
		m.state = afterBang
	case '【':
		m.state = inLenticular
	case '&':
		m.state = inEntity
	case '$':
		m.state = afterDollar
	case '\\':
		m.state = afterBackslash
	default:
		m.push(u)
		return
	}
	m.hold(u)
}

// push queues a unit.
func (m *markdown) push(u unit) {
	m.queue.push(u)
	m.pushed++
}

// close ends a run of text: the construct is incomplete.
func (m *markdown) close() {
	m.abandon()
	m.pushed = 0
}

// hold adds a cluster to the construct.
func (m *markdown) hold(u unit) { m.parts = append(m.parts, u) }

// open returns the length of the innermost open run of a marker, or 0.
func (m *markdown) open(c rune) int {
	for _, mark := range slices.Backward(m.stack) {
		if mark.char == c {
			return mark.run
		}
	}
	return 0
}

// closeRun ends a closing run that has reached its length. The run leaves with the unit
// before, if that still waits.
func (m *markdown) closeRun(length int) {
	if m.run < length {
		return
	}
	for i, mark := range slices.Backward(m.stack) {
		if mark.char == m.marker {
			m.stack = m.stack[:i] // inner runs were no markers
			break
		}
	}
	m.join(m.plain)
	if m.pushed > 1 {
		m.adjust += m.queue.mergeLast(m.natural)
	}
}

// stepRun continues a run of markers, or looks at the cluster behind.
func (m *markdown) stepRun(u unit, c rune) {
	if c == m.marker {
		m.hold(u)
		m.run++
		switch {
		case m.state == inClosing:
			m.closeRun(m.open(c))
		case m.state == inOpening && m.start && m.run >= 3 && c != '*' && c != '_':
			m.state = inFenceLine
		}
		return
	}
	if m.state == inHeading {
		m.hold(u)
		if c != ' ' {
			m.join(u.pause)
		}
		return
	}
	word := func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }
	switch {
	case c == '\n':
		m.join(m.plain)
		m.begin(u, c)
	case unicode.IsSpace(c): // a list marker, a product
		m.hold(u)
		m.join(m.plain)
	case m.state == inClosing && m.marker == '`', // backticks within code
		m.marker == '_' && word(m.prev): // within a name
		m.join(m.plain)
		m.begin(u, c)
	default:
		if len(m.stack) < maxMarks {
			m.stack = append(m.stack, mark{m.marker, m.run})
		}
		m.hold(u)
		if m.marker != '`' && (c == '*' || c == '_' || c == '~' || c == '`') {
			m.state, m.marker, m.run, m.prev, m.start = inOpening, c, 1, m.last, false
			return
		}
		if c == '[' {
			m.brackets++
		}
		m.join(u.pause)
	}
}

// again gives up the construct before a cluster and looks at the cluster anew.
func (m *markdown) again(u unit, c rune) {
	m.abandon()
	m.prev, m.start = m.last, m.indent
	m.begin(u, c)
}

// join queues the parts as a single unit with a pause.
func (m *markdown) join(pause pauseID) {
	m.state = inText
	if len(m.parts) == 0 {
		return
	}
	whole := unit{pause: pause}
	for _, part := range m.parts {
		whole.size += part.size
		m.adjust -= m.natural[part.pause]
	}
	m.adjust += m.natural[pause]
	m.parts = m.parts[:0]
	m.push(whole)
}

// abandon queues the parts one by one: they are no construct, or its end never came.
func (m *markdown) abandon() {
	for _, part := range m.parts {
		m.push(part)
	}
	m.parts, m.state = m.parts[:0], inText
}
