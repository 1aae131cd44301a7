package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// dialError is how a dialer fails.
func dialError(cause error) error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 4567}, Err: cause}
}

// hang returns a connection to an upstream that never answers.
func hang() (net.Conn, error) {
	client, conn := net.Pipe()
	go func() { // ends when the client closes its end
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}()
	return client, nil
}

// How long things take in openErrors.
const (
	connect = 10 * time.Second
	header  = time.Minute
	giveUp  = 5 * time.Second
)

var openErrors = []struct {
	name   string
	scheme string
	dial   func(context.Context) (net.Conn, error)
	cancel bool // at giveUp
	want   Error
	after  time.Duration
}{
	{
		"refused", "http", func(context.Context) (net.Conn, error) { return nil, dialError(syscall.ECONNREFUSED) }, false,
		Error{Reason: "unreachable", Status: 502, Code: 5021},
		0,
	},
	{
		"unknown host", "http", func(context.Context) (net.Conn, error) {
			return nil, dialError(&net.DNSError{Err: "no such host", Name: "secret.test", IsNotFound: true})
		}, false,
		Error{Reason: "unreachable", Status: 502, Code: 5021},
		0,
	},
	{
		"dial timeout", "http", func(context.Context) (net.Conn, error) {
			time.Sleep(connect)
			return nil, dialError(os.ErrDeadlineExceeded)
		}, false,
		Error{Reason: "connect_timeout", Status: 504, Code: 5040},
		connect,
	},
	{
		"handshake timeout", "https", func(context.Context) (net.Conn, error) { return hang() }, false,
		Error{Reason: "connect_timeout", Status: 504, Code: 5040},
		connect,
	},
	{
		"header timeout", "http", func(context.Context) (net.Conn, error) { return hang() }, false,
		Error{Reason: "header_timeout", Status: 504, Code: 5041},
		header,
	},
	{
		"canceled while dialling", "http", func(ctx context.Context) (net.Conn, error) {
			<-ctx.Done()
			return nil, dialError(ctx.Err())
		}, true,
		Error{Reason: "canceled", Status: 502, Code: 5020},
		giveUp,
	},
	{
		"canceled while waiting", "http", func(context.Context) (net.Conn, error) { return hang() }, true,
		Error{Reason: "canceled", Status: 502, Code: 5020},
		giveUp,
	},
	{
		"no HTTP", "http", func(context.Context) (net.Conn, error) {
			client, conn := net.Pipe()
			go func() { // ends when the client closes its end
				_, _ = conn.Read(make([]byte, 4096))
				_, _ = io.WriteString(conn, "220 secret.test ESMTP\r\n")
				_, _ = io.Copy(io.Discard, conn)
			}()
			return client, nil
		}, false,
		Error{Reason: "unreachable", Status: 502, Code: 5021},
		0,
	},
}

func TestOpenErrors(t *testing.T) {
	for _, test := range openErrors {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport := NewTransport(connect, header)
				transport.Proxy = nil
				transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return test.dial(ctx) }
				client := NewClient(test.scheme+"://secret.test:4567", transport)
				defer client.Close()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if test.cancel {
					time.AfterFunc(giveUp, cancel)
				}
				start := time.Now()
				checkOpenError(ctx, t, client, test.want)
				if took := time.Since(start); took != test.after {
					t.Errorf("got it after %v, want %v", took, test.after)
				}
			})
		})
	}
}

// checkOpenError sends a request that fails as wanted. What the client is told
// shows neither where the request went nor what was in it.
func checkOpenError(ctx context.Context, t *testing.T, client *Client, want Error) {
	t.Helper()
	_, err := client.Do(ctx, Request{
		Method: "POST", Path: "/v3/secret", Query: "key=secret",
		Header: http.Header{"Authorization": {"Bearer pat_secret"}}, Body: []byte(`{"secret":1}`),
	})
	got := asError(t, err)
	if got.Reason != want.Reason || got.Status != want.Status || got.Code != want.Code {
		t.Errorf("got %s, %d, %d (%v); want %s, %d, %d",
			got.Reason, got.Status, got.Code, got, want.Reason, want.Status, want.Code)
	}
	if got.Msg == "" || got.Err == nil || !strings.HasPrefix(got.Error(), got.Msg) {
		t.Errorf("got message %q of error %q, want one with a cause", got.Msg, got)
	}
	for _, secret := range []string{"secret", "http", "4567", "10.1.2.3", "pat_", "POST", "Post"} {
		if strings.Contains(got.Msg, secret) {
			t.Errorf("got message %q, which holds %q", got.Msg, secret)
		}
	}
}

// An invalid request causes an error, not a panic.
func TestBadRequestFails(t *testing.T) {
	for _, r := range []Request{
		{Method: "POST", Path: "/%zz"},
		{Method: "POST", Path: "/\x7f"},
		{Method: "NO GOOD", Path: "/"},
		{Method: "POST", Path: "/", Header: http.Header{"X": {"a\nb"}}},
	} {
		synctest.Test(t, func(t *testing.T) {
			client := NewClient("http://upstream.test", NewTransport(time.Second, time.Second))
			defer client.Close()
			_, err := client.Do(t.Context(), r)
			if got := asError(t, err); got.Reason != "unreachable" || got.Status != 502 {
				t.Errorf("%s %q: got %v, want it unreachable", r.Method, r.Path, got)
			}
		})
	}
}

// A chat must not be started twice: what fails is not sent again, whether or not
// its connection has served before.
func TestNothingIsSentAgain(t *testing.T) {
	for _, test := range []struct {
		name     string
		fine     int // requests that are answered before one is not
		requests int
	}{
		{"new connection", 0, 1},
		{"connection used before", 1, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				requests := 0
				s := &server{serve: func(conn net.Conn, _ *http.Request) bool {
					requests++
					if requests > test.fine {
						return false // the connection closes without an answer
					}
					_, err := io.WriteString(conn, answer("200 OK", "", "{}"))
					return err == nil
				}}
				client := NewClient("http://upstream.test", s.transport())
				defer client.Close()
				var err error
				for range test.requests {
					var reply *Reply
					reply, err = client.Do(t.Context(), Request{Method: "POST", Path: "/v3/chat", Body: []byte("{}")})
					if err == nil {
						reply.Drain()
					}
				}
				if got := asError(t, err); got.Reason != "unreachable" || !errors.Is(err, io.EOF) {
					t.Errorf("got %v, want it unreachable for an EOF", err)
				}
				if requests != test.requests {
					t.Errorf("got %d requests, want %d", requests, test.requests)
				}
			})
		})
	}
}

func TestErrorText(t *testing.T) {
	cause := errors.New("why")
	for _, test := range []struct {
		name string
		err  *Error
		want string
	}{
		{"with a cause", &Error{Msg: "what", Err: cause}, "what: why"},
		{"without", &Error{Msg: "what"}, "what"},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
		if got := errors.Is(test.err, cause); got != (test.err.Err != nil) {
			t.Errorf("%s: got cause %t", test.name, got)
		}
	}
}
