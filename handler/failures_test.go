package handler

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/testenv"

	"sse-typewriter/internal/hertzio"
	"sse-typewriter/internal/streams"

	"github.com/cloudwego/hertz/pkg/app"
)

// A panic ends its request with an error without details.
func TestPanic(t *testing.T) {
	var log strings.Builder
	_, server := newTestHandler(t, testenv.RoundTripFunc(func(*http.Request) (*http.Response, error) { panic("boom") }), func(o *Options, _ *streams.Options) { o.Logger = testLogger(&log) })
	a := server.serve(t.Context(), t, question("x"))
	if a.status != http.StatusInternalServerError || !strings.Contains(a.body, `"msg":"internal error"`) || strings.Contains(a.body, "boom") {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if !strings.Contains(log.String(), "cause=boom") {
		t.Errorf("log is %s", log.String())
	}
}

// A panic within a response breaks the connection.
func TestPanicWithinResponse(t *testing.T) {
	for _, size := range []int{hertzio.UnknownSize, 10} {
		_, server := newTestHandler(t, testenv.RoundTripFunc(nil))
		server.engine.GET("/panic", func(_ context.Context, c *app.RequestContext) {
			w := hertzio.NewResponseWriter(c, size)
			_, _ = w.WriteString("part")
			_ = w.Flush()
			panic("boom")
		})
		a := server.serve(t.Context(), t, request{method: "GET", url: "/panic"})
		if a.status != http.StatusOK || a.text() != "part" || a.complete {
			t.Errorf("got %d %q, complete: %v", a.status, a.text(), a.complete)
		}
	}
}

// A disconnect during a forwarded reply releases the upstream.
func TestDisconnectDuringReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var closed atomic.Bool
		_, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			parts := []part{{0, `{"code":`}, {time.Hour, `0}`}}
			return &http.Response{
				StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
				Body: &slowBody{ctx: r.Context(), parts: parts, closed: func() { closed.Store(true) }},
			}, nil
		}))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		start := time.Now()
		server.serve(ctx, t, question("x"))
		if took := time.Since(start); took != 50*time.Millisecond || !closed.Load() {
			t.Errorf("ended after %v, upstream closed: %v", took, closed.Load())
		}
	})
}

// The log contains the reason of a failed upstream request.
func TestFailureIsLogged(t *testing.T) {
	var log strings.Builder
	_, server := newTestHandler(t, testenv.RoundTripFunc(func(*http.Request) (*http.Response, error) { return nil, http.ErrServerClosed }), func(o *Options, _ *streams.Options) { o.Logger = testLogger(&log) })
	a := server.serve(t.Context(), t, getChat("SECRET", ""))
	if a.status != http.StatusBadGateway || !strings.Contains(log.String(), "reason=unreachable") ||
		!strings.Contains(log.String(), "logid="+a.header("X-Tt-Logid")) || strings.Contains(log.String(), "SECRET") {
		t.Errorf("got %d; log is %s", a.status, log.String())
	}
}

// At the end of the drain timeout the backlog is sent at once.
func TestShutdownSendsBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, server := newTestHandler(t, streaming(nil,
			part{0, "event:conversation.message.delta\ndata:{\"id\":\"1\",\"content\":\"" + strings.Repeat("x", 1000) + "\"}\n\n" + done}))
		var text atomic.Int64
		go func() {
			a := server.serve(t.Context(), t, request{method: "POST", url: "/v3/chat?max_lag=0", body: question("x").body})
			text.Store(int64(strings.Count(a.text(), "x")))
		}()
		synctest.Wait()
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		h.Shutdown(ctx)
		synctest.Wait()
		if took := time.Since(start); took != 5*time.Second || text.Load() != 1000 {
			t.Errorf("took %v, %d characters were typed", took, text.Load())
		}
	})
}
