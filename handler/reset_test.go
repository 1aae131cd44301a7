package handler

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/testenv"
	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
)

// cutConn is a connection that yields a reply after the request was sent, and then a reset.
type cutConn struct {
	reply string
	sent  chan struct{}
	once  sync.Once
}

func (c *cutConn) Read(p []byte) (int, error) {
	<-c.sent
	if c.reply == "" {
		return 0, &net.OpError{Op: "read", Err: syscall.ECONNRESET}
	}
	n := copy(p, c.reply)
	c.reply = c.reply[n:]
	return n, nil
}

func (c *cutConn) Write(p []byte) (int, error) {
	c.once.Do(func() { close(c.sent) })
	return len(p), nil
}

func (c *cutConn) Close() error {
	c.once.Do(func() { close(c.sent) })
	return nil
}

func (c *cutConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *cutConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *cutConn) SetDeadline(time.Time) error      { return nil }
func (c *cutConn) SetReadDeadline(time.Time) error  { return nil }
func (c *cutConn) SetWriteDeadline(time.Time) error { return nil }

// recordExchange sends a request to the stand-in and returns the encoded reply.
func recordExchange(t *testing.T, standIn http.RoundTripper) (wire string, header int) {
	t.Helper()
	body := question("hello").body
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://upstream.invalid/v3/chat", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := standIn.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
	var b strings.Builder
	for chunk := range strings.SplitAfterSeq(string(all), "\n\n") {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(chunk), chunk) // the last one is empty, which ends it
	}
	return head + b.String(), len(head)
}

// If the upstream resets the connection after any number of bytes of the reply, the client
// always gets a single clear outcome, and the whole answer if recovery is possible.
func TestResetAtEveryByte(t *testing.T) {
	for _, recovers := range []bool{false, true} {
		t.Run(fmt.Sprint("recovers ", recovers), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				standIn := mock.New(3, cozemock.New())
				wire, header := recordExchange(t, standIn)
				answer := texts(wire)
				whole := 0 // how often
				ask := cutAfter(t, standIn, recovers)
				step := 1
				if testenv.IsRace() || testing.Short() {
					step = 7 // all positions take 20 s without the race detector
				}
				for n := 0; n < len(wire); n += step {
					a := ask(wire[:n])
					ended, failed := strings.Contains(a.text(), `data:"[DONE]"`), strings.Count(a.text(), "event:error")
					got := texts(a.text())
					switch {
					case n < header:
						if a.status != http.StatusBadGateway || !strings.HasPrefix(a.body, `{"code":5021,`) {
							t.Fatalf("after %d bytes: got %d %s", n, a.status, a.body)
						}
					case ended && failed == 0 && got == answer:
						whole++
					case ended || failed != 1 || !strings.HasPrefix(answer, got) || !strings.Contains(a.text(), `data:{"code":5023,`):
						t.Fatalf("after %d bytes: got %s", n, a.text())
					case recovers && got != "":
						t.Fatalf("after %d bytes: not recovered: %s", n, a.text())
					}
				}
				if whole == 0 || recovers && whole < (len(wire)-header)/step/2 {
					t.Errorf("whole after %d of %d positions", whole, len(wire))
				}
			})
		})
	}
}

// cutAfter returns a function that opens a chat at an upstream whose connection is reset
// after a part of the reply. The stand-in answers all other requests.
func cutAfter(t *testing.T, standIn http.RoundTripper, recovers bool) func(part string) answer {
	t.Helper()
	reply := ""
	cut := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return &cutConn{reply: reply, sent: make(chan struct{})}, nil
	}}
	h, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == chatPath {
			return cut.RoundTrip(r)
		}
		return standIn.RoundTrip(r)
	}))
	if !recovers {
		h.options.Upstreams[0].Client.RecoveryTimeout = 0
	}
	r := question("hello")
	r.header = map[string]string{"Typewriter-Mode": "raw"}
	return func(part string) answer {
		reply = part
		a := server.serve(t.Context(), t, r)
		if err := h.lifecycle.inflight.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		return a
	}
}

// texts joins the contents of the deltas of a stream.
func texts(stream string) string {
	var b strings.Builder
	for line := range strings.Lines(stream) {
		if _, content, ok := strings.Cut(line, `"content":"`); ok && strings.HasPrefix(line, "data:") && !strings.Contains(line, `"created_at"`) {
			text, _, _ := strings.Cut(content, `"`)
			b.WriteString(text)
		}
	}
	return b.String()
}
