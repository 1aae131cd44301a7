package upstream

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"
	"weak"

	"sse-typewriter/internal/testenv"
)

// trackedContext is a context that counts the contexts derived from it which have not
// ended. A derived context with a deadline holds its timer until then.
type trackedContext struct {
	context.Context
	done chan struct{}
	live int
}

func (c *trackedContext) Done() <-chan struct{} { return c.done }

// AfterFunc is called by package context for each derived context, and the function that
// it returns when that context has ended.
func (c *trackedContext) AfterFunc(func()) (stop func() bool) {
	c.live++
	return func() bool {
		c.live--
		return true
	}
}

// The timer of the maximum time ends with the request, however that ends.
func TestMaxTimeTimerEnds(t *testing.T) {
	stream := http.Header{"Content-Type": {"text/event-stream"}}
	compressed := http.Header{"Content-Type": {"text/event-stream"}, "Content-Encoding": {"gzip"}}
	for _, test := range []struct {
		name   string
		header http.Header // nil if the request fails
		finish func(*Reply)
	}{
		{"failed", nil, nil},
		{"compressed", compressed, nil},
		{"closed", stream, (*Reply).Close},
		{"drained", stream, (*Reply).Drain},
		{"idle", stream, func(r *Reply) {
			r.drop(errIdle)
			r.Close()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := NewClient("http://upstream.invalid", testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
				if test.header == nil {
					return nil, io.ErrUnexpectedEOF
				}
				return &http.Response{StatusCode: http.StatusOK, Header: test.header, Body: testenv.InPieces("data:[DONE]\n\n", 0), Request: r}, nil
			}))
			client.MaxTime = time.Hour
			ctx := &trackedContext{Context: context.Background(), done: make(chan struct{})}
			reply, err := client.Do(ctx, Request{Method: http.MethodGet, Path: "/"})
			if (err != nil) != (test.finish == nil) {
				t.Fatalf("got error %v", err)
			}
			if test.finish != nil {
				if ctx.live == 0 {
					t.Error("got no timer while the reply is open")
				}
				test.finish(reply)
			}
			if ctx.live != 0 {
				t.Errorf("got %d contexts that have not ended, want none", ctx.live)
			}
		})
	}
}

// The function of Chat is kept as long as the stream, the reply is not.
func TestChatKeepsNoReply(t *testing.T) {
	client := NewClient("http://upstream.invalid", testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: testenv.InPieces("", 1), Request: r}, nil
	}))
	reply, err := client.Do(t.Context(), Request{Method: http.MethodGet, Path: "/"})
	if err != nil {
		t.Fatal(err)
	}
	chat, kept := reply.Chat(), weak.Make(reply)
	reply.chat.Store(&Chat{"id", "conversation"})
	reply.Close()
	reply = nil
	runtime.GC()
	if kept.Value() != nil {
		t.Error("the reply is still in memory")
	}
	if got := chat(); got != (Chat{"id", "conversation"}) {
		t.Errorf("got chat %+v", got)
	}
}
