package hertzio

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// maxAhead is how much a client may send while it is answered: requests that it sends
// ahead, which are kept. One that sends more is dropped, after a moment in which nothing
// is read: a client that has its answer may send the next body before the handler ends.
const (
	maxAhead    = 64 << 10
	aheadMoment = time.Second
)

// maxWrite is how much is written at a time: so much a client must take within the
// write timeout.
const maxWrite = 32 << 10

// Conn is a client's connection. Besides what any has, each write has a deadline of its
// own. Its methods are for one goroutine at a time; the nil Conn, which tests have,
// watches nobody.
type Conn struct {
	net.Conn
	listener *Listener

	deadline time.Time // that writes have
	state    atomic.Int32
	ahead    []byte // was read while somebody watched
	closing  sync.Once
}

// The states of a connection.
const (
	waiting   int32 = iota // for a request, or reading its header
	answering              // a handler has it
	replying               // the handler has returned, and its answer may be on its way
)

// key is where a context has its connection.
type key struct{}

// NewContext returns a context that has a connection, if that is a [Conn].
func NewContext(conn net.Conn) context.Context {
	return context.WithValue(context.Background(), key{}, conn)
}

// From returns the connection that a context has, or nil.
func From(ctx context.Context) *Conn {
	conn, _ := ctx.Value(key{}).(*Conn)
	return conn
}

// Begin says that a handler begins to answer, and End that it has returned: what is
// written is written by then or at once after. What is written outside of that is an
// HTTP server's own error, in place of which the listener's refusal is sent.
func (c *Conn) Begin() { c.enter(answering) }

// End is the end of what [Conn.Begin] began.
func (c *Conn) End() { c.enter(replying) }

func (c *Conn) enter(state int32) {
	if c == nil {
		return
	}
	old := c.state.Swap(state)
	switch {
	case state == replying && old != replying:
		c.listener.flushing.Add()
	case old == replying && state != replying:
		c.listener.flushing.Done()
	}
}

// Read implements [net.Conn].
func (c *Conn) Read(p []byte) (int, error) {
	if len(c.ahead) > 0 {
		n := copy(p, c.ahead)
		if c.ahead = c.ahead[n:]; len(c.ahead) == 0 {
			c.ahead = nil
		}
		return n, nil
	}
	return c.Conn.Read(p)
}

// SetReadDeadline implements [net.Conn]. An HTTP server sets one when it begins to wait
// for the next request: it has written its reply by then.
func (c *Conn) SetReadDeadline(at time.Time) error {
	if c.state.Load() == replying {
		c.enter(waiting)
	}
	return c.Conn.SetReadDeadline(at)
}

// Write implements [net.Conn].
func (c *Conn) Write(p []byte) (int, error) {
	if c.state.Load() == waiting && !bytes.HasPrefix(p, []byte("HTTP/1.1 100 ")) {
		if _, err := c.write(c.listener.Refusal(statusOf(p))); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	return c.write(p)
}

// write writes a piece at a time. The deadline is put off only now and then: a client
// has between half the timeout and all of it to read.
func (c *Conn) write(p []byte) (written int, err error) {
	timeout := c.listener.WriteTimeout
	for {
		if now := time.Now(); c.deadline.Sub(now) < timeout/2 {
			c.deadline = now.Add(timeout)
			if err := c.SetWriteDeadline(c.deadline); err != nil {
				return written, err
			}
		}
		n, err := c.Conn.Write(p[:min(len(p), maxWrite)])
		written += n
		if p = p[n:]; err != nil || len(p) == 0 {
			return written, err
		}
	}
}

// statusOf returns the status that a reply's header begins with.
func statusOf(reply []byte) int {
	const at = len("HTTP/1.1 ")
	if len(reply) < at+3 {
		return 0
	}
	status, _ := strconv.Atoi(string(reply[at : at+3])) // 0: it is none
	return status
}

// Close implements [net.Conn].
func (c *Conn) Close() error {
	c.closing.Do(func() {
		c.enter(waiting)
		c.listener.open.Add(-1)
	})
	return c.Conn.Close()
}

// Watch has leave called when the client leaves, until the returned function is called,
// which must be. A client that closes only its own side has left, too. What the client
// sends meanwhile is kept to be read; one that sends more than it may is dropped.
//
// Nobody may read meanwhile.
func (c *Conn) Watch(leave func()) (stop func()) {
	if c == nil {
		return func() {}
	}
	_ = c.SetReadDeadline(time.Time{}) // an error shows when it is read
	ended, over := make(chan struct{}), make(chan struct{})
	go func() { // ends at stop, at the latest
		defer close(over)
		c.listen(leave, ended)
	}()
	return func() {
		close(ended)
		_ = c.SetReadDeadline(time.Unix(1, 0)) // an error: it is closed, which ends reading, too
		<-over
	}
}

// listen reads until the client has left or, once ended is closed, a deadline is over.
func (c *Conn) listen(leave func(), ended <-chan struct{}) {
	buf := make([]byte, 64) // mostly nothing comes
	for {
		n, err := c.Conn.Read(buf)
		c.ahead = append(c.ahead, buf[:n]...)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return
		case err != nil:
			leave()
			return
		case len(c.ahead) > maxAhead:
			select {
			case <-ended:
			case <-time.After(aheadMoment):
				_ = c.Conn.Close() // whoever writes sees an error
				leave()
			}
			return
		}
	}
}
