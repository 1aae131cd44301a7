package handler

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/network"
)

// bodyTimeout is how long a client may be silent in the middle of a request's body.
const bodyTimeout = 30 * time.Second

var (
	errTooLarge = errors.New("request body is too large")
	errStopped  = errors.New("request is over")
)

// upload is a request's body on its way upstream, read from the client's connection
// only as fast as the upstream takes it. The HTTP transport may read it after its
// reply has come; stop ends that before the connection is used for anything else.
// The nil upload is that of a request without a body.
type upload struct {
	length int64 // in bytes, or unknownSize

	mu       sync.Mutex // held while reading
	r        io.Reader
	conn     network.Conn
	left     int64 // how much may still come
	stopping atomic.Bool
	tooLarge atomic.Bool
	read     atomic.Bool // to its end
}

// newUpload returns the body of a request, or nil if it has none.
func newUpload(c *app.RequestContext, limit int64) *upload {
	length := int64(c.Request.Header.ContentLength())
	switch {
	case length == 0 || length < unknownSize:
		return nil
	case length > limit:
		u := &upload{}
		u.tooLarge.Store(true)
		return u
	default:
		return &upload{length: length, r: c.RequestBodyStream(), conn: c.GetConn(), left: limit}
	}
}

// Read implements [io.Reader].
func (u *upload) Read(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.tooLarge.Load() {
		return 0, errTooLarge
	}
	if u.conn != nil {
		if err := u.conn.SetReadTimeout(bodyTimeout); err != nil {
			return 0, err
		}
	}
	if u.stopping.Load() { // after the deadline was set: stop sets its own
		return 0, errStopped
	}
	n, err := u.r.Read(p)
	if u.left -= int64(n); u.left < 0 {
		u.tooLarge.Store(true)
		return 0, errTooLarge
	}
	if err == io.EOF {
		u.read.Store(true)
	}
	return n, err
}

// stop ends reading. What the client still sends is read for a moment only, then
// its connection is closed.
func (u *upload) stop(c *app.RequestContext) {
	const linger = time.Second
	u.stopping.Store(true)
	if u.conn == nil || u.isRead() {
		return
	}
	_ = u.conn.SetReadDeadline(time.Unix(1, 0)) // an error: it is closed already
	u.mu.Lock()
	defer u.mu.Unlock()
	c.SetConnectionClose()
	_ = u.conn.SetReadTimeout(linger)
}

// isRead reports whether all of the body was read.
func (u *upload) isRead() bool { return u == nil || u.read.Load() }

func (u *upload) isTooLarge() bool { return u != nil && u.tooLarge.Load() }
