package typewriter

// Canonical returns the canonical form of a position: the end of a text is the beginning of
// the next entry.
func (l *Log) Canonical(p Position) Position {
	if e, _, ok := l.Read(p.Entry); ok && p.Offset > 0 && p.Offset >= len(e.Text) {
		return Position{Entry: p.Entry + 1}
	}
	return p
}

// Prefix returns a new log with the visible events of l before a position. The arrivals are
// those of l. The caller ends the new log, which takes its size from the budget of l even if
// the budget has no room left.
func (l *Log) Prefix(end Position) *Log {
	prefix := &Log{start: l.start, maxBytes: maxLogBytes, budget: l.budget}
	for i := 0; i <= end.Entry; i++ {
		e, at, ok := l.Read(i)
		if i == end.Entry {
			e.Text = e.Text[:min(end.Offset, len(e.Text))]
			ok = ok && end.Offset > 0
		}
		if !ok {
			break
		}
		prefix.force(e, l.start.Add(at)) // nobody else has the log yet
	}
	return prefix
}
