package typewriter

import (
	"unsafe"

	"sse-typewriter/internal/jsontext"
)

// Contains reports whether playing the log can lead to a position: the end of an entry or
// of a character within the text. Trimmed entries are not contained.
func (l *Log) Contains(p Position) bool {
	n, _ := l.Len()
	if p.Entry < l.firstEntry() || p.Entry > n || p.Entry == n && p.Offset > 0 {
		return false
	}
	if p.Offset == 0 {
		return true
	}
	e, _, _ := l.Read(p.Entry)
	at := 0
	for at < p.Offset && at < len(e.Text) && e.Frame.IsText() {
		_, size := jsontext.ScanRune(e.Text[at:])
		at += size
	}
	return at == p.Offset
}

// Backlog counts the clusters of visible text after a position, as if all text were of the
// same channel. A position in a trimmed entry counts as the beginning of the log.
func (l *Log) Backlog(from Position) int {
	var split splitter
	n := 0
	for text := l.after(from); text != ""; n++ {
		text = text[split.first(text).size:]
	}
	return n
}

// after returns all visible text after a position.
func (l *Log) after(from Position) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	shown, _ := l.shown()
	n := min(shown-l.firstKept, len(l.entries))
	i := max(from.Entry-l.firstKept, 0)
	if i >= n {
		return ""
	}
	begin, end := 0, int(l.entries[n-1].end-l.textStart)
	if i > 0 {
		begin = int(l.entries[i-1].end - l.textStart)
	}
	if from.Entry >= l.firstKept {
		begin = min(begin+from.Offset, int(l.entries[i].end-l.textStart))
	}
	text := l.text[begin:end]
	return unsafe.String(unsafe.SliceData(text), len(text)) // as in read
}

// firstEntry returns the first untrimmed entry.
func (l *Log) firstEntry() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.firstKept
}
