package hertzio

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/network"
)

// A client may pause for maxBodyStall within a request body. At minBodyRate, in bytes a
// second, a body restores the allowance as fast as time spends the allowance.
const (
	maxBodyStall = 30 * time.Second
	minBodyRate  = 1 << 10
)

// Errors of reading a request body.
var (
	ErrSlowBody     = errors.New("request body arrives too slowly")
	ErrBodyTooLarge = errors.New("request body is too large")

	errStopped = errors.New("request is over")
)

// bodyReader reads a request body and enforces a minimum rate. Only time spent waiting
// for the client counts.
type bodyReader struct {
	r         io.Reader
	conn      network.Conn
	allowance time.Duration // to wait for the client
	stopped   atomic.Bool
}

func newBodyReader(c *app.RequestContext) *bodyReader {
	return &bodyReader{r: c.RequestBodyStream(), conn: c.GetConn(), allowance: maxBodyStall}
}

// Read implements [io.Reader]. The error is [ErrSlowBody] once the allowance is spent.
func (r *bodyReader) Read(p []byte) (int, error) {
	switch {
	case r.stopped.Load():
		return 0, errStopped
	case r.allowance <= 0:
		return 0, ErrSlowBody
	}
	if err := r.conn.SetReadTimeout(r.allowance); err != nil {
		return 0, err
	}
	if r.stopped.Load() { // the deadline of stop must not be overwritten
		return 0, errStopped
	}
	began := time.Now()
	n, err := r.r.Read(p)
	earned := time.Duration(n) * time.Second / minBodyRate
	r.allowance = min(r.allowance-time.Since(began)+earned, maxBodyStall)
	if errors.Is(err, os.ErrDeadlineExceeded) && !r.stopped.Load() {
		err = ErrSlowBody
	}
	return n, err
}

// stop ends a blocked Read, and all later ones.
func (r *bodyReader) stop() {
	r.stopped.Store(true)
	_ = r.conn.SetReadDeadline(time.Unix(1, 0)) // fails on a closed connection only
}

// ReadBody reads a request body of at most limit bytes. The error is [ErrBodyTooLarge]
// without further reading, [ErrSlowBody], or the error of the connection.
func ReadBody(c *app.RequestContext, limit int) ([]byte, error) {
	if !c.Request.IsBodyStream() {
		return c.Request.Body(), nil
	}
	if c.Request.Header.ContentLength() > limit {
		return nil, ErrBodyTooLarge
	}
	body, err := io.ReadAll(io.LimitReader(newBodyReader(c), int64(limit)+1))
	if err == nil && len(body) > limit {
		return nil, ErrBodyTooLarge
	}
	return body, err
}

// lingerTime is how long the rest of an unwanted request body is read.
const lingerTime = time.Second

// LingeringClose closes the connection after the response to a request whose body was
// not read. The input of another second is discarded first: a client still sending into a
// reset connection may never see the response.
func LingeringClose(c *app.RequestContext) {
	if !c.Request.IsBodyStream() {
		return
	}
	c.SetConnectionClose()
	_ = c.GetConn().SetReadTimeout(lingerTime) // fails on a closed connection only
	_, _ = io.Copy(io.Discard, c.RequestBodyStream())
}
