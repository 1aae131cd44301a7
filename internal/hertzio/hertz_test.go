package hertzio

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/app/server"
	"github.com/cloudwego/hertz/pkg/common/config"
	"github.com/cloudwego/hertz/pkg/common/hlog"
	"github.com/cloudwego/hertz/pkg/network"
	"github.com/cloudwego/hertz/pkg/network/standard"
	"github.com/cloudwego/hertz/pkg/protocol"
	"github.com/cloudwego/hertz/pkg/protocol/http1/resp"
	"github.com/hertz-contrib/sse"

	"sse-typewriter/internal/testenv"
)

// The tests of this file pin what Hertz does that this package works around. When one
// fails after an upgrade, its workaround may go or must change.

// Hertz starts a goroutine that never ends before the first response. It must not belong
// to a testing/synctest bubble.
func init() { protocol.ServerDateOnce.Do(protocol.UpdateServerDate) }

// serveHertz serves Hertz as it is, without this package, until the test ends.
func serveHertz(t *testing.T, register func(*server.Hertz), options ...config.Option) *testenv.MemListener {
	t.Helper()
	hlog.SetOutput(io.Discard)
	listener := testenv.NewMemListener()
	s := server.New(append([]config.Option{
		server.WithListener(listener), server.WithTransport(standard.NewTransporter), server.WithDisablePrintRoute(true),
		server.WithHandleMethodNotAllowed(true), server.WithReadTimeout(time.Minute),
	}, options...)...)
	register(s)
	run(t, s, listener)
	return listener
}

// serveOurs serves as the program does, until the test ends.
func serveOurs(t *testing.T, register func(*server.Hertz)) (*testenv.MemListener, *Listener) {
	t.Helper()
	mem := testenv.NewMemListener()
	listener := &Listener{
		Listener: mem, Max: 100, WriteTimeout: time.Minute, Logger: slog.New(slog.DiscardHandler),
		ErrorReply: func(int) []byte { return []byte("HTTP/1.1 400 Ours\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") },
	}
	s := NewServer(listener, time.Minute, time.Hour)
	s.Use(Track)
	register(s)
	run(t, s, mem)
	return mem, listener
}

func run(t *testing.T, s *server.Hertz, listener net.Listener) {
	t.Helper()
	done := make(chan struct{})
	go func() { // ends when the listener is closed
		defer close(done)
		_ = s.Run()
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
}

// exchange sends a request and returns the response, up to the end of the connection.
func exchange(t *testing.T, listener *testenv.MemListener, request string) string {
	t.Helper()
	conn, err := listener.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, request) }() // ends with the connection
	response, _ := io.ReadAll(conn)
	return string(response)
}

const get = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

// Track: the context of a request is that of its connection.
func TestHertzContextOutlivesRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ctxs []context.Context
		register := func(s *server.Hertz) {
			s.GET("/", func(ctx context.Context, _ *app.RequestContext) { ctxs = append(ctxs, ctx) })
		}
		exchange(t, serveHertz(t, register), get)
		ours, _ := serveOurs(t, register)
		exchange(t, ours, get)
		if ctxs[0].Err() != nil || ctxs[1].Err() == nil {
			t.Errorf("after the requests, Hertz's context has the error %v, and Track's %v", ctxs[0].Err(), ctxs[1].Err())
		}
	})
}

// CheckFraming: Hertz serves requests whose end is ambiguous, and those for two hosts.
func TestHertzServesAmbiguousRequests(t *testing.T) {
	for _, test := range []struct{ name, header string }{
		{"two lengths", "Content-Length: 1\r\nContent-Length: 1\r\n"},
		{"a length and chunks", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"},
		{"two hosts", "Content-Length: 1\r\nHost: other\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var checked error
				listener := serveHertz(t, func(s *server.Hertz) {
					s.POST("/", func(_ context.Context, c *app.RequestContext) { checked = CheckFraming(&c.Request.Header) })
				}, server.WithStreamBody(true))
				got := exchange(t, listener, "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"+test.header+"\r\n0\r\n\r\n")
				if !strings.HasPrefix(got, "HTTP/1.1 200") || checked == nil {
					t.Errorf("got %q, and the check %v", got, checked)
				}
			})
		})
	}
}

