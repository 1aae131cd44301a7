package openai

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"

	"sse-typewriter/upstream"
)

// format is the format with its default options.
var format = New(Options{Model: "test"})

// open opens a stream whose body is made for its request.
func open(t testing.TB, body func(context.Context) io.Reader) *upstream.Reply {
	t.Helper()
	client := upstream.NewClient("http://upstream.invalid", testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		header := http.Header{"Content-Type": {"text/event-stream; charset=utf-8"}}
		return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(body(r.Context())), Request: r}, nil
	}))
	reply, err := client.Do(context.Background(), upstream.Request{Method: http.MethodPost, Format: format, Path: "/v1/chat/completions"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reply.Close)
	return reply
}

// event is an event as it is in a stream.
type event struct{ name, data string }

// encodeAll returns the stream of some events.
func encodeAll(events []event) string {
	var b strings.Builder
	for _, e := range events {
		if e.name != "" {
			b.WriteString("event: " + e.name + "\n")
		}
		b.WriteString("data: " + strings.ReplaceAll(e.data, "\n", "\ndata: ") + "\n\n")
	}
	return b.String()
}

// decodeAll reads a stream to its end.
func decodeAll(t testing.TB, stream string) ([]upstream.Event, *upstream.Error) {
	t.Helper()
	events, failure := open(t, func(context.Context) io.Reader { return strings.NewReader(stream) }).Events()
	var got []upstream.Event
	for e := range events {
		got = append(got, e)
	}
	return got, failure()
}

// chunks returns unnamed events.
func chunks(data ...string) []event {
	var events []event
	for _, d := range data {
		events = append(events, event{data: d})
	}
	return events
}
