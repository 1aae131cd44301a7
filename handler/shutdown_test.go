package handler

import (
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/testenv"

	"sse-typewriter/internal/streams"
)

// While the server drains, new streams are refused, running streams go on, and clients can
// resume them. Draining ends with the last stream.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, server := newTestHandler(t, streaming(nil, part{0, deltaAB}, part{10 * time.Second, deltaAB + done}))
		ended := make(chan answer)
		id := startAsync(t, server, "x")
		go func() {
			a := server.serve(t.Context(), t, request{method: "GET", url: streamsPath + id})
			ended <- a
		}()
		time.Sleep(time.Second)
		if a := server.serve(t.Context(), t, request{method: "GET", url: "/readyz"}); a.status != http.StatusOK || !strings.HasPrefix(a.body, `{"status":"ready",`) {
			t.Errorf("before: %d %s", a.status, a.body)
		}
		start := time.Now()
		over := make(chan time.Duration)
		go func() {
			h.Shutdown(t.Context())
			over <- time.Since(start)
		}()
		synctest.Wait()
		for _, test := range []struct {
			request
			status int
			want   string
		}{
			{request{method: "GET", url: "/readyz"}, 503, `{"status":"draining",`},
			{getChat("x", ""), 503, `{"code":5032,`},
			{question("x"), 503, `{"code":5032,`},
			{request{method: "POST", url: "/ai/summarize", body: `{"text":"x"}`}, 503, `{"code":5032,`},
			{request{method: "POST", url: "/v1/workflow/stream_run", body: `{}`}, 503, `{"code":5032,`},
		} {
			a := server.serve(t.Context(), t, test.request)
			if a.status != test.status || !strings.HasPrefix(a.body, test.want) || a.header("Connection") != "close" {
				t.Errorf("%s %s: got %d %s, Connection %q", test.method, test.url, a.status, a.body, a.header("Connection"))
			}
		}
		again := server.serve(t.Context(), t, request{method: "GET", url: streamsPath + id})
		if !strings.HasSuffix(again.text(), "data:\"[DONE]\"\n\n") {
			t.Errorf("who comes back gets %q", again.text())
		}
		if a := <-ended; !strings.HasSuffix(a.text(), "data:\"[DONE]\"\n\n") {
			t.Errorf("the stream that runs is %q", a.text())
		}
		if took := <-over; took != 9*time.Second+100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}

// A stream that must end, and that no other replica can continue, ends with an error event.
func TestDrainIsOver(t *testing.T) {
	for name, r := range map[string]request{"without ids": question("x"), "with ids": getChat("x", "")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, server := newTestHandler(t, streaming(nil, part{0, deltaAB}, part{time.Hour, done}))
				ended := make(chan answer)
				go func() {
					a := server.serve(t.Context(), t, r)
					ended <- a
				}()
				time.Sleep(50 * time.Millisecond)
				ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
				defer cancel()
				h.Shutdown(ctx)
				if a := <-ended; !strings.Contains(a.text(), `"content":"b"`) || !strings.HasSuffix(a.text(), "event:error\ndata:{\"code\":5020,\"msg\":\"request was canceled\"}\n\n") {
					t.Errorf("got %q", a.text())
				}
			})
		})
	}
}

// A panic while recording ends the stream with an error.
func TestPanicOfARecorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		h, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Request: r, Body: panicBody{},
			}, nil
		}), func(o *Options, _ *streams.Options) { o.Logger = testLogger(&log) })
		a := server.serve(t.Context(), t, question("x"))
		if !strings.HasSuffix(a.text(), "event:error\ndata:{\"code\":5000,\"msg\":\"internal error\"}\n\n") {
			t.Errorf("got %q", a.text())
		}
		if err := h.lifecycle.inflight.Wait(t.Context()); err != nil || !strings.Contains(log.String(), "cause=boom") || !strings.Contains(log.String(), "panicBody") {
			t.Errorf("%v; log is %s", err, log.String())
		}
		if h.options.Streams.Bytes() != 0 {
			t.Errorf("%d bytes are held", h.options.Streams.Bytes())
		}
	})
}

type panicBody struct{}

func (panicBody) Read([]byte) (int, error) { panic("boom") }
func (panicBody) Close() error             { return nil }

// The memory of a kept stream is within the size counted against the bound.
func TestKeptStreamsAreCounted(t *testing.T) {
	h, server := newTestHandler(t, streaming(nil, part{0, deltaAB + done}), func(_ *Options, s *streams.Options) { s.Retention = time.Hour })
	// All requests share a connection, whose memory is not the streams'.
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return server.listener.Dial(ctx) }}
	defer transport.CloseIdleConnections()
	keep := func(n int) {
		for range n {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+getChat("x", "&mode=raw").url, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Header = http.Header{"Authorization": {"Bearer x"}, "X-Large": {strings.Repeat("x", 8<<10)}}
			res, err := transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
		if err := h.lifecycle.inflight.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	keep(10)
	const n = 1000
	memory, counted := heap(), h.options.Streams.Bytes()
	keep(n)
	took, counts := (heap()-memory)/n, (h.options.Streams.Bytes()-counted)/n
	if took > counts {
		t.Errorf("a stream takes %d bytes and counts as %d", took, counts)
	}
	t.Logf("a stream takes %d bytes and counts as %d", took, counts)
	runtime.KeepAlive(h)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