// Listener.ErrorReply: Hertz answers with text of its own where no handler has run.
func TestHertzAnswersErrorsItself(t *testing.T) {
	for _, test := range []struct{ name, request, want string }{
		{"not HTTP", "nonsense\r\n\r\n", "HTTP/1.1 400"},
		{"large header", "GET / HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 128<<10) + "\r\n\r\n", "HTTP/1.1 431"},
		{"late header", "GET / HTTP/1.1\r\nHost: h\r\nX", "HTTP/1.1 408"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				raw := serveHertz(t, func(*server.Hertz) {}, server.WithMaxHeaderBytes(maxHeader), server.WithOnConnect(func(ctx context.Context, conn network.Conn) context.Context {
					_ = conn.SetReadTimeout(time.Minute)
					return ctx
				}))
				if got := exchange(t, raw, test.request); !strings.HasPrefix(got, test.want) {
					t.Errorf("Hertz answers %q, want %s", got, test.want)
				}
				ours, _ := serveOurs(t, func(*server.Hertz) {})
				if got := exchange(t, ours, test.request); !strings.HasPrefix(got, "HTTP/1.1 400 Ours\r\n") {
					t.Errorf("the client got %q", got)
				}
			})
		})
	}
}

// NewServer: Hertz has no timeout for the first request of a connection.
func TestHertzWaitsForTheFirstRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait := func(listener *testenv.MemListener) time.Duration {
			conn, err := listener.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			start := time.Now()
			go func() { _, _ = io.Copy(io.Discard, conn) }() // ends with the connection
			select {
			case <-conn.ServerClosed:
			case <-time.After(24 * time.Hour):
			}
			return time.Since(start)
		}
		ours, _ := serveOurs(t, func(*server.Hertz) {})
		if raw, got := wait(serveHertz(t, func(*server.Hertz) {})), wait(ours); raw != 24*time.Hour || got != time.Minute {
			t.Errorf("Hertz waits for %v, and NewServer's for %v", raw, got)
		}
	})
}

// failingListener fails once.
type failingListener struct {
	*testenv.MemListener
	failed bool
}

func (l *failingListener) Accept() (net.Conn, error) {
	if !l.failed {
		l.failed = true
		return nil, syscall.EMFILE
	}
	return l.MemListener.Accept()
}

// Listener.Accept: Hertz stops at any error.
func TestHertzStopsAccepting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hlog.SetOutput(io.Discard)
		listener := &failingListener{MemListener: testenv.NewMemListener()}
		s := server.New(server.WithListener(listener), server.WithTransport(standard.NewTransporter))
		if err := s.Run(); !errors.Is(err, syscall.EMFILE) {
			t.Errorf("got %v", err)
		}
	})
}

// IsMalformed: Hertz answers a request without a Host with text, after the middleware.
func TestHertzAnswersMissingHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen bool
		listener := serveHertz(t, func(s *server.Hertz) {
			s.Use(func(ctx context.Context, c *app.RequestContext) {
				c.Next(ctx)
				seen = IsMalformed(c)
			})
		})
		got := exchange(t, listener, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
		if !seen || !strings.HasPrefix(got, "HTTP/1.1 400") || !strings.Contains(got, "Content-Type: text/plain") {
			t.Errorf("seen: %v, got %q", seen, got)
		}
	})
}

// bodySetter is a response's writer that notes what Hertz sets.
type bodySetter struct {
	bytes.Buffer
	body []byte
	err  error // of Finalize
}

func (w *bodySetter) Flush() error        { return nil }
func (w *bodySetter) Finalize() error     { return w.err }
func (w *bodySetter) SetBody(body []byte) { w.body = body }

// ResponseWriter.SetBody: Hertz sets the body of a 404 or 405 whose handler has written one.
func TestHertzSetsTheBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, method := range []string{"GET", "PUT"} {
			w := &bodySetter{}
			serve := func(_ context.Context, c *app.RequestContext) { c.Response.HijackWriter(w) }
			exchange(t, serveHertz(t, func(s *server.Hertz) {
				s.NoRoute(serve)
				s.NoMethod(serve)
				s.POST("/put", serve)
			}), method+" /put HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
			if len(w.body) == 0 {
				t.Errorf("%s: nothing is set", method)
			}
		}
	})
}

// ResponseWriter.Finalize: an error closes the connection, which otherwise serves on.
func TestHertzClosesAfterFinalizeFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, failed := range []error{nil, io.ErrShortWrite} {
			listener := serveHertz(t, func(s *server.Hertz) {
				s.GET("/", func(_ context.Context, c *app.RequestContext) { c.Response.HijackWriter(&bodySetter{err: failed}) })
			})
			conn, err := listener.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			synctest.Wait()
			select {
			case <-conn.ServerClosed:
				if failed == nil {
					t.Error("closed without an error")
				}
			default:
				if failed != nil {
					t.Errorf("open after %v", failed)
				}
			}
			_ = conn.Close()
			<-conn.ServerClosed
		}
	})
}

