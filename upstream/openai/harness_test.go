package openai

import (
	"context"
	"io"
	"net/http"
	"testing"

	"sse-typewriter/internal/testenv"
	"sse-typewriter/upstream/split/splittest"

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

type event = splittest.Event

// chunks returns unnamed events.
func chunks(data ...string) []event {
	var events []event
	for _, d := range data {
		events = append(events, event{Data: d})
	}
	return events
}
