// Package abuse tests the program against hostile clients and upstreams: it must keep
// serving, and free all memory, descriptors and goroutines that they took.
package abuse

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

const delta = "event:conversation.message.delta\ndata:{\"id\":\"1\",\"content\":\"%s\"}\n\n"

// upstream answers a chat as the client's header X-Ask says: with one delta and the end,
// with one delta and then silence, or without end.
type upstream struct {
	*httptest.Server
	open    atomic.Int64
	headers chan http.Header // of the last request
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{headers: make(chan http.Header, 1)}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.open.Add(1)
		defer u.open.Add(-1)
		select {
		case u.headers <- r.Header.Clone():
		default: // nobody has read the last one
		}
		if r.URL.Path != "/v3/chat" {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, `{"code":0}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprintf(w, delta, "今天天气")
		w.(http.Flusher).Flush()
		switch r.Header.Get("X-Ask") {
		case "silence":
			<-r.Context().Done()
		case "flood":
			for r.Context().Err() == nil {
				_, _ = fmt.Fprintf(w, delta, strings.Repeat("0", 1000))
			}
		default:
			_, _ = io.WriteString(w, "event:done\ndata:\"[DONE]\"\n\n")
		}
	}))
	t.Cleanup(u.Close)
	return u
}

// target is the program under attack, with its state before the attack.
type target struct {
	*testenv.Program
	t           *testing.T
	up          *upstream
	client      *http.Client
	descriptors int
	memory      int64
}

// attack starts the program, lets it serve some chats, and attacks it. Afterwards the
// program must still serve, without more descriptors or goroutines than before and with
// at most the given number of bytes more memory at its peak.
func attack(t *testing.T, bytes int64, args []string, run func(*target)) {
	t.Helper()
	up := newUpstream(t)
	v := &target{
		Program: testenv.Start(t, append([]string{"--upstream=" + up.URL}, args...)...), t: t, up: up,
		client: &http.Client{Transport: &http.Transport{}, Timeout: testenv.Patience},
	}
	for range 5 {
		v.checkServes()
	}
	v.awaitDescriptors("before the attack")
	v.descriptors = v.Descriptors(t)
	v.ResetPeak(t)
	v.memory, _ = v.Memory(t)
	run(v)
	testenv.Eventually(t, "the upstream requests are canceled", func() bool { return up.open.Load() == 0 })
	v.checkServes()
	v.awaitDescriptors("after the attack")
	if testenv.IsRace() {
		bytes *= 10 // the race detector keeps shadow memory
	}
	if _, peak := v.Memory(t); peak > v.memory+bytes {
		t.Errorf("the program took %d MiB more memory, want at most %d", (peak-v.memory)>>20, bytes>>20)
	}
	v.checkGoroutines()
}

// checkServes checks that the program answers a chat.
func (v *target) checkServes() {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.Base+"/v3/chat?mode=raw", nil)
	if err != nil {
		v.t.Fatal(err)
	}
	res, err := v.client.Do(req)
	if err != nil {
		v.t.Fatalf("the program does not serve: %v\n%s", err, v.Log.String())
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || !strings.Contains(string(body), "[DONE]") {
		v.t.Fatalf("the program does not serve: %v %q", err, body)
	}
}

// awaitDescriptors waits until no more descriptors are open than before the attack.
func (v *target) awaitDescriptors(when string) {
	v.t.Helper()
	v.client.CloseIdleConnections()
	last := -1
	testenv.Eventually(v.t, "descriptors are closed "+when, func() bool {
		v.up.CloseClientConnections() // the program keeps them for reuse
		n := v.Descriptors(v.t)
		if v.descriptors > 0 {
			return n <= v.descriptors
		}
		defer func() { last = n }()
		time.Sleep(50 * time.Millisecond)
		return n == last
	})
}

// leftBehind matches the frames of goroutines that serve a client or a stream.
var leftBehind = regexp.MustCompile(`(?m)^(sse-typewriter/(handler|internal/streams|internal/summary|typewriter|upstream)\.|sse-typewriter/internal/hertzio\.\(\*\w*[cC]onn\w*\)|.*http1\.Server\.Serve).*$`)

// checkGoroutines ends the program by SIGQUIT and checks the goroutines that it then
// prints.
func (v *target) checkGoroutines() {
	v.t.Helper()
	time.Sleep(100 * time.Millisecond) // goroutines end shortly after they have closed their descriptors
	v.Signal(syscall.SIGQUIT)
	_ = v.Cmd.Wait() // reports SIGQUIT
	log := v.Log.String()
	if !strings.Contains(log, "SIGQUIT: quit") || !strings.Contains(log, "goroutine ") {
		v.t.Fatalf("no goroutines in the log: %s", log)
	}
	for _, line := range leftBehind.FindAllString(log, 5) {
		v.t.Errorf("a goroutine is left behind in %s", line)
	}
	if strings.Contains(log, "DATA RACE") || strings.Contains(log, "level=ERROR") {
		v.t.Errorf("errors in the log: %s", log)
	}
}

// dial opens a TCP connection.
func (v *target) dial() *net.TCPConn {
	v.t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(context.Background(), "tcp", v.Address())
	if err != nil {
		v.t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(testenv.Patience)); err != nil {
		v.t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// send opens a connection and sends a request or a part of one.
func (v *target) send(request string) *net.TCPConn {
	v.t.Helper()
	conn := v.dial()
	if _, err := io.WriteString(conn, request); err != nil {
		v.t.Fatal(err)
	}
	return conn
}

// chat opens a stream and reads its beginning.
func (v *target) chat(ask string) *net.TCPConn {
	v.t.Helper()
	conn := v.send("POST /v3/chat?mode=raw HTTP/1.1\r\nHost: localhost\r\nX-Ask: " + ask + "\r\n\r\n")
	if _, err := conn.Read(make([]byte, 64)); err != nil {
		v.t.Fatal(err)
	}
	return conn
}

// answer sends a request and returns the bytes that arrive until the connection is
// closed. An error of the close is ignored: the server may not have read all bytes.
func (v *target) answer(request string) string {
	v.t.Helper()
	conn := v.send(request)
	defer conn.Close()
	all, err := io.ReadAll(conn)
	if isTimeout(err) {
		v.t.Fatalf("the connection is not closed after %q", all)
	}
	return string(all)
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error) //nolint:errorlint // an unwrapped error of net
	return ok && timeout.Timeout()
}

// serve serves with a function until the end of the test.
func serve(t *testing.T, handle http.HandlerFunc) (url string) {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return server.URL
}
