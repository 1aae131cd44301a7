package terminal

import (
	"bytes"
	"io"
)

// Bracketed paste (xterm): with pasteOn, the terminal marks pasted text.
const (
	pasteOn    = "\x1b[?2004h"
	pasteOff   = "\x1b[?2004l"
	pasteStart = "\x1b[200~"
	pasteEnd   = "\x1b[201~"
)

// continuation at the end of a line continues the question on the next line.
const continuation = `\`

// pasteReader reads keys from a terminal. Lines of a paste become continued lines, so that
// a paste is one question and never sends itself. Pasted control characters are removed.
type pasteReader struct {
	in       io.Reader
	pasting  bool
	previous byte   // of the paste
	cut      []byte // beginning of a marker, at the end of the last read
	ready    []byte
}

// Read implements [io.Reader].
func (r *pasteReader) Read(p []byte) (int, error) {
	buf := make([]byte, 1024)
	for len(r.ready) == 0 {
		n, err := r.in.Read(buf)
		r.add(buf[:n])
		if err != nil && len(r.ready) == 0 {
			return 0, err
		}
	}
	n := copy(p, r.ready)
	r.ready = r.ready[n:]
	return n, nil
}

// add appends keys to the bytes that are ready.
func (r *pasteReader) add(keys []byte) {
	keys = append(r.cut, keys...)
	for {
		marker := pasteStart
		if r.pasting {
			marker = pasteEnd
		}
		before, after, found := bytes.Cut(keys, []byte(marker))
		if !found {
			n := cutMarker(keys, marker)
			r.emit(keys[:len(keys)-n])
			r.cut = bytes.Clone(keys[len(keys)-n:])
			return
		}
		r.emit(before)
		r.pasting = !r.pasting
		keys = after
	}
}

// cutMarker returns the length of the beginning of a marker at the end of keys.
func cutMarker(keys []byte, marker string) int {
	for n := min(len(keys), len(marker)-1); n > 0; n-- {
		if bytes.HasSuffix(keys, []byte(marker[:n])) {
			return n
		}
	}
	return 0
}

// emit makes keys ready.
func (r *pasteReader) emit(keys []byte) {
	if !r.pasting {
		r.ready = append(r.ready, keys...)
		return
	}
	for _, key := range keys {
		switch {
		case key == '\n' && r.previous == '\r': // the rest of CRLF
		case key == '\r', key == '\n':
			r.ready = append(r.ready, continuation+"\r"...)
		case key >= ' ' && key != 0x7f, key == '\t':
			r.ready = append(r.ready, key)
		}
		r.previous = key
	}
}
