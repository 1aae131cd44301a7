package handler

import (
	"bytes"
	"io"
	"slices"
	"strconv"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/network"
	"github.com/cloudwego/hertz/pkg/protocol"
	"github.com/cloudwego/hertz/pkg/protocol/http1/resp"
	"github.com/hertz-contrib/sse"

	"sse-typewriter/streams"
	"sse-typewriter/typewriter"
)

// retry is how long a browser waits before it reconnects, in milliseconds.
const retry = 1000

// eventWriter writes a stream's events to one client. It is a [typewriter.Writer].
type eventWriter struct {
	body *body

	idPrefix string // the stream's id and a colon; empty: without ids
	retry    uint64 // told with the next event; 0: not at all
	seen     *sight
}

// newEventWriter takes over the response.
func newEventWriter(c *app.RequestContext, s *streams.Stream, withIDs bool) *eventWriter {
	w := &eventWriter{body: newBody(c, unknownSize)}
	header := &c.Response.Header
	header.SetContentType(sse.ContentType + "; charset=utf-8")
	header.Set("Cache-Control", "no-cache, no-store, must-revalidate")
	header.Set("Pragma", "no-cache")
	if !c.Response.ConnectionClose() {
		header.Set("Connection", "keep-alive")
	}
	header.Set("X-Accel-Buffering", "no") // nginx must not collect events
	header.Set("Typewriter-Stream", s.ID)
	if s.LogID != "" {
		header.Set(headerLogID, s.LogID)
	}
	if s.Unshared {
		header.Set("Typewriter-Resume", resumeUnavailable)
	}
	if withIDs {
		w.idPrefix = s.ID + ":"
		w.retry = retry
	}
	return w
}

// open sends the response's header.
func (w *eventWriter) open() error { return w.body.open() }

// openAt sends the response's header and the id of the position where the stream
// begins: a browser that is cut off before the first event comes back to this stream
// (HTML, section 9.2.6: an id counts even without data), and not with a new chat.
func (w *eventWriter) openAt(from typewriter.Position) error {
	if err := w.open(); err != nil {
		return err
	}
	_, _ = w.body.WriteString("id:" + w.idPrefix + from.String() + "\n\n") // an error shows below
	return w.body.Flush()
}

// Write implements [typewriter.Writer].
func (w *eventWriter) Write(o typewriter.Output) error {
	w.seen.sent(o)
	event := sse.Event{Event: o.Name, Retry: w.retry, Data: o.Data}
	w.retry = 0
	if bytes.IndexByte(o.Data, '\n') >= 0 || bytes.IndexByte(o.Data, '\r') >= 0 {
		return w.writeLines(event, o.Next)
	}
	buf := w.body.buf
	if w.idPrefix != "" {
		buf = append(append(buf, "id:"...), w.idPrefix...)
		buf = append(o.Next.Append(buf), '\n')
	}
	w.body.buf = appendEvent(buf, event)
	return w.sendIfFull()
}

// sendIfFull sends what was written when it is much. The buffer is then still small
// enough to be kept.
func (w *eventWriter) sendIfFull() error {
	if len(w.body.buf) > maxBuffer/2 {
		return w.Flush()
	}
	return w.body.err
}

// appendEvent appends an event without an id, whose fields have no line ends, as
// [sse.Encode] writes it: that takes 6 allocations.
func appendEvent(buf []byte, e sse.Event) []byte {
	if e.Event != "" {
		buf = append(append(buf, "event:"...), e.Event...)
		buf = append(buf, '\n')
	}
	if e.Retry > 0 {
		buf = strconv.AppendUint(append(buf, "retry:"...), e.Retry, 10)
		buf = append(buf, '\n')
	}
	buf = append(append(buf, "data:"...), e.Data...)
	return append(buf, "\n\n"...)
}

// writeLines writes an event of several lines, which only data that is not JSON has.
func (w *eventWriter) writeLines(e sse.Event, next typewriter.Position) error {
	if w.idPrefix != "" {
		e.ID = w.idPrefix + next.String()
	}
	if err := sse.Encode(w.body, &e); err != nil {
		return err
	}
	return w.sendIfFull()
}

// Flush implements [typewriter.Writer].
func (w *eventWriter) Flush() error { return w.body.Flush() }

// Heartbeat implements [typewriter.Writer]. A blank line is the one sign of life
// that no SDK stumbles over.
func (w *eventWriter) Heartbeat() error {
	if _, err := w.body.WriteString("\n"); err != nil {
		return err
	}
	return w.body.Flush()
}

// body collects what is written until it is flushed, so that an event is one chunk
// and one system call. It implements [network.ExtWriter].
type body struct {
	w   network.ExtWriter
	buf []byte
	err error // of the first write that failed; then nothing is written any more
}