// NewResponseWriter: Hertz sets Connection: close after the handler, when the header has
// left, and sends chunks to HTTP/1.0 clients.
func TestHertzResponseHeaders(t *testing.T) {
	const old = "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n"
	synctest.Test(t, func(t *testing.T) {
		serve := func(write func(c *app.RequestContext)) func(*server.Hertz) {
			return func(s *server.Hertz) {
				s.GET("/", func(_ context.Context, c *app.RequestContext) {
					write(c)
					_, _ = c.Response.GetHijackWriter().Write([]byte("x"))
					_ = c.Response.GetHijackWriter().Flush()
				})
			}
		}
		raw := serveHertz(t, serve(func(c *app.RequestContext) {
			c.Response.HijackWriter(resp.NewChunkedBodyWriter(&c.Response, c.GetWriter()))
		}))
		ours, _ := serveOurs(t, serve(func(c *app.RequestContext) { NewResponseWriter(c, UnknownSize) }))
		if got := exchange(t, raw, get); strings.Contains(got, "Connection: close") {
			t.Errorf("Hertz says in time that it closes: %q", got)
		}
		if got := exchange(t, ours, get); !strings.Contains(got, "Connection: close\r\n") || !strings.HasSuffix(got, "\r\n\r\n1\r\nx\r\n0\r\n\r\n") {
			t.Errorf("got %q", got)
		}
		conn, err := raw.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(conn, old) }()               // ends with the connection
		response, err := http.ReadResponse(bufio.NewReader(conn), nil) //nolint:bodyclose // the connection is closed
		if err != nil || response.Header.Get("Transfer-Encoding") == "" && response.TransferEncoding == nil {
			t.Errorf("Hertz sends no chunks to HTTP/1.0: %v, %v", response, err)
		}
		_ = conn.Close()
		if got := exchange(t, ours, old); strings.Contains(got, "chunked") || !strings.HasSuffix(got, "\r\n\r\nx") {
			t.Errorf("got %q", got)
		}
	})
}

// The writer of events: contrib/sse sends each field of an event as a chunk.
func TestSSEWritesEachField(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := serveHertz(t, func(s *server.Hertz) {
			s.GET("/", func(_ context.Context, c *app.RequestContext) {
				_ = sse.NewStream(c).Publish(&sse.Event{ID: "1", Event: "e", Data: []byte("x")})
			})
		})
		if got := exchange(t, listener, get); strings.Contains(got, "id:1\nevent:e\n") {
			t.Errorf("an event is one chunk: %q", got)
		}
	})
}

// Conn.SetReadDeadline: Hertz sets one once it has written a response, before it waits for
// the next request.
func TestHertzSetsDeadlineAfterResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, listener := serveOurs(t, func(s *server.Hertz) {
			s.GET("/", func(_ context.Context, c *app.RequestContext) { c.Data(http.StatusOK, "text/plain", []byte("x")) })
		})
		conn, err := mem.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go func() { _, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n") }() // ends with the request
		synctest.Wait()                                                                  // the handler has returned, and nobody reads the response
		flushing := listener.flushing.Len()
		if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil { //nolint:bodyclose // the connection is closed
			t.Fatal(err)
		}
		synctest.Wait()
		if now := listener.flushing.Len(); flushing != 1 || now != 0 {
			t.Errorf("%d responses are in flight before it is read, %d after", flushing, now)
		}
	})
}

// NewServer, by its transport: netpoll reads all that a client sends, while a handler runs
// that reads nothing.
func TestNetpollReadsWithoutLimit(t *testing.T) {
	hlog.SetOutput(io.Discard)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var held int
	entered, sent := make(chan struct{}), make(chan struct{})
	s := server.New(server.WithListener(listener), server.WithDisablePrintRoute(true), server.WithExitWaitTime(0))
	s.GET("/", func(_ context.Context, c *app.RequestContext) {
		close(entered)
		<-sent
		held = c.GetConn().Len()
	})
	done := make(chan struct{})
	go func() { // ends at Shutdown
		defer close(done)
		_ = s.Run()
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, get)
	<-entered
	const size = 32 << 20
	_ = conn.SetWriteDeadline(time.Now().Add(30 * time.Second))
	if n, err := conn.Write(make([]byte, size)); err != nil {
		t.Errorf("netpoll reads no more than %d bytes: %v", n, err)
	}
	close(sent)
	_, _ = io.Copy(io.Discard, conn)
	_ = conn.Close()
	_ = s.Shutdown(context.Background())
	<-done
	if held < size/2 { // the rest is in the kernel
		t.Errorf("netpoll holds %d bytes of %d", held, size)
	}
}
