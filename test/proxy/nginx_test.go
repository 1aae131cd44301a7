// Package proxy tests the program behind real nginx and Caddy processes, with the
// recommended configurations in deploy.
package proxy

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
)

// sendRequest sends a request and returns the reply. The end of the test cancels the request.
func sendRequest(t *testing.T, client *http.Client, method, url, body string, header ...string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// readTo reads lines up to the first one with a prefix and returns them all.
func readTo(t *testing.T, lines *bufio.Reader, prefix string) string {
	t.Helper()
	var all strings.Builder
	for {
		line, err := lines.ReadString('\n')
		all.WriteString(line)
		if err != nil {
			t.Fatalf("no line begins with %q: %v after %q", prefix, err, all.String())
		}
		if strings.HasPrefix(line, prefix) {
			return all.String()
		}
	}
}

// Events are not buffered: the upstream continues only when the client has got the
// first delta, and ends only when it has got heartbeats.
func TestUnbuffered(t *testing.T) {
	t.Parallel()
	for _, front := range fronts {
		t.Run(front.name, func(t *testing.T) {
			t.Parallel()
			next := make(chan struct{})
			u := newUpstream(t, func(c *chat) {
				c.say("一")
				c.await(next)
				c.say("二")
				c.await(next)
				c.end()
			}, nil)
			f := front.start(t, testenv.Start(t, "--upstream="+u.URL, "--heartbeat=20ms", "--trusted-proxies=127.0.0.1"))
			forwarded := "127.0.0.1, 127.0.0.1"
			if front.keepsForwardedFor {
				forwarded = "10.0.0.1, " + forwarded
			}
			scheme, host, _ := strings.Cut(f.base, "://")
			clients := map[string]*http.Client{"HTTP/1.1": newHTTP1Client(t)}
			if scheme == "https" {
				clients["HTTP/2.0"] = newClient(t)
			}
			for proto, client := range clients {
				for _, method := range []string{http.MethodPost, http.MethodGet} {
					message := method + "-" + strings.ReplaceAll(proto, "/", "")
					res := sendRequest(t, client, method, f.base+"/v3/chat?message="+message, "",
						"Accept-Encoding", "gzip", "Authorization", "Bearer t", "X-Forwarded-For", "10.0.0.1")
					checkUnbuffered(t, bufio.NewReader(res.Body), next, method)
					_ = res.Body.Close() // it was read
					checkHeaders(t, res, proto)
					u.checkUpstreamHeader(t, message, map[string]string{
						"Authorization":     "Bearer t",
						"X-Forwarded-For":   forwarded,
						"X-Forwarded-Host":  host,
						"X-Forwarded-Proto": scheme,
						"Connection":        "",
					})
				}
			}
		})
	}
}

// checkUnbuffered reads a reply whose upstream waits for the client to get each event.
func checkUnbuffered(t *testing.T, lines *bufio.Reader, next chan<- struct{}, method string) {
	t.Helper()
	readTo(t, lines, `data:{"id":"1","role":"assistant","type":"answer","content_type":"text","chat_id":"2","content":"一"`)
	send(t, next)
	readTo(t, lines, `data:{"id":"1","role":"assistant","type":"answer","content_type":"text","chat_id":"2","content":"二"`)
	readTo(t, lines, "\n") // the event's end
	for range 3 {
		if line, err := lines.ReadString('\n'); line != "\n" || err != nil {
			t.Errorf("got %q, %v for a heartbeat", line, err)
		}
	}
	send(t, next)
	if rest, err := io.ReadAll(lines); !strings.HasSuffix(string(rest), "event:done\ndata:\"[DONE]\"\n\n") && method == http.MethodPost || err != nil {
		t.Errorf("the rest is %q, %v", rest, err)
	}
}

// checkHeaders checks the header of a paced stream.
func checkHeaders(t *testing.T, res *http.Response, proto string) {
	t.Helper()
	if res.Proto != proto || res.StatusCode != http.StatusOK || res.ContentLength != -1 {
		t.Errorf("got %s %d, length %d", res.Proto, res.StatusCode, res.ContentLength)
	}
	for name, want := range map[string][]string{
		"Content-Type":     {"text/event-stream; charset=utf-8"},
		"Cache-Control":    {"no-cache, no-store, must-revalidate"},
		"Pragma":           {"no-cache"},
		"X-Tt-Logid":       {"upstream's"},
		"Content-Encoding": nil,
	} {
		if got := res.Header[name]; !slices.Equal(got, want) {
			t.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
	if len(res.Header["Typewriter-Stream"]) != 1 {
		t.Errorf("got header %v", res.Header)
	}
}

// checkUpstreamHeader checks the header of the upstream request for a message.
func (u *upstream) checkUpstreamHeader(t *testing.T, message string, header map[string]string) {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	i := slices.IndexFunc(u.chats, func(c *chat) bool { return c.message == message })
	for name, want := range header {
		if got := strings.Join(u.chats[i].header[name], "|"); got != want {
			t.Errorf("upstream got header %s: %q, want %q", name, got, want)
		}
	}
}

// A forwarded stream that is not paced is not buffered, either, though its header does
// not disable buffering.
func TestForwardedStreamUnbuffered(t *testing.T) {
	t.Parallel()
	parts := []string{": hello\n\n", "id: 1\r\nevent: Mess", "age\r\ndata: {}\r\n\r\n"}
	for _, front := range fronts {
		t.Run(front.name, func(t *testing.T) {
			t.Parallel()
			next := make(chan struct{})
			u := newUpstream(t, nil, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				for _, part := range parts {
					_, _ = io.WriteString(w, part)
					w.(http.Flusher).Flush()
					select {
					case <-next:
					case <-r.Context().Done():
					}
				}
			})
			f := front.start(t, testenv.Start(t, "--upstream="+u.URL))
			res := sendRequest(t, http.DefaultClient, http.MethodPost, f.base+"/v1/other/stream", "{}", "Accept-Encoding", "gzip")
			defer res.Body.Close()
			buf := make([]byte, 100)
			for _, want := range parts {
				got, err := io.ReadAtLeast(res.Body, buf, len(want))
				if err != nil || string(buf[:got]) != want {
					t.Errorf("got %q, %v, want %q", buf[:got], err, want)
				}
				send(t, next)
			}
			if rest, err := io.ReadAll(res.Body); len(rest) > 0 || err != nil {
				t.Errorf("got %q, %v at the end", rest, err)
			}
		})
	}
}

// Heartbeats keep a silent stream open for longer than nginx's timeout.
func TestHeartbeatsOutliveTheTimeout(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	u := newUpstream(t, func(c *chat) {
		c.say("一")
		c.await(next)
		c.end()
	}, nil)
	n := startNginx(t, testenv.Start(t, "--upstream="+u.URL, "--heartbeat=100ms"), [2]string{"proxy_read_timeout 90s;", "proxy_read_timeout 2s;"})
	res := sendRequest(t, http.DefaultClient, http.MethodPost, n.base+"/v3/chat", "")
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	readTo(t, lines, "data:")
	for began := time.Now(); time.Since(began) < 3*time.Second; {
		if line, err := lines.ReadString('\n'); line != "\n" || err != nil {
			t.Fatalf("got %q, %v after %v", line, err, time.Since(began))
		}
	}
	close(next)
	readTo(t, lines, `data:"[DONE]"`)
}
