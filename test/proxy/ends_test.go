package proxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
)

// The disconnect of a client cancels the upstream request, in mid-answer and before the
// answer has begun.
func TestDisconnect(t *testing.T) {
	t.Parallel()
	for _, front := range fronts {
		t.Run(front.name, func(t *testing.T) {
			t.Parallel()
			requested, canceled := make(chan struct{}, 1), make(chan struct{}, 1)
			u := newUpstream(t, func(c *chat) {
				if c.message != "silent" {
					c.say("一")
				}
				requested <- struct{}{}
				<-c.ctx.Done()
				canceled <- struct{}{}
			}, nil)
			s := testenv.Start(t, "--upstream="+u.URL, "--resume-grace=0s", "--heartbeat=1h")
			f := front.start(t, s)
			for _, method := range []string{http.MethodPost, http.MethodGet} {
				res := sendRequest(t, http.DefaultClient, method, f.base+"/v3/chat", "")
				readTo(t, bufio.NewReader(res.Body), "data:")
				testenv.Receive(t, "the upstream sends the first delta", requested)
				_ = res.Body.Close() // which ends the connection, or HTTP/2's stream
				testenv.Receive(t, method+": the upstream request is canceled", canceled)
			}
			testenv.Eventually(t, "the streams are logged", func() bool { return slices.Equal(outcomes(s), []string{"left", "left"}) })

			for _, method := range []string{http.MethodPost, http.MethodGet} {
				ctx, cancel := context.WithCancel(t.Context())
				answer := statusLater(ctx, t, method, f.base+"/v3/chat?message=silent")
				testenv.Receive(t, "the upstream gets the request", requested)
				cancel()
				testenv.Receive(t, method+": the upstream is given up before it began", canceled)
				testenv.Receive(t, "the request ends", answer)
			}
		})
	}
}

// statusLater sends a request and returns a function for the status of its reply, 0
// without a reply.
func statusLater(ctx context.Context, t *testing.T, method, url string) <-chan int {
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

// A server crash in mid-answer does not look like a complete answer.
func TestCrashTruncates(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, func(c *chat) {
		c.say("一")
		<-c.ctx.Done()
	}, nil)
	s := testenv.Start(t, "--upstream="+u.URL)
	n := startNginx(t, s)
	res := sendRequest(t, http.DefaultClient, http.MethodPost, n.base+"/v3/chat", "")
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	readTo(t, lines, "data:")
	s.Kill()
	if rest, err := io.ReadAll(lines); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %q, %v", rest, err)
	}
}

// behindTwo are the recommended proxies in front of two replicas. start returns the
// base URL.
var behindTwo = []struct {
	name  string
	start func(t *testing.T, one, other *testenv.Program) string
	// sendsBodiesOn reports whether requests with a body are retried at the other
	// replica. Caddy 2.6 has closed the body by then and answers 502.
	sendsBodiesOn bool
}{
	{"nginx", func(t *testing.T, one, other *testenv.Program) string {
		return runNginx(t, "nginx-compose.conf",
			[2]string{"10.83.80.11:8380", one.Address()}, [2]string{"10.83.80.12:8380", other.Address()}).base
	}, true},
	{"Caddy", func(t *testing.T, one, other *testenv.Program) string {
		return startCaddy(t, one.Address(), other.Address()).base
	}, false},
}

// A proxy must not retry a request whose server crashed before it answered: the request
// may have reached the upstream, and the retry would start a second chat. This includes
// requests on a reused connection.
func TestCrashStartsNoSecondChat(t *testing.T) {
	t.Parallel()
	for _, front := range behindTwo {
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			t.Run(front.name+" "+method, func(t *testing.T) {
				t.Parallel()
				requested := make(chan string, 2)
				u := newUpstream(t, func(c *chat) {
					if c.message == "quick" {
						c.end()
						return
					}
					requested <- c.header.Get("Authorization")
					<-c.ctx.Done()
				}, nil)
				servers := map[string]*testenv.Program{
					"Bearer 1": testenv.Start(t, "--upstream="+u.URL, "--upstream-token=1"),
					"Bearer 2": testenv.Start(t, "--upstream="+u.URL, "--upstream-token=2"),
				}
				base := front.start(t, servers["Bearer 1"], servers["Bearer 2"])
				for range 6 {
					res := sendRequest(t, http.DefaultClient, method, base+"/v3/chat?message=quick&mode=raw", "")
					_, _ = io.Copy(io.Discard, res.Body) // so that the connections are used again
					_ = res.Body.Close()                 // it was read
				}
				answer := statusLater(t.Context(), t, method, base+"/v3/chat?message=x")
				one := testenv.Receive(t, "the upstream gets the request", requested)
				time.Sleep(200 * time.Millisecond) // longer than nginx's proxy_next_upstream_timeout
				servers[one].Kill()
				if status := testenv.Receive(t, "an answer", answer); status != http.StatusBadGateway {
					t.Errorf("got %d", status)
				}
				if chats := u.sentTo("x"); len(chats) != 1 {
					t.Errorf("%d chats", len(chats))
				}
			})
		}
	}
}

// All requests bypass a replica that is down.
func TestReplicaDown(t *testing.T) {
	t.Parallel()
	for _, front := range behindTwo {
		t.Run(front.name, func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t, func(c *chat) { c.end() }, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(w, r.Body) // an error shows at the client
			})
			one, other := testenv.Start(t, "--upstream="+u.URL), testenv.Start(t, "--upstream="+u.URL)
			base := front.start(t, one, other)
			for _, killed := range []bool{false, true} {
				if killed {
					one.Kill()
				}
				for i := range 12 {
					for _, test := range []struct{ method, path, body, want string }{
						{http.MethodGet, "/v3/chat?mode=raw", "", "[DONE]"},
						{http.MethodPost, "/v3/chat?mode=raw", `{"bot_id":"1","stream":true}`, "[DONE]"},
						{http.MethodPost, "/v1/files/upload", "upload", "upload"},
						{http.MethodGet, "/v1/x", "", ""},
					} {
						if killed && test.body != "" && !front.sendsBodiesOn {
							continue
						}
						res := sendRequest(t, http.DefaultClient, test.method, base+test.path, test.body)
						body, err := io.ReadAll(res.Body)
						_ = res.Body.Close() // it was read
						if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), test.want) {
							t.Errorf("killed %v, %d: %s %s: got %d %q, %v", killed, i, test.method, test.path, res.StatusCode, body, err)
						}
					}
				}
				if !killed && (len(outcomes(one)) == 0 || len(outcomes(other)) == 0) {
					t.Errorf("replicas served %d and %d streams", len(outcomes(one)), len(outcomes(other)))
				}
			}
		})
	}
}
