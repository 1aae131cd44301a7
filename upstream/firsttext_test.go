package upstream

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/testenv"
)

// kindFormat is plainFormat with the kinds of events as their names.
var kindFormat = func() *Format {
	format := *plainFormat
	format.NewDecoder = func() Decoder { return kindDecoder{} }
	return &format
}()

type kindDecoder struct{}

func (kindDecoder) Decode(name, data string) Event {
	kinds := map[string]Kind{"text": KindText, "created": KindCreated, "working": KindWorking, "tool": KindOutput, "message": KindMessageDone}
	if data == "[DONE]" {
		return plainDecoder{}.Decode(name, data)
	}
	e := Pass(name, data, &Meaning{Kind: kinds[name]})
	if name == "over" {
		e.Meaning.Phase = MayClose
	}
	return e
}

// Only output of the model counts as the first text; the time begins with the request.
func TestFirstTextTimeout(t *testing.T) {
	const wait, heartbeat = 10 * time.Second, time.Second
	for _, test := range []struct {
		name, first string // the event after 5 s
		timeout     time.Duration
		want        string // the reason of the failure
	}{
		{"comments", ": ping\n\n", wait, "first_text_timeout"},
		{"pings", "event: ping\ndata: {}\n\n", wait, "first_text_timeout"},
		{"created", "event: created\ndata: {}\n\n", wait, "first_text_timeout"},
		{"working", "event: working\ndata: {}\n\n", wait, "first_text_timeout"},
		{"text", "event: text\ndata: a\n\n", wait, ""},
		{"tool call", "event: tool\ndata: a\n\n", wait, ""},
		{"whole message", "event: message\ndata: a\n\n", wait, ""},
		{"end without text", "event: over\ndata: a\n\n", wait, ""},
		{"no bound", ": ping\n\n", 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var writer sync.WaitGroup
				defer writer.Wait()
				reply := openFormat(t.Context(), t, kindFormat, func(ctx context.Context) io.ReadCloser {
					time.Sleep(3 * time.Second) // until the header
					r, w := testenv.PipeBody(ctx)
					writer.Go(func() { // ends with the body
						time.Sleep(2 * time.Second)
						_, _ = io.WriteString(w, test.first)
						for range 20 {
							time.Sleep(heartbeat)
							if _, err := io.WriteString(w, ": ping\n\n"); err != nil {
								return
							}
						}
						_, _ = io.WriteString(w, "data: [DONE]\n\n")
						_ = w.Close()
					})
					return r
				}, func(c *Client) { c.FirstTextTimeout = test.timeout })
				_, err := readAll(reply)
				if got := reason(err); got != test.want {
					t.Errorf("got reason %q, want %q", got, test.want)
				}
				want := 25 * time.Second
				if test.want != "" {
					want = wait
				}
				if took := time.Since(start); took != want {
					t.Errorf("took %v, want %v", took, want)
				}
			})
		})
	}
}

// Text behind the timeout, which waits for a late header, is not sent: an answer has either
// text or the error.
func TestFirstTextAfterTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reply := openFormat(t.Context(), t, kindFormat, func(context.Context) io.ReadCloser {
			time.Sleep(11 * time.Second) // until the header
			return io.NopCloser(strings.NewReader("event: created\ndata: {}\n\nevent: text\ndata: a\n\ndata: [DONE]\n\n"))
		}, func(c *Client) { c.FirstTextTimeout = 10 * time.Second })
		got, err := readAll(reply)
		if reason(err) != "first_text_timeout" || slices.ContainsFunc(got, func(e event) bool { return e.name == "text" }) {
			t.Errorf("got %q and %v", got, err)
		}
	})
}
