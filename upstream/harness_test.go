package upstream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"

	"sse-typewriter/typewriter"
)

// plainFormat is a format whose streams end with the data "[DONE]".
var plainFormat = &Format{
	Name:       "plain",
	NewDecoder: func() Decoder { return plainDecoder{} },
	ErrorEvents: func(err *Error, _ Sent) []typewriter.Event {
		return []typewriter.Event{Pass("error", err.Msg, nil).Event}
	},
}

type plainDecoder struct{}

func (plainDecoder) Decode(name, data string) Event {
	if data == "[DONE]" {
		return Pass(name, data, &Meaning{Kind: KindDone, Phase: Done})
	}
	return Pass(name, data, nil)
}

// openStream opens a stream whose body is made for its request.
func openStream(ctx context.Context, t *testing.T, body func(context.Context) io.ReadCloser, set func(*Client)) *Reply {
	t.Helper()
	return openFormat(ctx, t, plainFormat, body, set)
}

// openFormat is openStream for a format.
func openFormat(ctx context.Context, t *testing.T, format *Format, body func(context.Context) io.ReadCloser, set func(*Client)) *Reply {
	t.Helper()
	client := NewClient("http://upstream.invalid", testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		header := http.Header{"Content-Type": {"text/event-stream; charset=utf-8"}}
		return &http.Response{StatusCode: http.StatusOK, Header: header, Body: body(r.Context()), Request: r}, nil
	}))
	if set != nil {
		set(client)
	}
	reply, err := client.Do(ctx, Request{Method: http.MethodPost, Format: format, Path: "/v3/chat", Body: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reply.Close)
	return reply
}

// event is an event as a test compares it.
type event struct{ name, data string }

// readAll reads a reply to its end.
func readAll(reply *Reply) ([]event, *Error) {
	var got []event
	events, failure := reply.Events()
	for e := range events {
		got = append(got, event{e.Frame.Name, e.Payload()})
	}
	return got, failure()
}

// server is an upstream at the other end of pipes: it gives each request to serve,
// which writes the answer and tells whether the connection goes on.
type server struct {
	serve func(conn net.Conn, r *http.Request) bool
	dials []string // the addresses that were dialled
}

// transport returns a transport whose connections lead to the server.
func (s *server) transport() *http.Transport {
	transport := NewTransport(10*time.Second, time.Minute)
	transport.Proxy = nil
	transport.DialContext = func(_ context.Context, _, address string) (net.Conn, error) {
		s.dials = append(s.dials, address)
		client, conn := net.Pipe()
		go s.run(conn) // ends when either end closes the connection
		return client, nil
	}
	return transport
}

func (s *server) run(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if !s.serve(conn, r) {
			return
		}
	}
}

// answer is an HTTP answer of a server with a body of known length.
func answer(status, header, body string) string {
	return "HTTP/1.1 " + status + "\r\n" + header + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// asError returns an error of Do as what it is promised to be.
func asError(t *testing.T, err error) *Error {
	t.Helper()
	var failure *Error
	if !errors.As(err, &failure) {
		t.Fatalf("got error %v, want an *Error", err)
	}
	return failure
}

// reason is an error's reason; empty for none.
func reason(err *Error) string {
	if err == nil {
		return ""
	}
	return err.Reason
}
