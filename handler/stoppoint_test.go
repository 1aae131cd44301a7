package handler

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/streams"
)

// slowly is an answer of three deltas, "ab", "ab" and "ab", with a second between them.
var slowly = []part{{0, deltaAB}, {time.Second, deltaAB}, {time.Second, deltaAB}, {time.Second, done}}

// contents returns the contents of the deltas of a stream, followed by its other events.
func contents(t *testing.T, stream string) (text string) {
	t.Helper()
	var b strings.Builder
	for _, e := range readIDs(t, stream) {
		if content := gjson.Get(e.data, "content"); content.Exists() {
			b.WriteString(content.Str)
			continue
		}
		b.WriteString(" " + e.name)
	}
	return b.String()
}

// stopAt stops a stream behind an event.
func stopAt(t *testing.T, server *testServer, id, event string) answer {
	t.Helper()
	return server.serve(t.Context(), t, request{method: "DELETE", url: streamsPath + id + "?at=" + event})
}

// A stream that is stopped behind an event ends there for later viewers, while it runs and
// after its end.
func TestStopPoint(t *testing.T) {
	for _, test := range []struct {
		name      string
		at        string // cursor
		want      string
		graphemes int64
	}{
		{"nothing seen", "0.0", " done", 0},
		{"within a delta", "0.1", "a done", 1},
		{"at the end of a delta", "0.2", "ab done", 2},
		{"after a delta", "1.0", "ab done", 2},
		{"within another delta", "1.1", "aba done", 3},
	} {
		for name, wait := range map[string]time.Duration{"running": 1500 * time.Millisecond, "ended": time.Minute} {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					closed := false
					_, server := newTestHandler(t, streaming(func() { closed = true }, slowly...))
					id := startAsync(t, server, "x")
					time.Sleep(wait)
					a := stopAt(t, server, id, id+":"+test.at)
					if a.status != http.StatusOK || gjson.Get(a.body, "graphemes").Int() != test.graphemes {
						t.Fatalf("got %d %s", a.status, a.body)
					}
					if again := stopAt(t, server, id, id+":2.0"); again.status != a.status || again.body != a.body {
						t.Errorf("the second time, got %d %s", again.status, again.body)
					}
					time.Sleep(time.Second)
					if !closed {
						t.Error("the upstream goes on")
					}
					for _, mode := range []string{"raw", "typewriter"} {
						view := server.serve(t.Context(), t, request{method: "GET", url: streamsPath + id + "?mode=" + mode})
						if got := contents(t, view.text()); got != test.want {
							t.Errorf("%s: got %q, want %q", mode, got, test.want)
						}
						rest := server.serve(t.Context(), t, request{method: "GET", url: streamsPath + id + "?mode=" + mode + "&lastEventId=" + id + ":" + test.at})
						if got := contents(t, rest.text()); got != " done" || strings.Contains(rest.text(), "content") {
							t.Errorf("%s: behind the stop point, got %q", mode, got)
						}
						last := lastIDOf(view.text())
						for _, ahead := range []string{last, id + ":3.0"} {
							if got := server.serve(t.Context(), t, resumed(ahead, "")); got.status != http.StatusNoContent || got.header("Typewriter-Resume") != "finished" {
								t.Errorf("after %s: got %d %s %q", ahead, got.status, got.header("Typewriter-Resume"), got.text())
							}
						}
					}
				})
			})
		}
	}
}

// A viewer that is connected sees the backlog and the end, as without a stop point.
func TestStopPointForViewers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, streaming(nil, slowly...))
		id := startAsync(t, server, "x")
		go func() {
			time.Sleep(1050 * time.Millisecond)
			stopAt(t, server, id, id+":0.1")
		}()
		view := server.serve(t.Context(), t, request{method: "GET", url: streamsPath + id})
		if got := contents(t, view.text()); got != "abab done" {
			t.Errorf("got %q", got)
		}
	})
}

// A stop point behind the end of an answer changes nothing.
func TestStopPointAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, streaming(nil, slowly...))
		id := startAsync(t, server, "x")
		time.Sleep(time.Minute)
		if a := stopAt(t, server, id, id+":4.0"); a.status != http.StatusOK || gjson.Get(a.body, "graphemes").Int() != 6 {
			t.Errorf("got %d %s", a.status, a.body)
		}
		view := server.serve(t.Context(), t, request{method: "GET", url: streamsPath + id + "?mode=raw"})
		if got := contents(t, view.text()); got != "ababab done" {
			t.Errorf("got %q", got)
		}
	})
}

// Stopping behind an event that is none of the stream's stops nothing.
func TestInvalidStopPoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, streaming(nil, slowly...))
		id, other := startAsync(t, server, "x"), startAsync(t, server, "x")
		time.Sleep(100 * time.Millisecond)
		for _, event := range []string{"", id, id + ":", id + ":1", other + ":0.1", id + ":9.0", id + ":0.3", id + ":0.1.1", id + ":-1.0"} {
			if a := stopAt(t, server, id, event); a.status != http.StatusBadRequest {
				t.Errorf("%q: got %d %s", event, a.status, a.body)
			}
		}
		mine := stopAt(t, server, streams.NewID(), "x:0.1")
		if mine.status != http.StatusBadRequest {
			t.Errorf("got %d", mine.status)
		}
		r := request{method: "DELETE", url: streamsPath + id + "?at=" + id + ":0.1", header: map[string]string{"Authorization": "Bearer stranger"}}
		if a := server.serve(t.Context(), t, r); a.status != http.StatusNotFound {
			t.Errorf("stranger: got %d", a.status)
		}
		view := server.serve(t.Context(), t, request{method: "GET", url: streamsPath + id + "?mode=raw"})
		if got := contents(t, view.text()); got != "ababab done" {
			t.Errorf("got %q", got)
		}
	})
}

// A stream without event ids has no stop point, and goes on.
func TestStopPointWithoutIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, streaming(nil, slowly...))
		r := question("x")
		r.received = func(a answer) {
			if id := a.header("Typewriter-Stream"); len(a.chunks) == 1 {
				if got := server.serve(context.WithoutCancel(t.Context()), t, request{method: "DELETE", url: streamsPath + id + "?at=" + id + ":0.1"}); got.status != http.StatusBadRequest {
					t.Errorf("got %d", got.status)
				}
			}
		}
		if a := server.serve(t.Context(), t, r); strings.Count(a.text(), "content") != 6 {
			t.Errorf("got %q", a.text())
		}
	})
}

// The memory of a stopped stream is freed with the stream.
func TestStopPointMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, server := newTestHandler(t, streaming(nil, slowly...))
		id := startAsync(t, server, "x")
		time.Sleep(time.Minute)
		stopAt(t, server, id, id+":0.1")
		time.Sleep(6 * time.Minute)
		if got := h.options.Streams.Bytes(); got != 0 {
			t.Errorf("%d bytes are held", got)
		}
	})
}
