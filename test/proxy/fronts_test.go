package proxy

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"sse-typewriter/internal/testenv"
)

// Stopping a stream cancels the chat upstream and ends the stream.
func TestStop(t *testing.T) {
	t.Parallel()
	for _, front := range fronts {
		t.Run(front.name, func(t *testing.T) {
			t.Parallel()
			left := make(chan struct{}, 1)
			u := newUpstream(t, func(c *chat) {
				c.say("一")
				<-c.ctx.Done()
				left <- struct{}{}
			}, nil)
			f := front.start(t, testenv.Start(t, "--upstream="+u.URL))
			res := sendRequest(t, http.DefaultClient, http.MethodGet, f.base+"/v3/chat", "")
			defer res.Body.Close()
			lines := bufio.NewReader(res.Body)
			readTo(t, lines, "data:")
			stop := sendRequest(t, http.DefaultClient, http.MethodDelete, f.base+"/typewriter/streams/"+res.Header.Get("Typewriter-Stream"), "")
			_ = stop.Body.Close() // only the status counts
			if stop.StatusCode != http.StatusNoContent {
				t.Errorf("got %d", stop.StatusCode)
			}
			readTo(t, lines, `data:"[DONE]"`)
			testenv.Receive(t, "the upstream is given up", left)
		})
	}
}

// Many streams share one HTTP/2 connection: each is unbuffered while the others are
// open, and canceling one leaves the others open.
func TestOneConnection(t *testing.T) {
	t.Parallel()
	const streams = 50
	for _, front := range fronts[1:] { // those with TLS
		t.Run(front.name, func(t *testing.T) {
			t.Parallel()
			goOn, left := make(chan struct{}), make(chan string, streams)
			u := newUpstream(t, func(c *chat) {
				c.say("一")
				c.await(goOn)
				if c.ctx.Err() != nil {
					left <- c.message
					return
				}
				c.end()
			}, nil)
			f := front.start(t, testenv.Start(t, "--upstream="+u.URL, "--resume-grace=0s"))
			client, connections := newClient(t), atomic.Int32{}
			client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				connections.Add(1)
				return (&net.Dialer{}).DialContext(ctx, network, address)
			}
			var leave []func() error
			var readers []*bufio.Reader
			for i := range streams {
				res := sendRequest(t, client, http.MethodGet, f.base+fmt.Sprint("/v3/chat?message=", i), "")
				defer res.Body.Close()
				leave, readers = append(leave, res.Body.Close), append(readers, bufio.NewReader(res.Body))
				if got := readTo(t, readers[i], "data:"); !strings.Contains(got, "一") {
					t.Errorf("stream %d got %q", i, got)
				}
			}
			_ = leave[7]() // an error would show below
			if who := testenv.Receive(t, "the upstream of one is given up", left); who != "7" {
				t.Errorf("stream %s was given up", who)
			}
			close(goOn)
			for i, lines := range readers {
				if i != 7 {
					readTo(t, lines, `data:"[DONE]"`)
				}
			}
			if n := connections.Load(); n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
}
