package coze

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sse-typewriter/mock"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/app/server"
	"github.com/cloudwego/hertz/pkg/common/config"
	"github.com/cloudwego/hertz/pkg/network/standard"
	"github.com/tidwall/gjson"
)

// serve runs the stand-in on a Hertz server and returns its address.
func serve(t *testing.T) string { return serveWith(t, newStandIn(1)) }

func serveWith(t *testing.T, s *mock.StandIn, middleware ...app.HandlerFunc) string {
	t.Helper()
	return serveOn(t, s, middleware)
}

// serveOn is serveWith on a server with more options.
func serveOn(t *testing.T, s *mock.StandIn, middleware []app.HandlerFunc, options ...config.Option) string {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := server.New(append(options, server.WithListener(ln), server.WithDisablePrintRoute(true),
		server.WithSenseClientDisconnection(true))...)
	h.Use(middleware...)
	s.Register(h, "/upstream")
	stopped := make(chan struct{})
	go func() { // ends with Close
		defer close(stopped)
		_ = h.Run()
	}()
	t.Cleanup(func() {
		_ = h.Close()
		<-stopped
	})
	return ln.Addr().String()
}

// dial opens a connection and writes raw requests to it.
func dial(t *testing.T, addr, requests string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, requests); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

// converse returns the head of the first reply and what follows it, chunks
// still framed.
func converse(t *testing.T, addr, requests string) (head string, rest *bufio.Reader) {
	t.Helper()
	_, rest = dial(t, addr, requests)
	return readHead(t, rest), rest
}

func readHead(t *testing.T, r *bufio.Reader) (head string) {
	t.Helper()
	for !strings.HasSuffix(head, "\r\n\r\n") {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("head %q, error %v", head, err)
		}
		head += line
	}
	return head
}

// readChunk reads one HTTP chunk; the final one is empty.
func readChunk(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	size, err := strconv.ParseInt(strings.TrimSpace(line), 16, 32)
	if err != nil {
		return "", err
	}
	chunk := make([]byte, size+int64(len("\r\n")))
	_, err = io.ReadFull(r, chunk)
	return string(chunk[:size]), err
}

// chunks reads HTTP chunks up to the final one, or to the error that ends them.
func chunks(r *bufio.Reader) (out []string, err error) {
	for {
		chunk, err := readChunk(r)
		if chunk == "" || err != nil {
			return out, err
		}
		out = append(out, chunk)
	}
}

func TestHertzBareStream(t *testing.T) {
	begun := time.Now()
	head, body := converse(t, serve(t), "GET /upstream HTTP/1.1\r\nHost: x\r\n\r\n")
	if !strings.HasPrefix(head, "HTTP/1.1 200 ") || !strings.Contains(head, "\r\nContent-Type: text/event-stream\r\n") {
		t.Errorf("head %q", head)
	}
	got, err := chunks(body)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.SplitAfter(wantBare, "\n\n"); !slices.Equal(got, want[:len(want)-1]) {
		t.Errorf("chunks %q", got)
	}
	if took := time.Since(begun); took < 7*80*time.Millisecond {
		t.Errorf("took only %v", took)
	}
}

func TestHertzCut(t *testing.T) {
	body := chatBody("hi", true)
	_, rest := converse(t, serve(t), fmt.Sprintf("POST /upstream/v3/chat HTTP/1.1\r\nHost: x\r\n%s: cut-early\r\nContent-Length: %d\r\n\r\n%s",
		mock.ScenarioHeader, len(body), body))
	got, err := chunks(rest)
	if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("ended with %v, want a lost connection", err)
	}
	if len(got) != 2 || !strings.HasPrefix(got[0], "event:"+eventChatCreated) {
		t.Errorf("chunks %q", got)
	}
}

// TestHertzPlain checks a plain reply, and that the connection is used again.
func TestHertzPlain(t *testing.T) {
	request := "POST /upstream/v1/conversation/create?a=b HTTP/1.1\r\nHost: x\r\n\r\n"
	head, body := converse(t, serve(t), request+strings.Replace(request, "v1/", "v9/", 1))
	for _, want := range []string{"200 OK", "404 Not Found"} {
		if head == "" {
			head = readHead(t, body)
		}
		length := regexp.MustCompile(`Content-Length: (\d+)`).FindStringSubmatch(head)
		if length == nil || !strings.Contains(head, want) || !strings.Contains(head, "X-Tt-Logid: ") {
			t.Fatalf("head %q, want %s", head, want)
		}
		size, _ := strconv.Atoi(length[1])
		text := make([]byte, size)
		if _, err := io.ReadFull(body, text); err != nil || !gjson.ValidBytes(text) {
			t.Errorf("body %q, error %v", text, err)
		}
		head = ""
	}
}

// TestHertzStreamEndsWithClient checks that a stream is given up when its client
// leaves in a long silence, before a step that is still due or after the last.
func TestHertzStreamEndsWithClient(t *testing.T) {
	for _, scenario := range []string{"/stall", "/hang"} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			body := chatBody(scenario+" hi", true)
			left := make(chan struct{})
			addr := serveWith(t, newStandIn(1), func(ctx context.Context, c *app.RequestContext) {
				c.Next(ctx)
				close(left)
			})
			conn, rest := dial(t, addr, fmt.Sprintf("POST /upstream/v3/chat HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
			readHead(t, rest)
			for range stepsBeforeSilence(body) {
				if _, err := readChunk(rest); err != nil {
					t.Fatal(err)
				}
			}
			_ = conn.Close()
			select {
			case <-left:
			case <-time.After(5 * time.Second):
				t.Error("the handler did not end")
			}
		})
	}
}

// stepsBeforeSilence is the number of steps that a new stand-in with the seed 1
// sends before it falls silent.
func stepsBeforeSilence(body string) int {
	steps := newStandIn(1).Answer(mock.Request{Method: http.MethodPost, Path: "/v3/chat", Body: []byte(body)}).Steps
	for i, step := range steps {
		if step.After > 10*time.Second {
			return i
		}
	}
	return len(steps)
}

// TestHertzLongBodies checks that a large upload and a large download pass through a
// server that streams bodies, without being held, and the connection after them.
func TestHertzLongBodies(t *testing.T) {
	const size = 64 << 20
	addr := serveOn(t, newStandIn(1), nil, server.WithTransport(standard.NewTransporter), server.WithStreamBody(true),
		server.WithDisablePreParseMultipartForm(true), server.WithMaxRequestBodySize(64<<10))
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	request := func(method, path, contentType string, body io.Reader) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+"/upstream"+path, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", contentType)
		res, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	contentType, body := form(t, "file", "large.bin", size)
	p := newProbe(body, size)
	res := request(http.MethodPost, uploadPath, contentType, p)
	if got := record(res); gjson.GetBytes(got.raw, "data.bytes").Int() != size {
		t.Errorf("upload: got %s", got.raw)
	}
	_ = res.Body.Close()
	p.check(t)
	res = request(http.MethodGet, fmt.Sprint("/v1/files/content?bytes=", size), "", nil)
	p = newProbe(res.Body, size)
	if n, err := io.Copy(io.Discard, p); n != size || err != nil || res.ContentLength != -1 {
		t.Errorf("download: got %d bytes, error %v, length %d", n, err, res.ContentLength)
	}
	_ = res.Body.Close()
	p.check(t)
	res = request(http.MethodPost, "/v1/conversation/create", "application/json", strings.NewReader("{}"))
	if got := record(res); gjson.GetBytes(got.raw, "code").Raw != "0" {
		t.Errorf("afterwards: got %s", got.raw)
	}
	_ = res.Body.Close()
}