// maxBuffer is how much of a buffer is kept. Half of it is collected before it is sent
// in any case.
const maxBuffer = 32 << 10

// newBody takes over the response's body. Of a size that is known it is written
// as it is; else in chunks, or up to the connection's end for a client of HTTP/1.0,
// which knows no chunks.
func newBody(c *app.RequestContext, size int) *body {
	if w := c.Response.GetHijackWriter(); w != nil {
		return &body{w: w} // set by a test
	}
	b := &body{}
	w := &connWriter{conn: c.GetConn()}
	if c.Request.Header.ConnectionClose() {
		// Hertz closes the connection but would say so too late: the header has left.
		c.SetConnectionClose()
	}
	switch {
	case size == noBody:
		b.w = &plainBody{header: &c.Response.Header, w: w}
	case size >= 0:
		c.Response.Header.SetContentLength(size)
		b.w = &plainBody{header: &c.Response.Header, w: w}
	case c.Request.Header.IsHTTP11():
		b.w = resp.NewChunkedBodyWriter(&c.Response, w)
	default:
		c.SetConnectionClose()
		b.w = &plainBody{header: &c.Response.Header, w: w}
	}
	c.Response.HijackWriter(b)
	return b
}

// Sizes of a body that are none.
const (
	unknownSize = -1
	noBody      = -2 // there is no body, nor a length of one
)

// open sends the response's header.
func (b *body) open() error {
	b.send(nil)
	return b.err
}

// send writes at once.
func (b *body) send(p []byte) {
	if _, b.err = b.w.Write(p); b.err == nil {
		b.err = b.w.Flush()
	}
}

func (b *body) Write(p []byte) (int, error) {
	b.buf = append(b.buf, p...)
	return len(p), b.err
}

// WriteString spares the encoder a copy.
func (b *body) WriteString(s string) (int, error) {
	b.buf = append(b.buf, s...)
	return len(s), b.err
}

// Flush sends what was written.
func (b *body) Flush() error {
	if b.err != nil || len(b.buf) == 0 {
		return b.err
	}
	b.send(b.buf)
	b.buf = b.buf[:0]
	if cap(b.buf) > maxBuffer {
		b.buf = nil
	}
	return b.err
}

// abort has the response end with its connection, not as if it were whole.
func (b *body) abort(err error) {
	if b.err == nil {
		b.err = err
	}
}

// SetBody takes what Hertz wants to say when a route has answered 404 or 405, for
// which it looks here: nothing is added to a reply.
func (b *body) SetBody([]byte) {}

// readFrom sends what a reader yields, piece by piece.
func (b *body) readFrom(r io.Reader) {
	for err := b.open(); err == nil; {
		b.buf = slices.Grow(b.buf, maxBuffer)[:maxBuffer]
		var n int
		n, err = r.Read(b.buf)
		b.buf = b.buf[:n]
		if flushed := b.Flush(); flushed != nil || err == io.EOF { //nolint:errorlint // a Reader's end is io.EOF itself
			return
		}
		b.err = err
	}
}

// Finalize ends the response. After an error it does not: the connection is then
// closed by Hertz, so that the client does not take a part for the whole.
func (b *body) Finalize() error {
	if err := b.Flush(); err != nil {
		return err
	}
	b.err = b.w.Finalize()
	return b.err
}

// connWriter writes to a connection. Hertz's own writer keeps 4 KB for as long as the
// connection is open. It implements [network.Writer].
type connWriter struct {
	conn network.Conn
	buf  []byte
}

// Malloc returns the next n bytes of what is to be sent.
func (w *connWriter) Malloc(n int) ([]byte, error) {
	end := len(w.buf)
	w.buf = slices.Grow(w.buf, n)[:end+n]
	return w.buf[end:], nil
}

// WriteBinary takes p. What is large is sent at once, without a copy.
func (w *connWriter) WriteBinary(p []byte) (int, error) {
	const large = 4 << 10
	if len(p) < large {
		w.buf = append(w.buf, p...)
		return len(p), nil
	}
	if err := w.Flush(); err != nil {
		return 0, err
	}
	return w.conn.Write(p)
}

// Flush sends what was written.
func (w *connWriter) Flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	_, err := w.conn.Write(w.buf)
	w.buf = w.buf[:0]
	if cap(w.buf) > maxBuffer {
		w.buf = nil
	}
	return err
}

// plainBody is a body without chunks.
type plainBody struct {
	header *protocol.ResponseHeader
	w      network.Writer
	opened bool
}

func (p *plainBody) Write(b []byte) (int, error) {
	if !p.opened {
		p.opened = true
		if err := resp.WriteHeader(p.header, p.w); err != nil {
			return 0, err
		}
	}
	return p.w.WriteBinary(b)
}

func (p *plainBody) Flush() error { return p.w.Flush() }

func (p *plainBody) Finalize() error { return p.w.Flush() }
