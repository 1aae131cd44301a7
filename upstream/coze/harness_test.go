package coze

import (
	"context"
	"io"
	"net/http"
	"testing"

	"sse-typewriter/internal/testenv"

	"sse-typewriter/upstream"
)

// format is the format with the default options.
var format = New(Options{})

// open opens a stream with a body for the request.
func open(ctx context.Context, t testing.TB, format *upstream.Format, body func(context.Context) io.ReadCloser, set func(*upstream.Client)) *upstream.Reply {
	t.Helper()
	client := upstream.NewClient("http://upstream.invalid", testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		header := http.Header{"Content-Type": {"text/event-stream; charset=utf-8"}}
		return &http.Response{StatusCode: http.StatusOK, Header: header, Body: body(r.Context()), Request: r}, nil
	}))
	if set != nil {
		set(client)
	}
	reply, err := client.Do(ctx, upstream.Request{Method: http.MethodPost, Format: format, Path: "/v3/chat", Body: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reply.Close)
	return reply
}

func openStream(ctx context.Context, t testing.TB, body func(context.Context) io.ReadCloser, set func(*upstream.Client)) *upstream.Reply {
	t.Helper()
	return open(ctx, t, format, body, set)
}

// event is an event for comparison.
type event struct{ name, data string }

// payload returns an event's data for a client.
func payload(e upstream.Event) string { return e.Frame.Head + e.Text + e.Frame.Tail }

// readAll reads all events of a reply.
func readAll(reply *upstream.Reply) ([]event, *upstream.Error) {
	var got []event
	events, failure := reply.Events()
	for e := range events {
		got = append(got, event{e.Frame.Name, payload(e)})
	}
	return got, failure()
}

// decode reads a stream from a body.
func decode(t *testing.T, body *testenv.Body, set func(*upstream.Client)) ([]event, *upstream.Error) {
	t.Helper()
	return readAll(openStream(t.Context(), t, func(context.Context) io.ReadCloser { return body }, set))
}

// reason is an error's reason; empty for none.
func reason(err *upstream.Error) string {
	if err == nil {
		return ""
	}
	return err.Reason
}
