package proxytest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"
)

// A client that leaves is felt by us and by the upstream: in the middle of an answer,
// and before it has begun.
func TestLeaving(t *testing.T) {
	t.Parallel()
	asked, left := make(chan struct{}, 1), make(chan struct{}, 1)
	u := newUpstream(t, func(c *chat) {
		if c.message != "silent" {
			c.say("一")
		}
		asked <- struct{}{}
		<-c.ctx.Done()
		left <- struct{}{}
	}, nil)
	s := start(t, "--upstream="+u.URL, "--resume-grace=0s")
	n := startNginx(t, s)
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		res := ask(t, http.DefaultClient, method, n.base+"/v3/chat", "")
		readTo(t, bufio.NewReader(res.Body), "data:")
		receive(t, "the upstream has spoken", asked)
		_ = res.Body.Close() // which closes the connection
		receive(t, method+": the upstream is given up", left)
	}
	eventually(t, "the log tells", func() bool { return slices.Equal(s.outcomes(), []string{"left", "left"}) })

	for _, method := range []string{http.MethodPost, http.MethodGet} {
		ctx, leave := context.WithCancel(t.Context())
		answer := askLater(ctx, t, method, n.base+"/v3/chat?message=silent")
		receive(t, "the upstream is asked", asked)
		leave()
		receive(t, method+": the upstream is given up before it began", left)
		receive(t, "the client has left", answer)
	}
}

// askLater sends a request and returns its answer's status when that has come; 0: none
// has.
func askLater(ctx context.Context, t *testing.T, method, url string) <-chan int {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	status := make(chan int, 1)
	go func() { // ends with ctx, at the latest
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			status <- 0
			return
		}
		_ = res.Body.Close() // only the status counts
		status <- res.StatusCode
	}()
	return status
}

// A server that crashes in the middle of an answer does not make that look whole.
func TestCrashIsACut(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, func(c *chat) {
		c.say("一")
		<-c.ctx.Done()
	}, nil)
	s := start(t, "--upstream="+u.URL)
	n := startNginx(t, s)
	res := ask(t, http.DefaultClient, http.MethodPost, n.base+"/v3/chat", "")
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	readTo(t, lines, "data:")
	s.kill()
	if rest, err := io.ReadAll(lines); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %q, %v", rest, err)
	}
}

// A server that crashes before it answers has asked already: nginx must not ask another
// one, which would start a second chat.
func TestCrashStartsNoSecondChat(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			asked := make(chan struct{}, 2)
			u := newUpstream(t, func(c *chat) {
				asked <- struct{}{}
				<-c.ctx.Done()
			}, nil)
			s, other := start(t, "--upstream="+u.URL), start(t, "--upstream="+u.URL)
			n := startNginx(t, s, [2]string{"keepalive 32;", "server " + other.address() + " backup; keepalive 32;"})
			answer := askLater(t.Context(), t, method, n.base+"/v3/chat?message=x")
			receive(t, "the upstream is asked", asked)
			s.kill()
			if status := receive(t, "nginx answers", answer); status != http.StatusBadGateway {
				t.Errorf("got %d", status)
			}
			if chats := u.sentTo("x"); len(chats) != 1 {
				t.Errorf("%d chats", len(chats))
			}
		})
	}
}
