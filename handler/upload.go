package handler

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
)

var errTooLarge = errors.New("request body is too large")

// upload is a request's body on its way upstream, read from the client's connection
// only as fast as the upstream takes it. The HTTP transport may read it after its
// reply has come; stop ends that before the connection is used for anything else.
// The nil upload is that of a request without a body.
type upload struct {
	length int64 // in bytes, or unknownSize

	watch func() (stop func()) // begins to watch whether the client leaves

	mu       sync.Mutex // held while reading
	r        *patientReader
	left     int64  // how much may still come
	unwatch  func() // nil: nobody watches
	tooLarge atomic.Bool
	slow     atomic.Bool
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
		return &upload{
			length: length, r: newPatientReader(c), left: limit,
			watch: func() func() { return CancelOnDisconnect(c) },
		}
	}
}

// Read implements [io.Reader].
func (u *upload) Read(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.tooLarge.Load() {
		return 0, errTooLarge
	}
	if u.read.Load() {
		return 0, io.EOF
	}
	n, err := u.r.Read(p)
	if u.left -= int64(n); u.left < 0 {
		u.tooLarge.Store(true)
		return 0, errTooLarge
	}
	switch {
	case errors.Is(err, errSlow):
		u.slow.Store(true)
	case errors.Is(err, io.EOF):
		u.read.Store(true)
		u.unwatch = u.watch() // while the upstream makes its answer, too
	}
	return n, err
}

// stop ends reading. What the client still sends is read for a moment only, then
// its connection is closed.
func (u *upload) stop(c *app.RequestContext) {
	const linger = time.Second
	if u.r == nil {
		return
	}
	if !u.isRead() {
		u.r.stop()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.unwatch != nil:
		u.unwatch()
	case u.r.conn != nil:
		c.SetConnectionClose()
		_ = u.r.conn.SetReadTimeout(linger) // an error: it is closed already
	}
}

// isRead reports whether all of the body was read.
func (u *upload) isRead() bool { return u == nil || u.read.Load() }

func (u *upload) isTooLarge() bool { return u != nil && u.tooLarge.Load() }

func (u *upload) isSlow() bool { return u != nil && u.slow.Load() }
