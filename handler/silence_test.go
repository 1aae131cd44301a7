package handler

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/testenv"

	cozemock "sse-typewriter/mock/coze"
)

// slowBody is the body of a reply. It yields each part after a delay, and an error after
// the end of its context.
type slowBody struct {
	ctx    context.Context
	parts  []part
	closed func()
}

type part struct {
	after time.Duration
	data  string
}

func (b *slowBody) Read(p []byte) (int, error) {
	if len(b.parts) == 0 {
		return 0, io.EOF
	}
	next := b.parts[0]
	b.parts = b.parts[1:]
	select {
	case <-time.After(next.after):
		return copy(p, next.data), nil
	case <-b.ctx.Done():
		return 0, context.Cause(b.ctx)
	}
}

func (b *slowBody) Close() error {
	if b.closed != nil {
		b.closed()
	}
	return nil
}

// streaming returns an upstream that answers with a stream of parts.
func streaming(closed func(), parts ...part) http.RoundTripper {
	return testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: http.StatusOK,
			Header:     http.Header{"Content-Type": {"text/event-stream"}},
			Body:       &slowBody{ctx: r.Context(), parts: parts, closed: closed},
			Request:    r,
		}, nil
	})
}

const (
	deltaAB = `event:conversation.message.delta` + "\n" + `data:{"id":"1","content":"ab"}` + "\n\n"
	done    = "event:done\ndata:\"[DONE]\"\n\n"
)

// The response header is sent when the upstream has answered, and heartbeats during
// silences.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, streaming(nil, part{40 * time.Second, deltaAB}, part{20 * time.Second, done}))
		a := server.serve(context.Background(), t, question("x"))
		if a.opened != 0 {
			t.Errorf("header sent at %v", a.opened)
		}
		var got []time.Duration
		for _, c := range a.chunks {
			if c.data == "\n" {
				got = append(got, c.at)
			}
		}
		want := []time.Duration{15 * time.Second, 30 * time.Second, 55*time.Second + 100*time.Millisecond}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("heartbeats at %v, want %v", got, want)
		}
		readStrict(t, a.text())
	})
}

// After the idle timeout of the upstream the backlog is sent, then an error.
func TestIdleUpstreamEndsInAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, server := newTestHandler(t, streaming(nil, part{0, deltaAB}, part{time.Hour, done}))
		h.options.Upstreams[0].Client.IdleTimeout = 10 * time.Second
		a := server.serve(context.Background(), t, question("x"))
		want := []string{"0 a", "100 b", `10000 {"code":5042,"msg":"upstream stalled mid-stream"}`}
		if got := times(t, a); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		if !a.complete {
			t.Error("the response is not complete")
		}
	})
}

// A disconnect releases the upstream at once, in each phase of a stream.
func TestDisconnectReleasesUpstream(t *testing.T) {
	tests := []struct {
		name  string
		parts []part
	}{
		{"before the first event", []part{{time.Hour, done}}},
		{"during a pause", []part{{0, deltaAB}, {2 * time.Hour, done}}},
		{"during the upstream's silence", []part{{10 * time.Millisecond, deltaAB}, {time.Hour, done}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				closed := time.Duration(-1)
				h, server := newTestHandler(t, streaming(func() {
					if closed < 0 {
						closed = time.Since(start)
					}
				}, test.parts...))
				ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
				defer cancel()
				server.serve(ctx, t, question("x"))
				_ = h.lifecycle.inflight.Wait(t.Context())
				if closed != 50*time.Millisecond {
					t.Errorf("upstream was closed at %v, want 50ms", closed)
				}
			})
		})
	}
}

// The response ends at once after the last event, though the upstream's connection
// stays open.
func TestEndIsPrompt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, streaming(nil, part{0, deltaAB + done}, part{time.Hour, "x"}))
		start := time.Now()
		server.serve(context.Background(), t, question("x"))
		if took := time.Since(start); took != 100*time.Millisecond {
			t.Errorf("ended after %v, want 100ms", took)
		}
		time.Sleep(2 * time.Second) // the connection is given up
	})
}

// Shutdown waits for the end of streams until the deadline, and then ends them.
func TestShutdown(t *testing.T) {
	for _, test := range []struct {
		name string
		time time.Duration
		want time.Duration
	}{
		{"in time", time.Minute, 20 * time.Second},
		{"out of time", 5 * time.Second, 5 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, server := newTestHandler(t, streaming(nil, part{0, deltaAB}, part{20 * time.Second, done}))
				go server.serve(context.Background(), t, question("x"))
				synctest.Wait()
				start := time.Now()
				ctx, cancel := context.WithTimeout(context.Background(), test.time)
				defer cancel()
				h.Shutdown(ctx)
				if took := time.Since(start); took != test.want {
					t.Errorf("took %v, want %v", took, test.want)
				}
			})
		})
	}
}

