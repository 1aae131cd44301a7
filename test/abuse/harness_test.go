// Package abuse runs the program against clients and upstreams that mean no good,
// and looks at what is left of them. It never asserts how long anything takes.
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

// upstream answers a chat by what the client asks in the header X-Ask: shortly, or with
// one delta and then nothing, or with more than anybody wants.
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
		default: // nobody has asked for the last one's
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

// victim is the program under attack.
type victim struct {
	*testenv.Program
	t           *testing.T
	up          *upstream
	client      *http.Client
	descriptors int
	memory      int64
}

// attack starts the program, has it do some work, and then attacks it, in rounds that
// leave nothing behind. The program may take so many bytes more than before.
func attack(t *testing.T, bytes int64, args []string, round func(*victim)) {
	t.Helper()
	up := newUpstream(t)
	v := &victim{
		Program: testenv.Start(t, append([]string{"--upstream=" + up.URL}, args...)...), t: t, up: up,
		client: &http.Client{Transport: &http.Transport{}, Timeout: testenv.Patience},
	}
	for range 5 {
		v.serves()
	}
	v.settles("before the attack")
	v.descriptors = v.Descriptors(t)
	v.ResetPeak(t)
	v.memory, _ = v.Memory(t)
	round(v)
	testenv.Eventually(t, "the upstream is freed", func() bool { return up.open.Load() == 0 })
	v.serves()
	v.settles("after the attack")
	if testenv.IsRace() {
		bytes *= 10 // it has its own memory for each byte
	}
	if _, peak := v.Memory(t); peak > v.memory+bytes {
		t.Errorf("the program took %d MiB more memory, want at most %d", (peak-v.memory)>>20, bytes>>20)
	}
	v.checkGoroutines()
}

// serves checks that the program does what it is for.
func (v *victim) serves() {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.Base+"/v3/chat?mode=raw", nil)
	if err != nil {
		v.t.Fatal(err)
	}
	res, err := v.client.Do(req)
	if err != nil {
		v.t.Fatalf("it does not serve: %v\n%s", err, v.Log.String())
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || !strings.Contains(string(body), "[DONE]") {
		v.t.Fatalf("it does not serve: %v %q", err, body)
	}
}

// settles waits until no more descriptors are open than were before the attack.
func (v *victim) settles(when string) {
	v.t.Helper()
	v.client.CloseIdleConnections()
	last := -1
	testenv.Eventually(v.t, "descriptors are closed "+when, func() bool {
		v.up.CloseClientConnections() // which the program keeps, to use them again
		n := v.Descriptors(v.t)
		if v.descriptors > 0 {
			return n <= v.descriptors
		}
		defer func() { last = n }()
		time.Sleep(50 * time.Millisecond)
		return n == last
	})
}

// leftBehind is what a goroutine does that serves a client, or a stream.
var leftBehind = regexp.MustCompile(`(?m)^(sse-typewriter/(handler|streams|typewriter|upstream)\.|sse-typewriter/conns\.\(\*Conn\)|.*http1\.Server\.Serve).*$`)

// checkGoroutines ends the program, which then tells what its goroutines do.
func (v *victim) checkGoroutines() {
	v.t.Helper()
	time.Sleep(100 * time.Millisecond) // to the end of those that have closed their descriptor
	v.Signal(syscall.SIGQUIT)
	_ = v.Cmd.Wait() // it ends with an error
	log := v.Log.String()
	if !strings.Contains(log, "SIGQUIT: quit") || !strings.Contains(log, "goroutine ") {
		v.t.Fatalf("the program said %s", log)
	}
	for _, line := range leftBehind.FindAllString(log, 5) {
		v.t.Errorf("a goroutine is left behind in %s", line)
	}
	if strings.Contains(log, "DATA RACE") || strings.Contains(log, "level=ERROR") {
		v.t.Errorf("the program said %s", log)
	}
}

// dial opens a connection of TCP.
func (v *victim) dial() *net.TCPConn {
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

// send opens a connection and sends a request, or a part of one.
func (v *victim) send(request string) *net.TCPConn {
	v.t.Helper()
	conn := v.dial()
	if _, err := io.WriteString(conn, request); err != nil {
		v.t.Fatal(err)
	}
	return conn
}

// chat opens a stream and reads its beginning.
func (v *victim) chat(ask string) *net.TCPConn {
	v.t.Helper()
	conn := v.send("POST /v3/chat?mode=raw HTTP/1.1\r\nHost: x\r\nX-Ask: " + ask + "\r\n\r\n")
	if _, err := conn.Read(make([]byte, 64)); err != nil {
		v.t.Fatal(err)
	}
	return conn
}

// answer sends a request and returns all that comes until the connection is closed. It
// is closed with an error, too, if what was sent was not read.
func (v *victim) answer(request string) string {
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
	timeout, ok := err.(net.Error) //nolint:errorlint // of a connection of our own
	return ok && timeout.Timeout()
}

// httptestServer serves with a function until the test's end.
func httptestServer(t *testing.T, serve http.HandlerFunc) (url string) {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	return server.URL
}
