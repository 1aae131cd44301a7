package testenv

import (
	"context"
	"net"
	"sync"
	"time"
)

// MemListener is a [net.Listener] of in-memory connections by [net.Pipe], so that server
// and client fit in a testing/synctest bubble.
type MemListener struct {
	// Wrap wraps the server's end of each connection, unless Wrap is nil.
	Wrap func(net.Conn) net.Conn

	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// NewMemListener returns a listener. The caller closes the listener.
func NewMemListener() *MemListener {
	return &MemListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// MemConn is the client's end of a connection.
type MemConn struct {
	net.Conn

	// ServerClosed is closed after the server's end of the connection.
	ServerClosed <-chan struct{}
}

// Dial connects to the server.
func (l *MemListener) Dial(ctx context.Context) (*MemConn, error) {
	server, client := net.Pipe()
	closed := make(chan struct{})
	if l.Wrap != nil {
		server = l.Wrap(server)
	}
	select {
	case l.conns <- &serverConn{Conn: server, closed: closed}:
		return &MemConn{client, closed}, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements [net.Listener].
func (l *MemListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (l *MemListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements [net.Listener].
func (l *MemListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4zero} }

// serverConn is the server's end of a connection. The peer's address is 0.0.0.0:0.
type serverConn struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func (c *serverConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4zero} }

func (c *serverConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	_ = c.SetDeadline(time.Time{}) // stops the timers, which retain the connection
	return c.Conn.Close()
}
