package chaos

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// relay is a breakable network between a replica and Redis.
type relay struct {
	addr string

	mu     sync.Mutex
	target string
	closed bool                    // connections are refused
	delay  time.Duration           // maximum, for each read
	flow   chan struct{}           // closed unless the relay is stalled
	conns  map[*net.TCPConn]string // of both sides, with their target
	copies sync.WaitGroup
}

// startRelay relays connections to a target until the end of the test.
func startRelay(t *testing.T, target string) *relay {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{addr: listener.Addr().String(), target: target, flow: make(chan struct{}), conns: map[*net.TCPConn]string{}}
	close(r.flow)
	r.copies.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // the test has ended
			}
			r.copies.Go(func() { r.serve(conn.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		r.cut()
		r.copies.Wait()
	})
	return r
}

// serve relays a connection.
func (r *relay) serve(from *net.TCPConn) {
	r.mu.Lock()
	target, closed := r.target, r.closed
	r.mu.Unlock()
	if closed {
		reset(from)
		return
	}
	dialed, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", target)
	if err != nil {
		reset(from)
		return
	}
	to := dialed.(*net.TCPConn)
	r.mu.Lock()
	if r.closed || r.target != target {
		r.mu.Unlock()
		reset(from)
		reset(to)
		return
	}
	r.conns[from], r.conns[to] = target, target
	r.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { r.copy(from, to) })
	r.copy(to, from)
	both.Wait()
	r.mu.Lock()
	delete(r.conns, from)
	delete(r.conns, to)
	r.mu.Unlock()
}

// copy copies bytes in one direction. After an error copy closes both connections.
func (r *relay) copy(to, from *net.TCPConn) {
	defer reset(to)
	defer reset(from)
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		r.mu.Lock()
		flow, delay := r.flow, r.delay
		r.mu.Unlock()
		<-flow
		if delay > 0 {
			time.Sleep(rand.N(delay))
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// reset closes a connection by RST.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// cut resets all connections, and refuses new ones until restore.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.resume()
	r.cutAll()
}

func (r *relay) cutAll() {
	for c := range r.conns {
		reset(c)
	}
}

// stall holds back all bytes until restore. Connections stay open.
func (r *relay) stall() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resume()
	r.flow = make(chan struct{})
}

func (r *relay) resume() {
	select {
	case <-r.flow:
	default:
		close(r.flow)
	}
}

// slow delays each read by a random time.
func (r *relay) slow(most time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delay = most
}

// restore repairs the network.
func (r *relay) restore() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed, r.delay = false, 0
	r.resume()
}

// moveTo changes the target and resets all connections.
func (r *relay) moveTo(target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = target
	r.cutAll()
}
