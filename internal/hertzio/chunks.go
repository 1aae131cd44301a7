package hertzio

import (
	"errors"
	"io"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/network"
)

// ErrMalformedBody reports a request body with invalid chunks (RFC 9112, section 7.1).
var ErrMalformedBody = errors.New("request body has malformed chunks")

const (
	// maxChunkLine bounds the line of a chunk's size and the trailer section, in bytes.
	maxChunkLine = 4 << 10

	// maxChunkDigits bounds the digits of a chunk's size, below the overflow of an int64.
	maxChunkDigits = 15
)

// chunkedBody decodes a chunked request body. The decoder of Hertz refuses chunk
// extensions, and its errors cannot be told from those of the connection. chunkedBody
// implements [io.Reader].
type chunkedBody struct {
	conn network.Conn
	left int64 // of the current chunk
	err  error // of every further Read
}

// decodeChunks replaces the decoder of Hertz for a chunked request body. The returned
// function closes the connection after the response if a part of the body is unread.
func decodeChunks(c *app.RequestContext) (finish func()) {
	if !c.Request.IsBodyStream() || c.Request.Header.ContentLength() != UnknownSize {
		return func() {}
	}
	body := &chunkedBody{conn: c.GetConn()}
	c.Request.ConstructBodyStream(c.Request.BodyBuffer(), body)
	return func() {
		if !errors.Is(body.err, io.EOF) {
			c.SetConnectionClose()
		}
	}
}

// Read implements [io.Reader]. The error is io.EOF after the trailer section,
// [ErrMalformedBody], or the error of the connection.
func (b *chunkedBody) Read(p []byte) (int, error) {
	if len(p) == 0 || b.err != nil {
		return 0, b.err
	}
	defer b.conn.Release() //nolint:errcheck // always nil
	if b.left == 0 {
		if b.left, b.err = b.readSize(); b.err == nil && b.left == 0 {
			b.err = b.readTrailer()
		}
		if b.err != nil {
			return 0, b.err
		}
	}
	if b.conn.Len() == 0 { // waits for the first byte only
		if _, err := b.conn.Peek(1); err != nil {
			return 0, b.fail(err)
		}
	}
	n := int(min(int64(len(p)), int64(b.conn.Len()), b.left))
	data, err := b.conn.Peek(n)
	copy(p, data)
	if err != nil || b.conn.Skip(n) != nil {
		return 0, b.fail(err)
	}
	if b.left -= int64(n); b.left == 0 {
		b.err = b.readEmptyLine()
	}
	return n, b.err
}

// readSize reads the line before a chunk: the size in hexadecimal digits, and extensions,
// which are ignored.
func (b *chunkedBody) readSize() (int64, error) {
	line, err := b.readLine()
	if err != nil {
		return 0, err
	}
	size, digits := int64(0), 0
	for ; digits < len(line); digits++ {
		digit, ok := hexDigit(line[digits])
		if !ok {
			break
		}
		if digits == maxChunkDigits {
			return 0, ErrMalformedBody
		}
		size = size<<4 | digit
	}
	rest := line[digits:]
	for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
		rest = rest[1:]
	}
	if digits == 0 || len(rest) > 0 && rest[0] != ';' {
		return 0, ErrMalformedBody
	}
	return size, nil
}

// readTrailer reads the trailer section, which is ignored. The error after a valid trailer
// is io.EOF.
func (b *chunkedBody) readTrailer() error {
	for read := 0; read < maxChunkLine; {
		line, err := b.readLine()
		switch {
		case err != nil:
			return err
		case len(line) == 0:
			return io.EOF
		}
		read += len(line)
	}
	return ErrMalformedBody
}

// readEmptyLine reads the end of a chunk.
func (b *chunkedBody) readEmptyLine() error {
	for _, want := range []byte("\r\n") {
		got, err := b.conn.ReadByte()
		if err != nil {
			return b.fail(err)
		}
		if got != want {
			return ErrMalformedBody
		}
	}
	return nil
}

// readLine reads a line up to CRLF. Control characters are malformed: a server in front may
// end the line at a single CR or LF.
func (b *chunkedBody) readLine() ([]byte, error) {
	var line []byte
	for {
		c, err := b.conn.ReadByte()
		if err != nil {
			return nil, b.fail(err)
		}
		switch {
		case c == '\r':
			if c, err = b.conn.ReadByte(); err != nil {
				return nil, b.fail(err)
			}
			if c != '\n' {
				return nil, ErrMalformedBody
			}
			return line, nil
		case c < ' ' && c != '\t' || c == 0x7F || len(line) == maxChunkLine:
			return nil, ErrMalformedBody
		}
		line = append(line, c)
	}
}

// fail stores and returns an error of the connection, of which the end is unexpected.
func (b *chunkedBody) fail(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	b.err = err
	return err
}

func hexDigit(c byte) (digit int64, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return int64(c - '0'), true
	case 'a' <= c && c <= 'f':
		return int64(c-'a') + 10, true
	case 'A' <= c && c <= 'F':
		return int64(c-'A') + 10, true
	default:
		return 0, false
	}
}
