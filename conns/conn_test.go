package conns

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are given to it.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) { return <-p, nil }
func (p pipes) Close() error              { return nil }
func (p pipes) Addr() net.Addr            { return &net.TCPAddr{} }

const writeTimeout = 10 * time.Second

// connect returns a connection's two ends, both of which are closed with the test.
func connect(t *testing.T) (l *Listener, server *Conn, client net.Conn) {
	t.Helper()
	client, theirs := net.Pipe()
	given := make(pipes, 1)
	given <- theirs
	l = &Listener{
		Listener: given, Max: 1, WriteTimeout: writeTimeout, Logger: slog.New(slog.DiscardHandler),
		Refusal: func(status int) []byte { return []byte{"?1234"[status/100]} },
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		_ = client.Close()
	})
	return l, conn.(*Conn), client
}

// What a client sends while it is watched is kept, and that it leaves is felt.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server, client := connect(t)
		left := false
		stop := server.Watch(func() { left = true })
		if _, err := io.WriteString(client, "the next request"); err != nil {
			t.Fatal(err)
		}
		stop()
		if left {
			t.Error("the client is said to have left")
		}
		_ = server.SetReadDeadline(time.Time{})
		buf := make([]byte, 100)
		if n, err := server.Read(buf[:8]); string(buf[:n]) != "the next" || err != nil {
			t.Errorf("got %q, %v", buf[:n], err)
		}
		if n, err := server.Read(buf); string(buf[:n]) != " request" || err != nil {
			t.Errorf("then %q, %v", buf[:n], err)
		}
		stop = server.Watch(func() { left = true })
		_ = client.Close()
		synctest.Wait()
		if !left {
			t.Error("that the client has left is not felt")
		}
		stop()
	})
}

// Whoever sends too much while it is answered is dropped, after a moment.
func TestTooMuchAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server, client := connect(t)
		began := time.Now()
		left := make(chan time.Duration, 1)
		stop := server.Watch(func() { left <- time.Since(began) })
		_, _ = io.WriteString(client, strings.Repeat("x", maxAhead+1))
		if after := <-left; after != aheadMoment {
			t.Errorf("dropped after %v, want %v", after, aheadMoment)
		}
		stop()
		if _, err := client.Write([]byte("x")); err == nil {
			t.Error("the connection is still open")
		}
	})
}

// A client that does not read is dropped when the time is over.
func TestWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server, _ := connect(t)
		server.Begin()
		began := time.Now()
		if _, err := server.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != writeTimeout {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// Where no handler answers, what an HTTP library writes is replaced by the refusal. What
// a handler has written is on its way until the library waits for the next request.
func TestReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, server, client := connect(t)
		flushed := false
		for _, test := range []struct {
			does        func()
			write, want string
		}{
			{func() {}, "HTTP/1.1 100 Continue", "HTTP/1.1 100 Continue"},
			{func() {}, "HTTP/1.1 400 Bad Request", "4"},
			{func() {}, "no HTTP", "?"},
			{server.Begin, "HTTP/1.1 400 Bad Request", "HTTP/1.1 400 Bad Request"},
			{server.End, "the rest", "the rest"},
		} {
			test.does()
			go func() { // ends when it is read
				if n, err := server.Write([]byte(test.write)); n != len(test.write) || err != nil {
					t.Errorf("%q: wrote %d, %v", test.write, n, err)
				}
			}()
			buf := make([]byte, 100)
			if n, err := client.Read(buf); string(buf[:n]) != test.want || err != nil {
				t.Errorf("%q: got %q, %v", test.write, buf[:n], err)
			}
		}
		go func() {
			l.Flushed(t.Context())
			flushed = true
		}()
		synctest.Wait()
		if flushed {
			t.Error("the reply is said to have been written")
		}
		_ = server.SetReadDeadline(time.Time{}) // the library waits for the next request
		synctest.Wait()
		if !flushed {
			t.Error("the reply is never written")
		}
	})
}

// One connection more than there may be is closed at once; when another ends there is
// room again.
func TestMax(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, first, _ := connect(t)
		accepted := make(chan net.Conn)
		go func() { // ends with the second connection that is accepted
			conn, _ := l.Accept()
			accepted <- conn
		}()
		client, theirs := net.Pipe()
		l.Listener.(pipes) <- theirs
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("one too many: %v", err)
		}
		_ = first.Close()
		_ = first.Close() // counts once
		if n := l.Open(); n != 0 {
			t.Errorf("%d are open", n)
		}
		_, theirs = net.Pipe()
		l.Listener.(pipes) <- theirs
		_ = (<-accepted).Close()
	})
}