// The body goes upstream unchanged, and so do the client's headers, except for hop-by-hop
// headers and the server's own.
func TestWhatGoesUpstream(t *testing.T) {
	var got *http.Request
	var body []byte
	_, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		got = r
		body, _ = io.ReadAll(r.Body)
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	}))
	const odd = ` {"bot_id": "1", "x":1.0,"y":"\u4f60" } `
	server.serve(context.Background(), t, request{
		method: "POST",
		url:    "/v3/chat?conversation_id=&mode=raw&a=%2f&speed=2&max_lag=1s&max_tail=1s&reasoning=raw&unit=word&min_interval=1s&markdown=on&event_ids=off&a=b",
		header: map[string]string{
			"Authorization": "Bearer t", "X-Coze-Client-User-Agent": "{}", "Content-Type": "application/json; charset=x",
			"Connection": "close, X-Hop", "X-Hop": "1", "Keep-Alive": "1", "Te": "trailers", "Upgrade": "h2c",
			"Typewriter-Mode": "raw", "Typewriter-Speed": "1", "Typewriter-Max-Lag": "1s", "Typewriter-Max-Tail": "1s", "Typewriter-Reasoning": "raw", "Typewriter-Unit": "word", "Typewriter-Markdown": "on", "Typewriter-Min-Interval": "1s", "Typewriter-Event-Ids": "off",
			"Accept-Encoding": "gzip", "Last-Event-ID": "1", "X-Request-Id": "id-1",
		},
		body: odd,
	})
	if string(body) != odd || got.ContentLength != int64(len(odd)) {
		t.Errorf("body %q, length %d", body, got.ContentLength)
	}
	if want := "http://upstream.invalid/v3/chat?a=%2f&a=b"; got.URL.String() != want {
		t.Errorf("url %s, want %s", got.URL, want)
	}
	want := http.Header{
		"Authorization": {"Bearer t"}, "X-Coze-Client-User-Agent": {"{}"},
		"Content-Type": {"application/json; charset=x"}, "Accept-Encoding": {"identity"},
		"X-Forwarded-For": {"0.0.0.0"}, "X-Forwarded-Host": {"localhost"}, "X-Forwarded-Proto": {"http"}, "X-Request-Id": {"id-1"},
	}
	got.Header.Del("User-Agent")
	if !reflect.DeepEqual(got.Header, want) {
		t.Errorf("header %v\nwant   %v", got.Header, want)
	}
}

// For clients that send only a question, or nothing, the server completes the request.
func TestDefaultRequest(t *testing.T) {
	made := func(botID, userID, message string) string {
		return `{"bot_id":"` + botID + `","user_id":"` + userID + `","stream":true,"auto_save_history":true,` +
			`"additional_messages":[{"role":"user","content":"` + message + `","content_type":"text"}]}`
	}
	const all = "/v3/chat?q=%3Ca%26b%3E&bot_id=B&user_id=U&conversation_id=C&mode=raw"
	plain := map[string]string{"Content-Type": "Text/Plain; charset=utf-8"}
	tests := []struct {
		name      string
		request   request
		url, body string
	}{
		{"GET nothing", request{method: "GET", url: "/v3/chat"}, "/v3/chat", made("bot", "user", cozemock.ArticleMessage)},
		{"POST nothing", request{method: "POST", url: "/v3/chat"}, "/v3/chat", made("bot", "user", cozemock.ArticleMessage)},
		{"GET all", request{method: "GET", url: all}, "/v3/chat?conversation_id=C", made("B", "U", "<a&b>")},
		{"POST all", request{method: "POST", url: all}, "/v3/chat?conversation_id=C", made("B", "U", "<a&b>")},
		{
			"plain text",
			request{method: "POST", url: all, header: plain, body: "message=a&b\n{\"c\":1}"},
			"/v3/chat?conversation_id=C",
			made("B", "U", `message=a&b\n{\"c\":1}`),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
				body, _ := io.ReadAll(r.Body)
				if r.Method != http.MethodPost || r.URL.String() != "http://upstream.invalid"+test.url || string(body) != test.body {
					t.Errorf("got %s %s %s\nwant POST %s %s", r.Method, r.URL, body, test.url, test.body)
				}
				if got := r.Header.Values("Content-Type"); !reflect.DeepEqual(got, []string{"application/json"}) {
					t.Errorf("Content-Type is %q", got)
				}
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
			}))
			server.serve(context.Background(), t, test.request)
		})
	}
}
