package hertzio

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/cloudwego/hertz/pkg/app"
)

// Upload is the body of a forwarded request, read from the client as fast as the upstream
// reads. An HTTP transport may still read the body after the response has arrived;
// [Upload.Stop] ends reading before the connection serves another request. The nil Upload
// stands for a request without a body.
type Upload struct {
	length int64
	limit  int64
	watch  func() (stop func()) // begins to watch for a disconnect

	mu        sync.Mutex // held while reading
	body      *bodyReader
	remaining int64
	unwatch   func() // nil: not watching

	tooLarge, complete atomic.Bool
	failed             atomic.Pointer[error] // the first error of the client or the connection
}

// NewUpload returns the body of a request, or nil if there is none. A body
// beyond limit bytes fails with [ErrBodyTooLarge].
func NewUpload(c *app.RequestContext, limit int64) *Upload {
	length := int64(c.Request.Header.ContentLength())
	if length == 0 || length < UnknownSize {
		return nil
	}
	u := &Upload{
		length: length, limit: limit, body: newBodyReader(c), remaining: limit,
		watch: func() func() { return CancelOnDisconnect(c) },
	}
	u.tooLarge.Store(length > limit)
	return u
}

// Len returns the length of the body in bytes, or [UnknownSize].
func (u *Upload) Len() int64 { return u.length }

// Read implements [io.Reader]. After the last byte a disconnect cancels the
// request's context.
func (u *Upload) Read(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.tooLarge.Load() {
		return 0, ErrBodyTooLarge
	}
	if u.complete.Load() {
		return 0, io.EOF
	}
	n, err := u.body.Read(p)
	if u.remaining -= int64(n); u.remaining < 0 {
		u.tooLarge.Store(true)
		return 0, ErrBodyTooLarge
	}
	switch {
	case err == nil, errors.Is(err, errStopped):
	case errors.Is(err, io.EOF):
		u.complete.Store(true)
		u.unwatch = u.watch()
	default:
		u.failed.CompareAndSwap(nil, &err)
	}
	return n, err
}

// Stop ends reading. The connection is closed after the response, with a moment for the
// rest of an incomplete body.
func (u *Upload) Stop(c *app.RequestContext) {
	if u == nil || u.length > u.limit { // nothing was read
		return
	}
	if !u.IsComplete() {
		u.body.stop()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.unwatch != nil {
		u.unwatch()
		return
	}
	c.SetConnectionClose()
	_ = u.body.conn.SetReadTimeout(lingerTime) // fails on a closed connection only
}

// IsComplete reports whether the body was read to the end.
func (u *Upload) IsComplete() bool { return u == nil || u.complete.Load() }

// Err returns the error for which the body is incomplete, caused by the client or the
// connection: [ErrBodyTooLarge], [ErrSlowBody], [ErrMalformedBody] or another. Err returns
// nil for a complete or stopped body.
func (u *Upload) Err() error {
	if u == nil {
		return nil
	}
	if u.tooLarge.Load() {
		return ErrBodyTooLarge
	}
	if failed := u.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}
