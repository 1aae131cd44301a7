package handler

import (
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/testenv"
)

// withRecognized adds formats that only a reply tells: by a header, and by the first event.
func withRecognized(o *Options, _ *streams.Options) {
	byHeader, byEvent := *lineFormat, *lineFormat
	byHeader.Name, byHeader.Route = "by header", nil
	byHeader.MatchHeader = func(h http.Header) bool { return h.Get("X-Lines") == "v1" }
	byHeader.ReplyHeaders = []string{""}
	byEvent.Name, byEvent.Route = "by event", nil
	byEvent.MatchEvent = func(data string) bool { return data == `"begin"` }
	o.Upstreams[0].Formats = append(slices.Clone(o.Upstreams[0].Formats), lineFormat, &byEvent, &byHeader)
}

// appUpstream replies to each request with a stream and the header of the test.
type appUpstream struct {
	header  http.Header
	body    func() io.Reader
	targets []string
}

func (u *appUpstream) RoundTrip(r *http.Request) (*http.Response, error) {
	u.targets = append(u.targets, r.URL.RequestURI())
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	header := http.Header{"Content-Type": {"text/event-stream"}}
	maps.Copy(header, u.header)
	return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(contextReader{r.Context(), u.body()}), Request: r}, nil
}

// contextReader fails once the context is done, as the body of a reply does.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if r.ctx.Err() != nil {
		return 0, r.ctx.Err()
	}
	return n, err
}

// newApp returns an upstream whose replies have pairs of header fields and their values.
func newApp(stream string, header ...string) *appUpstream {
	u := &appUpstream{header: http.Header{}, body: func() io.Reader { return testenv.InPieces(stream, 3) }}
	for i := 0; i < len(header); i += 2 {
		u.header.Add(header[i], header[i+1])
	}
	return u
}

// A stream at a path of no format, or with a header of another, is paced in the format that
// the reply tells. Any other reply passes byte for byte.
func TestRecognizeReply(t *testing.T) {
	const (
		stream = "data:\"begin\"\n\ndata:\"ab\"\n\ndata:.\n\n"
		paced  = "data: \"b\"\n\ndata: \"e\"\n\ndata: \"g\"\n\ndata: \"i\"\n\ndata: \"n\"\n\ndata: \"a\"\n\ndata: \"b\"\n\ndata: .\n\n"
		other  = "event:x\ndata:\"other\"\n\n"
	)
	for _, test := range []struct {
		name string
		app  *appUpstream
		request
		want string
	}{
		{"by the first event", newApp(stream), request{method: "POST", url: "/any/path", body: "{}"}, paced},
		{"without a body", newApp(stream), request{method: "POST", url: "/any/path"}, paced},
		{"by a header", newApp(stream, "X-Lines", "v1"), request{method: "POST", url: "/any/path", body: "{}"}, paced},
		{"by a header, at a path of a format", newApp(stream, "X-Lines", "v1"), request{method: "POST", url: "/v3/chat", body: "{}"}, paced},
		{"by the path alone", newApp(other), request{method: "POST", url: "/lines", body: "{}"}, "data: \"o\"\n\ndata: \"t\"\n\ndata: \"h\"\n\ndata: \"e\"\n\ndata: \"r\"\n\ndata: {\"failed\":\"cut\",\"after\":\"other\"}\n\n"},
		{"another event", newApp(other), request{method: "POST", url: "/any/path", body: "{}"}, other},
		{"a comment first", newApp(": hello\n\n" + stream), request{method: "POST", url: "/any/path", body: "{}"}, ": hello\n\n" + stream},
		{"a header, and a comment first", newApp(": hello\r\n\r\n"+stream, "X-Lines", "v1"), request{method: "POST", url: "/any/path", body: "{}"}, paced},
		{"no event", newApp(": nothing\n\n"), request{method: "POST", url: "/any/path", body: "{}"}, ": nothing\n\n"},
		{"another header", newApp(other, "X-Lines", "v2"), request{method: "POST", url: "/any/path", body: "{}"}, other},
		{"GET", newApp(stream, "X-Lines", "v1"), request{method: "GET", url: "/any/path"}, stream},
		{"no stream", newApp(stream, "X-Lines", "v1", "Content-Type", "text/plain"), request{method: "POST", url: "/any/path"}, stream},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if values := test.app.header["Content-Type"]; len(values) > 0 {
					test.app.header.Set("Content-Type", values[len(values)-1])
				}
				_, server := newTestHandler(t, test.app, withRecognized)
				if a := server.serve(t.Context(), t, test.request); a.text() != test.want || a.status != http.StatusOK {
					t.Errorf("got %d %q, want %q", a.status, a.text(), test.want)
				}
			})
		})
	}
}

// A stream whose first event is beyond the limit passes byte for byte.
func TestTooLargeFirstEvent(t *testing.T) {
	const stream = "data:\"begin\"\n\ndata:.\n\n"
	for limit, want := range map[int]string{len("data:\"begin\"\n"): stream, len(stream): "data: \"b\"\n\n"} {
		synctest.Test(t, func(t *testing.T) {
			_, server := newTestHandler(t, newApp(stream), withRecognized, func(o *Options, _ *streams.Options) { o.Upstreams[0].Client.MaxEventBytes = limit })
			if got := server.serve(t.Context(), t, request{method: "POST", url: "/any/path"}).text(); !strings.HasPrefix(got, want) {
				t.Errorf("%d bytes: got %q, want %q", limit, got, want)
			}
		})
	}
}

