package hertzio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// queue is a listener of what was put there: connections, and errors.
type queue struct {
	net.Listener
	accepts chan any
}

func (q queue) Accept() (net.Conn, error) {
	switch a := (<-q.accepts).(type) {
	case net.Conn:
		return a, nil
	case error:
		return nil, a
	}
	return nil, net.ErrClosed
}

func newListener(logger *slog.Logger, accepts ...any) *Listener {
	q := queue{accepts: make(chan any, len(accepts))}
	for _, a := range accepts {
		q.accepts <- a
	}
	close(q.accepts)
	return &Listener{
		Listener: q, Max: 2, WriteTimeout: 10 * time.Second, Logger: logger,
		ErrorReply: func(status int) []byte { return fmt.Appendf(nil, "refused with %d", status) },
	}
}

// connect returns both ends of a connection that was accepted.
func connect(t *testing.T) (l *Listener, conn *Conn, client net.Conn) {
	t.Helper()
	server, client := net.Pipe()
	l = newListener(slog.New(slog.DiscardHandler), server)
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return l, accepted.(*Conn), client
}

// There are so many connections, of which each counts until it is closed, once; a
// shortage of descriptors is waited for.
func TestAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		var ends []any
		var clients []net.Conn
		for range 6 {
			server, client := net.Pipe()
			ends, clients = append(ends, server), append(clients, client)
		}
		l := newListener(slog.New(slog.NewTextHandler(&log, nil)), ends[0], syscall.EMFILE, ends[1], ends[2], ends[3])
		began := time.Now()
		first, _ := l.Accept()
		if _, err := l.Accept(); err != nil || time.Since(began) != 50*time.Millisecond {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v", err)
		}
		for i, client := range clients[2:4] {
			if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("connection %d more than may be open: got %v", i+1, err)
			}
		}
		if n := strings.Count(log.String(), "connections are refused"); n != 1 || l.Open() != 2 {
			t.Errorf("%d are open, and told %d times", l.Open(), n)
		}
		_ = first.Close()
		_ = first.Close()
		if l.Open() != 1 {
			t.Errorf("%d are open, want 1", l.Open())
		}
	})
}

// What is written where no handler has begun to answer is the server's own error, and
// is replaced.
func TestErrorReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, conn, client := connect(t)
		written := func(p, want string) {
			t.Helper()
			go func() {
				if n, err := conn.Write([]byte(p)); err != nil || n != len(p) {
					t.Errorf("wrote %d, %v", n, err)
				}
			}()
			got := make([]byte, 100)
			n, _ := client.Read(got)
			if string(got[:n]) != want {
				t.Errorf("%q was written as %q, want %q", p, got[:n], want)
			}
			synctest.Wait()
		}
		const reply, goOn = "HTTP/1.1 408 Request Timeout\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"
		written(reply, "refused with 408")
		written("x", "refused with 0")
		written(goOn, goOn)
		conn.beginResponse()
		written(reply, reply)
		_ = conn.SetReadDeadline(time.Time{}) // of a body
		written(reply, reply)
		conn.endResponse()
		written(reply, reply) // what the handler has left to the server
		_ = conn.SetReadDeadline(time.Time{})
		written(reply, "refused with 408")
	})
}

// A reply is on its way until the server waits for the next request, or closes.
func TestFlushed(t *testing.T) {
	for name, end := range map[string]func(*Conn){
		"next":   func(c *Conn) { _ = c.SetReadDeadline(time.Now().Add(time.Minute)) },
		"closed": func(c *Conn) { _ = c.Close() },
		"ahead":  func(c *Conn) { c.beginResponse() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, conn, _ := connect(t)
				conn.beginResponse()
				l.WaitFlushed(t.Context()) // that it is answered is not its business
				conn.endResponse()
				flushed := make(chan struct{})
				go func() {
					defer close(flushed)
					l.WaitFlushed(t.Context())
				}()
				synctest.Wait()
				select {
				case <-flushed:
					t.Error("not waited for")
				default:
				}
				end(conn)
				<-flushed
				_ = conn.Close()
				if n := l.flushing.Len(); n != 0 {
					t.Errorf("%d are counted", n)
				}
			})
		})
	}
}

// A client that leaves is noticed, at once; what it sent before is read after.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, conn, client := connect(t)
		left := 0
		stop := conn.Watch(func() { left++ })
		_, _ = client.Write([]byte("next "))
		stop()
		stop = conn.Watch(func() { left++ })
		_, _ = client.Write([]byte("request"))
		synctest.Wait()
		if left != 0 {
			t.Error("left, since it sends ahead")
		}
		_ = client.Close()
		synctest.Wait()
		if left != 1 {
			t.Errorf("left %d times", left)
		}
		stop()
		if got, err := io.ReadAll(conn); string(got) != "next request" || err != nil {
			t.Errorf("then read %q, %v", got, err)
		}
	})
}

// A client that sends too much ahead is dropped after a moment, unless the handler has
// ended by then.
func TestTooMuchAhead(t *testing.T) {
	for _, ends := range []bool{false, true} {
		t.Run(fmt.Sprint("handler ends: ", ends), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, conn, client := connect(t)
				began, gone := time.Now(), time.Duration(0)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				stop := conn.Watch(func() { gone = time.Since(began); cancel() })
				sent := bytes.Repeat([]byte("x"), maxReadAhead+1)
				if _, err := client.Write(sent); err != nil {
					t.Fatal(err)
				}
				if ends {
					time.Sleep(readAheadPause - 1)
					stop()
					if got := make([]byte, len(sent)); ctx.Err() != nil {
						t.Error("dropped")
					} else if n, err := io.ReadFull(conn, got); err != nil {
						t.Errorf("read %d: %v", n, err)
					}
					return
				}
				<-ctx.Done()
				synctest.Wait()
				if _, err := client.Write([]byte("x")); err == nil || gone != readAheadPause {
					t.Errorf("dropped after %v: %v", gone, err)
				}
				stop()
			})
		})
	}
}

// Each piece that is written must be read in time; what is read slowly, but is, is not
// dropped.
func TestWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, conn, client := connect(t)
		conn.beginResponse()
		go func() {
			for range 4 {
				time.Sleep(4 * time.Second)
				_, _ = io.ReadFull(client, make([]byte, maxWrite))
			}
		}()
		began := time.Now()
		n, err := conn.Write(make([]byte, 5*maxWrite))
		took := time.Since(began)
		if n != 4*maxWrite || !isTimeout(err) || took != 26*time.Second {
			t.Errorf("wrote %d, %v, after %v", n, err, took)
		}
	})
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
