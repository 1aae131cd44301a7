package hertzio

import (
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/network"
	"github.com/cloudwego/hertz/pkg/protocol"
)

// Sizes of a response body besides a number of bytes.
const (
	UnknownSize = -1
	NoBody      = -2 // neither a body nor a Content-Length
)

// maxBuffer bounds the buffer between flushes.
const maxBuffer = 32 << 10

// chunkHeadroom is the size of the longest chunk header (RFC 9112, section 7.1).
const chunkHeadroom = len("ffffffff\r\n")

// ResponseWriter writes a response body directly to the connection. Each Flush is a single
// chunk and system call, and only a small buffer is retained between flushes; Hertz's
// writer retains 4 KB and copies all input. ResponseWriter implements [network.ExtWriter]
// and is not safe for concurrent use.
type ResponseWriter struct {
	w   network.ExtWriter
	buf []byte // begins with the headroom
	err error  // the first error; later writes are dropped

	// headroom is space for the chunk header; 0: the body has no chunks.
	headroom int
}

// NewResponseWriter takes over the body of a response. A body of unknown size is sent in
// chunks, or up to the end of the connection for an HTTP/1.0 client.
func NewResponseWriter(c *app.RequestContext, size int) *ResponseWriter {
	out := &connWriter{header: &c.Response.Header, conn: trackedOf(c).conn}
	w := &ResponseWriter{w: out}
	if c.Request.Header.ConnectionClose() {
		// Hertz adds the header too late, after the header has been sent.
		c.SetConnectionClose()
	}
	switch {
	case size == NoBody:
	case size >= 0:
		c.Response.Header.SetContentLength(size)
	case c.Request.Header.IsHTTP11():
		c.Response.Header.SetContentLength(-1) // chunked, for Hertz
		w.setChunked()
		out.trailer = lastChunk
	default:
		c.SetConnectionClose()
	}
	c.Response.HijackWriter(w)
	return w
}

// setChunked makes each flush a chunk.
func (w *ResponseWriter) setChunked() {
	w.headroom = chunkHeadroom
	w.reset()
}

// reset empties a small buffer, and frees a large buffer.
func (w *ResponseWriter) reset() {
	if cap(w.buf) > maxBuffer+chunkHeadroom+len("\r\n") {
		w.buf = nil
	}
	w.buf = slices.Grow(w.buf[:0], w.headroom)[:w.headroom]
}

// Buffered returns the number of bytes written since the last flush.
func (w *ResponseWriter) Buffered() int { return len(w.buf) - w.headroom }

// AvailableBuffer returns an empty buffer with the spare capacity of w, to be appended
// to and passed to the next Write, as with [bufio.Writer.AvailableBuffer].
func (w *ResponseWriter) AvailableBuffer() []byte { return w.buf[len(w.buf):] }

// SendHeader sends the response header.
func (w *ResponseWriter) SendHeader() error {
	if _, w.err = w.w.Write(nil); w.err == nil {
		w.err = w.w.Flush()
	}
	return w.err
}

// Write implements [io.Writer]. Data stays in the buffer until Flush or FlushIfFull.
func (w *ResponseWriter) Write(p []byte) (int, error) {
	w.buf = append(w.buf, p...)
	return len(p), w.err
}

// WriteString implements [io.StringWriter].
func (w *ResponseWriter) WriteString(s string) (int, error) {
	w.buf = append(w.buf, s...)
	return len(s), w.err
}

// Flush sends the buffer.
func (w *ResponseWriter) Flush() error {
	if w.err != nil || w.Buffered() == 0 {
		return w.err
	}
	if _, w.err = w.w.Write(w.chunk()); w.err == nil {
		w.err = w.w.Flush()
	}
	w.reset()
	return w.err
}

// FlushIfFull sends a half-full buffer. A buffer without further growth is retained, and
// writing allocates nothing.
func (w *ResponseWriter) FlushIfFull() error {
	if w.Buffered() > maxBuffer/2 {
		return w.Flush()
	}
	return w.err
}

// chunk returns the buffer, in a chunk if the body has chunks.
func (w *ResponseWriter) chunk() []byte {
	if w.headroom == 0 {
		return w.buf
	}
	var digits [chunkHeadroom]byte
	size := append(strconv.AppendInt(digits[:0], int64(w.Buffered()), 16), "\r\n"...)
	w.buf = append(w.buf, "\r\n"...)
	return w.buf[w.headroom-copy(w.buf[w.headroom-len(size):], size):]
}

// Abort leaves the body incomplete and makes Hertz close the connection.
func (w *ResponseWriter) Abort(err error) {
	if w.err == nil {
		w.err = err
	}
}

// SetBody drops the body of Hertz for a 404 or 405.
func (w *ResponseWriter) SetBody([]byte) {}

// CopyFrom sends the response header and r, piece by piece. A failure of r aborts the
// response.
func (w *ResponseWriter) CopyFrom(r io.Reader) {
	for err := w.SendHeader(); err == nil; {
		w.buf = slices.Grow(w.buf, maxBuffer)[:w.headroom+maxBuffer]
		var n int
		n, err = r.Read(w.buf[w.headroom:])
		w.buf = w.buf[:w.headroom+n]
		if flushed := w.Flush(); flushed != nil || err == io.EOF { //nolint:errorlint // a Reader's end is io.EOF itself
			return
		}
		w.err = err
	}
}

// Finalize ends the response. After an error the body stays incomplete, and Hertz closes
// the connection.
func (w *ResponseWriter) Finalize() error {
	if err := w.Flush(); err != nil {
		return err
	}
	w.err = w.w.Finalize()
	return w.err
}

// AbortResponse aborts the response of a [ResponseWriter], and reports false for a
// response without a ResponseWriter. The connection is closed in either case.
func AbortResponse(c *app.RequestContext, err error) bool {
	c.SetConnectionClose()
	w, ok := c.Response.GetHijackWriter().(*ResponseWriter)
	if ok {
		w.err = err
	}
	return ok
}

// IsMalformed reports whether Hertz rejected a request with a plain 400, for want of a
// Host or a valid path.
func IsMalformed(c *app.RequestContext) bool {
	return c.Response.StatusCode() == http.StatusBadRequest && c.Response.GetHijackWriter() == nil && len(c.Response.Body()) == 0
}

// lastChunk ends a body in chunks.
const lastChunk = "0\r\n\r\n"

// connWriter writes a response to a connection, the header first. connWriter implements
// [network.ExtWriter].
type connWriter struct {
	header  *protocol.ResponseHeader // nil: sent
	conn    io.Writer
	trailer string // ends the body
}

func (w *connWriter) Write(p []byte) (int, error) {
	if w.header != nil {
		header := w.header.Header()
		w.header = nil
		if _, err := w.conn.Write(header); err != nil {
			return 0, err
		}
	}
	if len(p) == 0 {
		return 0, nil
	}
	return w.conn.Write(p)
}

// Flush implements [network.ExtWriter]. Nothing is buffered.
func (w *connWriter) Flush() error { return nil }

// Finalize implements [network.ExtWriter].
func (w *connWriter) Finalize() error {
	_, err := w.Write([]byte(w.trailer))
	return err
}