// A recognized reply keeps its headers, and the query of the request goes upstream.
func TestRecognizedHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := newApp("data: \"ab\"\n\ndata: .\n\n", "X-Lines", "v1", "Set-Cookie", "a=1", "Set-Cookie", "b=2", "X-Line-Id", "id-7", "Content-Length", "9", "Connection", "X-Hop", "X-Hop", "1")
		_, server := newTestHandler(t, service, withRecognized)
		a := server.serve(t.Context(), t, request{method: "POST", url: "/any/path?mode=agent&speed=x", body: "{}"})
		if cookies := a.fields["Set-Cookie"]; !slices.Equal(cookies, []string{"a=1", "b=2"}) || a.header("X-Lines") != "v1" || a.header("X-Line-Id") != "id-7" || a.header("X-Hop") != "" {
			t.Errorf("got header %v", a.fields)
		}
		if want := []string{"/any/path?mode=agent&speed=x"}; !slices.Equal(service.targets, want) || len(a.chunks) != 2 {
			t.Errorf("got targets %q, want %q; got %d chunks", service.targets, want, len(a.chunks))
		}
	})
}

// The server's own headers hold for a recognized stream: its pace, and ids to resume it from,
// also by the same POST.
func TestRecognizedStreamResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := newApp("data: \"ab\"\n\ndata: .\n\n", "X-Lines", "v1")
		_, server := newTestHandler(t, service, withRecognized)
		r := request{method: "POST", url: "/any/path", body: "{}", header: map[string]string{"Typewriter-Event-Ids": "on", "Typewriter-Mode": "raw"}}
		a := server.serve(t.Context(), t, r)
		id := a.header("Typewriter-Stream")
		if want := "id: " + id + ":1.0\nretry: 1000\ndata: \"ab\"\n\nid: " + id + ":2.0\ndata: .\n\n"; a.text() != want {
			t.Errorf("got %q, want %q", a.text(), want)
		}
		r.header["Last-Event-ID"] = id + ":0.1"
		if got := server.serve(t.Context(), t, r).text(); !strings.HasSuffix(got, "data: \"b\"\n\nid: "+id+":2.0\ndata: .\n\n") || len(service.targets) != 1 {
			t.Errorf("got %q after the first character, with %d requests", got, len(service.targets))
		}
		r.header = map[string]string{"Prefer": "respond-async"}
		if a := server.serve(t.Context(), t, r); a.status != http.StatusAccepted || !strings.HasPrefix(a.header("Location"), streamsPath) {
			t.Errorf("got %d %s", a.status, a.text())
		}
		r.header = map[string]string{"Typewriter-Mode": "x"}
		if a := server.serve(t.Context(), t, r); a.status != http.StatusBadRequest || len(service.targets) != 2 {
			t.Errorf("got %d %s, with %d requests", a.status, a.text(), len(service.targets))
		}
	})
}

// A client that leaves ends the request to the service, unless the stream can be resumed.
func TestLeavingRecognizedStream(t *testing.T) {
	for _, test := range []struct {
		name, ids string
		want      bool
	}{
		{"without ids", "off", false},
		{"with ids", "on", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := newApp("", "X-Lines", "v1")
				reader := &slowReader{[]string{"data: \"a\"\n\n", "data: \"b\"\n\ndata: .\n\n"}, time.Second}
				service.body = func() io.Reader { return reader }
				_, server := newTestHandler(t, service, withRecognized)
				ctx, leave := context.WithTimeout(t.Context(), 1500*time.Millisecond)
				defer leave()
				r := request{method: "POST", url: "/any/path", body: "{}", header: map[string]string{"Typewriter-Event-Ids": test.ids}}
				id := server.serve(ctx, t, r).header("Typewriter-Stream")
				time.Sleep(5 * time.Second)
				a := server.serve(t.Context(), t, request{method: "GET", url: streamsPath + id})
				if got := strings.Contains(a.text(), `b"`); got != test.want {
					t.Errorf("got %d %q, want the rest: %t", a.status, a.text(), test.want)
				}
			})
		})
	}
}

// A request is refused at the limit of streams, in the format of the reply, and passes
// unpaced while the server drains: the service is at work already.
func TestRecognizedWhileDrainingOrFull(t *testing.T) {
	stream := "data:\"begin\"\n\ndata: .\n\n"
	h, server := newTestHandler(t, newApp(stream), withRecognized)
	h.lifecycle.draining.Store(true)
	if a := server.serve(t.Context(), t, request{method: "POST", url: "/any/path", body: "{}"}); a.text() != stream {
		t.Errorf("got %d %q, want %q", a.status, a.text(), stream)
	}
	_, server = newTestHandler(t, newApp(stream), withRecognized, func(o *Options, _ *streams.Options) { o.MaxStreams = 0 })
	a := server.serve(t.Context(), t, request{method: "POST", url: "/any/path", body: "{}"})
	if a.status != http.StatusServiceUnavailable || !strings.HasPrefix(a.text(), `{"problem":"max_streams"`) {
		t.Errorf("got %d %s", a.status, a.text())
	}
}
