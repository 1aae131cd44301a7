package hertzio

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"sse-typewriter/internal/inflight"
)

// Listener accepts client connections and bounds their number. Set the fields before
// the first use; none may be changed after.
type Listener struct {
	net.Listener

	// Max bounds the open connections. Excess connections are closed immediately: the
	// load balancer notices, and file descriptors remain for upstream connections.
	Max int64

	// WriteTimeout is the longest pause in reading before a connection is closed.
	WriteTimeout time.Duration

	// ErrorReply returns the complete response to a malformed, oversized or late request,
	// none of which reaches a handler. status is the choice of Hertz.
	ErrorReply func(status int) []byte

	// Logger receives a warning about excess connections, at most once a minute.
	Logger *slog.Logger

	open     atomic.Int64
	flushing inflight.Group // responses whose handler has returned
	warned   atomic.Int64   // the last warning, in Unix seconds
}

// Accept implements [net.Listener]. Accept retries when file descriptors or memory run
// short: after any error Hertz would never accept again.
func (l *Listener) Accept() (net.Conn, error) {
	const pause = 50 * time.Millisecond
	for {
		conn, err := l.Listener.Accept()
		switch {
		case err == nil && l.open.Add(1) <= l.Max:
			return &Conn{Conn: conn, listener: l}, nil
		case err == nil:
			l.open.Add(-1)
			_ = conn.Close() // nothing was written
			l.warn()
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOBUFS),
			errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.ECONNABORTED):
			time.Sleep(pause)
		default:
			return nil, err
		}
	}
}

// warn logs an excess connection, at most once a minute.
func (l *Listener) warn() {
	const interval = 60
	now, last := time.Now().Unix(), l.warned.Load()
	if now-last >= interval && l.warned.CompareAndSwap(last, now) {
		l.Logger.Warn("connections are refused: the limit of open connections is reached", "max", l.Max)
	}
}

// Open returns the number of open connections.
func (l *Listener) Open() int64 { return l.open.Load() }

// WaitFlushed waits until the responses of all finished handlers are written, or until ctx
// is done.
func (l *Listener) WaitFlushed(ctx context.Context) {
	_ = l.flushing.Wait(ctx) // the caller shuts down either way
}
