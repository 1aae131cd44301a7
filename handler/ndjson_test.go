package handler

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/testenv"
	"sse-typewriter/upstream"
)

// withNDJSON adds lineFormat, framed as lines of JSON, to the formats of a handler.
func withNDJSON(o *Options, _ *streams.Options) {
	format := *lineFormat
	format.Framing, format.Heartbeat = upstream.NDJSON, " "
	o.Upstreams[0].Formats = append(slices.Clone(o.Upstreams[0].Formats), &format)
	o.Heartbeat = time.Second
}

// ndjsonUpstream replies with a body in NDJSON.
func ndjsonUpstream(body func() io.Reader) http.RoundTripper {
	return testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		header := http.Header{"Content-Type": {"application/x-ndjson"}}
		return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(body()), Request: r}, nil
	})
}

// slowReader returns a part with each Read, after a pause.
type slowReader struct {
	parts []string
	pause time.Duration
}

func (r *slowReader) Read(p []byte) (int, error) {
	if len(r.parts) == 0 {
		return 0, io.EOF
	}
	time.Sleep(r.pause)
	n := copy(p, r.parts[0])
	r.parts = r.parts[1:]
	return n, nil
}

// A client gets lines, with a heartbeat that is white space, or events if it accepts only
// these. Events have ids, from which the stream resumes; lines resume from the beginning.
func TestNDJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := ndjsonUpstream(func() io.Reader {
			return &slowReader{[]string{"\"ab\"\n", ".\n"}, 2500 * time.Millisecond}
		})
		_, server := newTestHandler(t, transport, withNDJSON)
		r := request{method: "POST", url: "/lines", header: map[string]string{"Typewriter-Event-Ids": "on"}}
		a := server.serve(t.Context(), t, r)
		const lines = "\"a\"\n\"b\"\n.\n"
		if got, want := a.text(), "  \"a\"\n\"b\"\n  .\n"; got != want || a.header("Content-Type") != "application/x-ndjson" {
			t.Errorf("got %q with type %q, want %q", got, a.header("Content-Type"), want)
		}

		id := a.header("Typewriter-Stream")
		get := request{method: "GET", url: "/typewriter/streams/" + id, header: map[string]string{}}
		if a := server.serve(t.Context(), t, get); a.text() != lines || a.header("Content-Type") != "application/x-ndjson" {
			t.Errorf("got %q with type %q, want %q", a.text(), a.header("Content-Type"), lines)
		}
		get.header["Accept"] = "text/event-stream"
		want := "id:" + id + ":0.0\n\n" +
			"id: " + id + ":0.1\nretry: 1000\ndata: \"a\"\n\nid: " + id + ":1.0\ndata: \"b\"\n\nid: " + id + ":2.0\ndata: .\n\n"
		a = server.serve(t.Context(), t, get)
		if a.text() != want || a.header("Content-Type") != "text/event-stream; charset=utf-8" {
			t.Errorf("got  %q with type %q\nwant %q", a.text(), a.header("Content-Type"), want)
		}
		get.header["Last-Event-ID"] = id + ":0.1"
		if got := server.serve(t.Context(), t, get).text(); !strings.HasSuffix(got, "\ndata: \"b\"\n\nid: "+id+":2.0\ndata: .\n\n") || strings.Contains(got, `"a"`) {
			t.Errorf("got %q after the first event", got)
		}
		delete(get.header, "Accept")
		if got, want := server.serve(t.Context(), t, get).text(), "\"b\"\n.\n"; got != want {
			t.Errorf("got %q after the first event, want %q", got, want)
		}
	})
}

// A line beyond the limit ends the stream with an error, whatever follows.
func TestTooLongLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := "\"ab\"\n\"" + strings.Repeat("x", 100) + "\"\n.\n"
		_, server := newTestHandler(t, ndjsonUpstream(func() io.Reader { return strings.NewReader(stream) }), withNDJSON, func(o *Options, _ *streams.Options) {
			o.Upstreams[0].Client.MaxEventBytes = 100
		})
		a := server.serve(t.Context(), t, request{method: "POST", url: "/lines"})
		if want := "\"a\"\n\"b\"\n{\"failed\":\"event_too_large\",\"after\":\"ab\"}\n"; a.text() != want {
			t.Errorf("got %q, want %q", a.text(), want)
		}
	})
}

// The heartbeat of a stream of events is that of events, whatever the format's is.
func TestHeartbeatOfEventsFromNDJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := ndjsonUpstream(func() io.Reader { return &slowReader{[]string{".\n"}, 1500 * time.Millisecond} })
		_, server := newTestHandler(t, transport, withNDJSON)
		r := request{method: "POST", url: "/lines", header: map[string]string{"Accept": "text/event-stream"}}
		if got, want := server.serve(t.Context(), t, r).text(), "\n\ndata: .\n\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
