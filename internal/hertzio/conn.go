package hertzio

import (
	"bytes"
	"errors"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A client may send up to maxReadAhead bytes of pipelined requests during a response. A
// connection with more is closed after readAheadPause without reading: a client with a
// complete response may send the next body before the handler returns.
const (
	maxReadAhead   = 64 << 10
	readAheadPause = time.Second
)

// maxWrite bounds a single write. The client must accept as much within the write
// timeout.
const maxWrite = 32 << 10

// Conn is a client connection with a deadline for each write and a watcher for
// disconnects. All methods but Close are for a single goroutine at a time.
type Conn struct {
	net.Conn
	listener *Listener

	writeDeadline time.Time
	state         atomic.Int32
	readAhead     []byte // read by the watcher, not yet by the server
	closing       sync.Once
}

// The states of a connection.
const (
	waiting   int32 = iota // for a request, or reading its header
	answering              // a handler runs
	replying               // the handler has returned, the response may still be in flight
)

// beginResponse marks the start of a handler, and endResponse the return. Before a handler
// starts, and after the response is written, the server writes only error responses of
// Hertz, and Conn replaces them by the listener's ErrorReply.
func (c *Conn) beginResponse() { c.enter(answering) }

func (c *Conn) endResponse() { c.enter(replying) }

func (c *Conn) enter(state int32) {
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
	if len(c.readAhead) > 0 {
		n := copy(p, c.readAhead)
		if c.readAhead = c.readAhead[n:]; len(c.readAhead) == 0 {
			c.readAhead = nil
		}
		return n, nil
	}
	return c.Conn.Read(p)
}

// SetReadDeadline implements [net.Conn]. Hertz sets a deadline after the response
// is written, to wait for the next request.
func (c *Conn) SetReadDeadline(at time.Time) error {
	if c.state.Load() == replying {
		c.enter(waiting)
	}
	return c.Conn.SetReadDeadline(at)
}

// Write implements [net.Conn].
func (c *Conn) Write(p []byte) (int, error) {
	if c.state.Load() == waiting && !bytes.HasPrefix(p, []byte("HTTP/1.1 100 ")) {
		if _, err := c.write(c.listener.ErrorReply(statusOf(p))); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	return c.write(p)
}

// write writes p in pieces of maxWrite. The deadline moves only once half of the timeout
// has passed: a client has between half and all of the timeout to read.
func (c *Conn) write(p []byte) (written int, err error) {
	timeout := c.listener.WriteTimeout
	for {
		if now := time.Now(); c.writeDeadline.Sub(now) < timeout/2 {
			c.writeDeadline = now.Add(timeout)
			if err := c.SetWriteDeadline(c.writeDeadline); err != nil {
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

// statusOf returns the status in the first line of a response, or 0.
func statusOf(response []byte) int {
	const at = len("HTTP/1.1 ")
	if len(response) < at+3 {
		return 0
	}
	status, _ := strconv.Atoi(string(response[at : at+3]))
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

// Watch calls onDisconnect when the client disconnects, until the returned function is
// called; the call is required. A half-closed connection counts as disconnected. Watch
// keeps up to maxReadAhead bytes of input for later reads, and closes a connection with
// more. Nothing else may read from the connection meanwhile.
func (c *Conn) Watch(onDisconnect func()) (stop func()) {
	_ = c.SetReadDeadline(time.Time{}) // an error shows at the next read
	stopping, done := make(chan struct{}), make(chan struct{})
	go func() { // ends at stop, at the latest
		defer close(done)
		c.watch(onDisconnect, stopping)
	}()
	return func() {
		close(stopping)
		_ = c.SetReadDeadline(time.Unix(1, 0)) // fails on a closed connection, where reads end, too
		<-done
	}
}

// watch reads until the client disconnects or, once stopping is closed, a deadline
// passes.
func (c *Conn) watch(onDisconnect func(), stopping <-chan struct{}) {
	buf := make([]byte, 64) // clients seldom send anything
	for {
		n, err := c.Conn.Read(buf)
		c.readAhead = append(c.readAhead, buf[:n]...)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return
		case err != nil:
			onDisconnect()
			return
		case len(c.readAhead) > maxReadAhead:
			select {
			case <-stopping:
			case <-time.After(readAheadPause):
				_ = c.Conn.Close() // pending writes fail
				onDisconnect()
			}
			return
		}
	}
}
