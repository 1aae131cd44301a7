package typewriter

import "unicode"

// stepLink continues a link, an image, a citation or an entity.
func (m *markdown) stepLink(u unit, c rune) {
	switch m.state {
	case afterBracket:
		switch c {
		case '(':
			m.state, m.marker, m.run = inTarget, ')', 1
		case '[':
			m.state, m.marker, m.run = inTarget, ']', 1
		default:
			if len(m.parts) > 1 { // a citation
				m.join(m.plain)
			}
			m.again(u, c)
			return
		}
		m.hold(u)
	case inTarget:
		m.stepTarget(u, c)
	case afterBang:
		if c != '[' {
			m.again(u, c)
			return
		}
		m.state, m.run = inImage, 0
		m.hold(u)
	case inImage:
		if c == '\n' {
			m.again(u, c)
			return
		}
		m.hold(u)
		if c == '(' && m.last == ']' {
			m.state, m.marker, m.run = inTarget, ')', 1
		}
	default:
		m.stepShort(u, c)
	}
}

// stepTarget holds an address up to its closing bracket.
func (m *markdown) stepTarget(u unit, c rune) {
	switch c {
	case '\n':
		m.again(u, c)
		return
	case '(':
		if m.marker == ')' {
			m.run++
		}
	case m.marker:
		m.run--
	}
	m.hold(u)
	if m.run == 0 {
		m.join(m.plain)
	}
}

// stepShort holds a citation or an entity.
func (m *markdown) stepShort(u unit, c rune) {
	digit := c >= '0' && c <= '9'
	letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	switch {
	case len(m.parts) >= maxShort:
	case m.state == inCitation && c == ']' && len(m.parts) > 1:
		m.state = afterBracket
		m.hold(u)
		return
	case m.state == inLenticular && c == '】' || m.state == inEntity && c == ';' && len(m.parts) > 1:
		m.hold(u)
		m.join(m.plain)
		return
	case m.state == inCitation && (digit || c == '^' || c == ',' && len(m.parts) > 1),
		m.state == inLenticular && c != '\n',
		m.state == inEntity && (digit || letter || c == '#'):
		m.hold(u)
		return
	}
	if m.state == inCitation {
		m.brackets++
	}
	m.again(u, c)
}

// stepMath continues a formula or an escape.
func (m *markdown) stepMath(u unit, c rune) {
	switch {
	case m.state == afterBackslash && (c == '(' || c == '['):
		m.state, m.marker = inTeX, map[rune]rune{'(': ')', '[': ']'}[c]
	case m.state == afterBackslash && c != '\n': // an escaped mark
		m.hold(u)
		m.join(m.plain)
		return
	case m.state == inTeX && c == m.marker && m.last == '\\',
		m.state == inDisplayMath && c == '$' && m.last == '$' && len(m.parts) > 2,
		m.state == inInlineMath && c == '$' && !unicode.IsSpace(m.last):
		m.hold(u)
		m.join(m.plain)
		return
	case m.state == inTeX, m.state == inDisplayMath:
	case m.state == afterDollar && c == '$':
		m.state = inDisplayMath
	case m.state == afterDollar && !unicode.IsSpace(c) && (c < '0' || c > '9'): // no amount of money
		m.state = inInlineMath
	case m.state == inInlineMath && c != '\n' && len(m.parts) < maxShort:
	default:
		m.again(u, c)
		return
	}
	m.hold(u)
}
