package handler

import (
	"io"
	"slices"
	"strconv"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/network"
	"github.com/cloudwego/hertz/pkg/protocol"
)

// body collects what is written until it is flushed, so that an event is one chunk
// and one system call. It implements [network.ExtWriter].
type body struct {
	w   network.ExtWriter
	buf []byte // begins with the room
	err error  // of the first write that failed; then nothing is written any more

	// room is kept free for the size of a chunk; 0: there are no chunks.
	room int
}

// maxBuffer is how much of a buffer is kept. Half of it is collected before it is sent
// in any case.
const maxBuffer = 32 << 10

// chunkRoom is what the size of a chunk takes at most (RFC 9112, section 7.1).
const chunkRoom = len("ffffffff\r\n")

// newBody takes over the response's body. Of a size that is known it is written
// as it is; else in chunks, or up to the connection's end for a client of HTTP/1.0,
// which knows no chunks.
//
// It writes past Hertz's own writer, which keeps 4 KB for as long as the connection is
// open and copies what it is given.
func newBody(c *app.RequestContext, size int) *body {
	if w := c.Response.GetHijackWriter(); w != nil {
		return &body{w: w} // set by a test
	}
	w := &connWriter{header: &c.Response.Header, conn: c.MustGet(clientKey).(client).conn}
	b := &body{w: w}
	if c.Request.Header.ConnectionClose() {
		// Hertz closes the connection but would say so too late: the header has left.
		c.SetConnectionClose()
	}
	switch {
	case size == noBody:
	case size >= 0:
		c.Response.Header.SetContentLength(size)
	case c.Request.Header.IsHTTP11():
		c.Response.Header.SetContentLength(-1) // Hertz's way to say that it is chunked
		b.setChunked()
		w.end = lastChunk
	default:
		c.SetConnectionClose()
	}
	c.Response.HijackWriter(b)
	return b
}

// Sizes of a body that are none.
const (
	unknownSize = -1
	noBody      = -2 // there is no body, nor a length of one
)

// setChunked has each flush be a chunk.
func (b *body) setChunked() {
	b.room = chunkRoom
	b.reset()
}

// reset empties the buffer, and lets go of one that has become large.
func (b *body) reset() {
	if cap(b.buf) > maxBuffer+chunkRoom+len("\r\n") {
		b.buf = nil
	}
	b.buf = slices.Grow(b.buf[:0], b.room)[:b.room]
}

// len is how much is collected.
func (b *body) len() int { return len(b.buf) - b.room }

// open sends the response's header.
func (b *body) open() error {
	if _, b.err = b.w.Write(nil); b.err == nil {
		b.err = b.w.Flush()
	}
	return b.err
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
	if b.err != nil || b.len() == 0 {
		return b.err
	}
	if _, b.err = b.w.Write(b.chunk()); b.err == nil {
		b.err = b.w.Flush()
	}
	b.reset()
	return b.err
}

// chunk returns what is collected as it is sent.
func (b *body) chunk() []byte {
	if b.room == 0 {
		return b.buf
	}
	var digits [chunkRoom]byte
	size := append(strconv.AppendInt(digits[:0], int64(b.len()), 16), "\r\n"...)
	b.buf = append(b.buf, "\r\n"...)
	return b.buf[b.room-copy(b.buf[b.room-len(size):], size):]
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
		b.buf = slices.Grow(b.buf, maxBuffer)[:b.room+maxBuffer]
		var n int
		n, err = r.Read(b.buf[b.room:])
		b.buf = b.buf[:b.room+n]
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

// lastChunk ends a body in chunks.
const lastChunk = "0\r\n\r\n"

// connWriter writes a response to its connection: the header, then what it is given.
// It implements [network.ExtWriter].
type connWriter struct {
	header *protocol.ResponseHeader // nil: it has left
	conn   io.Writer
	end    string // of the body
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

// Flush implements [network.ExtWriter]: nothing is kept.
func (w *connWriter) Flush() error { return nil }

// Finalize implements [network.ExtWriter].
func (w *connWriter) Finalize() error {
	_, err := w.Write([]byte(w.end))
	return err
}
