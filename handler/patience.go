package handler

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/network"
)

// A request's body may come slowly, but not for ever: bodyPause is how long its client
// may be silent, and bodyRate how many bytes a second it must send to win back the
// time for which it was waited.
const (
	bodyPause = 30 * time.Second
	bodyRate  = 1 << 10
)

var (
	errSlow    = errors.New("request body comes too slowly")
	errStopped = errors.New("request is over")
)

// patientReader reads a request's body. Only the time in which nothing but the client is
// waited for counts.
type patientReader struct {
	r        io.Reader
	conn     network.Conn  // nil in tests
	patience time.Duration // how long the client may be waited for
	stopping atomic.Bool
}

func newPatientReader(c *app.RequestContext) *patientReader {
	return &patientReader{r: c.RequestBodyStream(), conn: c.GetConn(), patience: bodyPause}
}

// Read implements [io.Reader]. It returns errSlow when the client lost the patience.
func (p *patientReader) Read(b []byte) (int, error) {
	switch {
	case p.stopping.Load():
		return 0, errStopped
	case p.patience <= 0:
		return 0, errSlow
	}
	if p.conn != nil {
		if err := p.conn.SetReadTimeout(p.patience); err != nil {
			return 0, err
		}
	}
	if p.stopping.Load() { // again, after the deadline was set: stop sets its own
		return 0, errStopped
	}
	began := time.Now()
	n, err := p.r.Read(b)
	won := time.Duration(n) * time.Second / bodyRate
	p.patience = min(p.patience-time.Since(began)+won, bodyPause)
	if errors.Is(err, os.ErrDeadlineExceeded) && !p.stopping.Load() {
		err = errSlow
	}
	return n, err
}

// stop ends a Read that waits, and those that follow.
func (p *patientReader) stop() {
	p.stopping.Store(true)
	if p.conn != nil {
		_ = p.conn.SetReadDeadline(time.Unix(1, 0)) // an error: it is closed already
	}
}

// refuseSlow answers a client whose body did not come in time.
func refuseSlow(c *app.RequestContext) {
	c.SetConnectionClose()
	fail(c, http.StatusRequestTimeout, codeBadRequest, errSlow.Error())
}
