package upstream

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

const (
	firstBuffer = 4 << 10  // bytes, enough for most events
	keptBuffer  = 64 << 10 // a larger buffer is freed after its event
)

// rawEvent is an event of an SSE stream, or a line of JSON.
type rawEvent struct {
	name, data string

	unended bool // the stream ended before the event's blank line, or the end of the line
	inLine  bool // the stream ended within a line of the event
}

// eventReader reads a stream of server-sent events (HTML, section 9.2.6). Lines end in
// LF, CRLF or CR; a byte order mark at the beginning is skipped, as are comments, ids,
// retry times and unknown fields. With ndjson, an eventReader reads lines of JSON, each as
// the data of an event; only LF ends a line, and blank lines are skipped.
type eventReader struct {
	r      io.Reader
	max    int // bytes of one event
	ndjson bool

	buf     []byte // buf[next:] is not consumed
	next    int
	scanned int  // bytes of buf[next:] without a line end
	skipLF  bool // the last line ended in CR
	begun   bool // the first line was read
	err     error

	// The event that is being read: the last name in the stream, the lines of data with LF
	// after each, and the number of bytes.
	name string
	data []byte
	size int
}

// read returns the next event that has data, if only an empty line of data. At the end of
// the stream an event without a blank line is returned too, also if it only has a name.
// The error is io.EOF after the last event, bufio.ErrTooLong for an event of more than max
// bytes, or the error of the underlying reader.
func (r *eventReader) read() (rawEvent, error) {
	if r.ndjson {
		return r.readJSON()
	}
	named := false
	for {
		line, err := r.readLine()
		if err != nil && !errors.Is(err, io.EOF) {
			return rawEvent{}, err
		}
		if len(line) > 0 {
			named = r.field(line) || named
		}
		switch {
		case err != nil && (named || len(r.data) > 0):
			e := r.dispatch(named)
			e.unended, e.inLine = true, len(line) > 0
			return e, nil
		case err != nil:
			return rawEvent{}, err
		case len(line) > 0:
		case len(r.data) > 0:
			return r.dispatch(named), nil
		default: // a name alone is no event
			named, r.size = false, 0
		}
	}
}

// readJSON is read for lines of JSON. White space around the JSON is removed: a heartbeat
// precedes the JSON of its line.
func (r *eventReader) readJSON() (rawEvent, error) {
	for {
		line, err := r.readLine()
		if err != nil && !errors.Is(err, io.EOF) {
			return rawEvent{}, err
		}
		r.size = 0
		if data := bytes.Trim(line, " \t\r"); len(data) > 0 {
			return rawEvent{data: string(data), unended: err != nil, inLine: err != nil}, nil
		}
		if err != nil {
			return rawEvent{}, err
		}
	}
}

// dispatch returns the event that was read, and begins a new one.
func (r *eventReader) dispatch(named bool) rawEvent {
	var e rawEvent
	if named {
		e.name = r.name
	}
	if len(r.data) > 0 {
		e.data = string(r.data[:len(r.data)-1])
	}
	r.data, r.size = r.data[:0], 0
	if cap(r.data) > keptBuffer {
		r.data = nil
	}
	return e
}

// field adds a line to the event, and reports whether the line has the event's name.
func (r *eventReader) field(line []byte) bool {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "data":
		r.data = append(append(r.data, value...), '\n')
	case "event":
		if r.name != string(value) { // events in a row share their name
			r.name = string(value)
		}
		return true
	}
	return false
}

// readLine returns the next line without its end. At the end of the stream the line is
// the incomplete one. The line is valid until the next call.
func (r *eventReader) readLine() ([]byte, error) {
	for {
		rest := r.buf[r.next:]
		if r.skipLF && len(rest) > 0 {
			r.skipLF = false
			if rest[0] == '\n' {
				r.next++
				continue
			}
		}
		end := r.lineEnd(rest)
		if r.scanned = end; r.size+min(end+1, len(rest)) > r.max {
			return nil, bufio.ErrTooLong
		}
		switch {
		case end < len(rest):
			r.skipLF = rest[end] == '\r'
			return r.consume(rest[:end], 1), nil
		case r.err != nil:
			return r.consume(rest, 0), r.err
		}
		r.fill()
	}
}

// lineEnd returns the index of the first line end in b, or len(b). The scanned bytes have
// none.
func (r *eventReader) lineEnd(b []byte) int {
	from, end := r.scanned, len(b)
	if i := bytes.IndexByte(b[from:], '\n'); i >= 0 {
		end = from + i
	}
	if r.ndjson { // CR is white space of JSON
		return end
	}
	if i := bytes.IndexByte(b[from:end], '\r'); i >= 0 {
		end = from + i
	}
	return end
}

// consume takes a line and its end from the buffer.
func (r *eventReader) consume(line []byte, end int) []byte {
	r.next += len(line) + end
	r.size += len(line) + end
	r.scanned = 0
	if !r.begun {
		r.begun = true
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	return line
}

// fill reads more into the buffer, which grows as needed.
func (r *eventReader) fill() {
	rest := len(r.buf) - r.next
	switch {
	case rest == 0 && (r.buf == nil || cap(r.buf) > keptBuffer):
		r.buf = make([]byte, 0, firstBuffer)
	case r.next > 0:
		r.buf = r.buf[:copy(r.buf, r.buf[r.next:])]
	case rest == cap(r.buf):
		r.buf = append(make([]byte, 0, 2*cap(r.buf)), r.buf...)
	}
	r.next = 0
	n := 0
	for range 100 { // as bufio does
		n, r.err = r.r.Read(r.buf[len(r.buf):cap(r.buf)])
		if n > 0 || r.err != nil {
			r.buf = r.buf[:len(r.buf)+n]
			return
		}
	}
	r.err = io.ErrNoProgress
}
