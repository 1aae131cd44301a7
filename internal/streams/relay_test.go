package streams_test

import (
	"io"
	"net"
	"sync"
	"testing"

	"sse-typewriter/internal/testenv"
)

// relay forwards connections to a server, and can cut them.
type relay struct {
	*testenv.Redis
	listener net.Listener

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

// newRelay starts a relay. The end of the test stops the relay.
func newRelay(t *testing.T, server *testenv.Redis) *relay {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Redis: server, listener: listener, conns: map[net.Conn]bool{}}
	t.Cleanup(func() {
		listener.Close()
		r.Cut()
	})
	go func() { // ends with the listener
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server.Addr)
			if err != nil {
				conn.Close()
				continue
			}
			r.add(conn, upstream)
			for _, way := range [][2]net.Conn{{conn, upstream}, {upstream, conn}} {
				go func() { // ends when either connection is closed
					defer way[0].Close()
					defer way[1].Close()
					_, _ = io.Copy(way[0], way[1])
				}()
			}
		}
	}()
	return r
}

func (r *relay) add(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		r.conns[c] = true
		if r.cut {
			c.Close()
		}
	}
}

// Cut closes all connections, until Heal.
func (r *relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = true
	for c := range r.conns {
		c.Close()
	}
	clear(r.conns)
}

// Heal ends Cut.
func (r *relay) Heal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = false
}

// URL returns the relay's URL.
func (r *relay) URL() string { return "redis://" + r.listener.Addr().String() + "/0" }
