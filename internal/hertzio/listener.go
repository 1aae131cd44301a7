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

// Listener accepts the connections of clients. Set the fields before its first use;
// none may be changed after.
type Listener struct {
	net.Listener

	// Max is how many connections may be open. One more is closed at once: who balances
	// the load sees it, and descriptors are left for the upstream's.
	Max int64

	// WriteTimeout is how long a client may not read before it is dropped.
	WriteTimeout time.Duration

	// Refusal returns the answer of a status, header and all, that is given where no
	// handler has begun to answer; see [Conn.Begin].
	Refusal func(status int) []byte

	// Logger is told of connections that are refused, now and then.
	Logger *slog.Logger

	open    atomic.Int64
	flushing inflight.Group // replies that a handler has ended, and that are on their way
	warned  atomic.Int64   // when Logger was told, in Unix seconds
}

// Accept implements [net.Listener]. It outlives a shortage of file descriptors or
// memory: on any error Hertz stops to accept for good.
func (l *Listener) Accept() (net.Conn, error) {
	const pause = 50 * time.Millisecond
	for {
		conn, err := l.Listener.Accept()
		switch {
		case err == nil && l.open.Add(1) <= l.Max:
			return &Conn{Conn: conn, listener: l}, nil
		case err == nil:
			l.open.Add(-1)
			_ = conn.Close() // it was never used
			l.warn()
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOBUFS),
			errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.ECONNABORTED):
			time.Sleep(pause)
		default:
			return nil, err
		}
	}
}

// warn tells that a connection was refused, at most once a minute.
func (l *Listener) warn() {
	const every = 60
	now, last := time.Now().Unix(), l.warned.Load()
	if now-last >= every && l.warned.CompareAndSwap(last, now) {
		l.Logger.Warn("connections are refused: as many are open as may be", "max", l.Max)
	}
}

// Open returns how many connections are open.
func (l *Listener) Open() int64 { return l.open.Load() }

// WaitFlushed waits until the replies that handlers have ended are written, or until ctx
// is done.
func (l *Listener) WaitFlushed(ctx context.Context) {
	_ = l.flushing.Wait(ctx) // then they are not
}
