package typewriter

// stepCode continues a code block.
func (m *markdown) stepCode(u unit, c rune) {
	if m.state == inFenceLine && c == '`' && m.marker == '`' && m.last != '`' {
		m.stack = append(m.stack, mark{c, m.run}) // inline code with a long marker
		m.join(m.plain)
		m.begin(u, c)
		return
	}
	m.hold(u)
	switch m.state {
	case inFenceLine:
		if m.last == m.marker && c == m.marker {
			m.run++
		} else if c == '\n' {
			m.fence = m.marker
			m.join(u.pause)
		}
	case inFenceEnd:
		switch {
		case c == m.fence:
			m.run++
		case c == '\n' && m.run >= 3:
			m.fence = 0
			m.join(u.pause)
		case c == '\n':
			m.join(u.pause)
		case c != ' ':
			m.state = inCode
		}
	default:
		// A word leaves with the white space behind it, the indentation with the first word.
		if c == '\n' || (c == ' ' || c == '\t') && !m.indent {
			m.join(u.pause)
		} else if m.indent && c == m.fence {
			m.state, m.run = inFenceEnd, 1
		}
	}
}

// stepTable continues a table.
func (m *markdown) stepTable(u unit, c rune) {
	switch {
	case m.state == inSeparator && m.indent && c != '|': // the header was a line of text
		m.join(m.parts[len(m.parts)-1].pause)
		m.begin(u, c)
		return
	case c != '\n':
		m.hold(u)
		return
	}
	m.hold(u)
	if m.state == inHeader {
		m.state = inSeparator
		return
	}
	m.inTable = true
	m.join(u.pause)
}
