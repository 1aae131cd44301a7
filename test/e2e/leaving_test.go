package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
)

// busyUpstream streams deltas until the request is given up, and notes how many
// requests are open and when each ended.
type busyUpstream struct {
	*httptest.Server
	mu    sync.Mutex
	open  int
	ended []time.Time
}

func newBusyUpstream(t *testing.T) *busyUpstream {
	t.Helper()
	u := &busyUpstream{}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.mu.Lock()
		u.open++
		u.mu.Unlock()
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "event:conversation.message.delta\ndata:{\"id\":\"1\",\"content\":\"今天天气\"}\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		u.mu.Lock()
		u.open--
		u.ended = append(u.ended, time.Now())
		u.mu.Unlock()
	}))
	t.Cleanup(u.Close)
	return u
}

func (u *busyUpstream) state() (open, ended int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.open, len(u.ended)
}

// leave opens a stream, reads its first bytes, and leaves; by a reset or a close.
func leave(t *testing.T, base string, reset bool) (left time.Time) {
	t.Helper()
	conn := dial(t, base)
	if _, err := io.WriteString(conn, "POST /v3/chat HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	if reset {
		if err := conn.SetLinger(0); err != nil {
			t.Fatal(err)
		}
	}
	left = time.Now()
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	return left
}

// A thousand clients leave in the middle of their streams: each upstream is given
// up, and goroutines and memory are back where they were.
func TestLeavingLeavesNothing(t *testing.T) {
	up := newBusyUpstream(t)
	base := start(t, "--upstream="+up.URL, "--bot-id=1")
	round := func(n int) (waits []time.Duration) {
		for i := range n {
			_, before := up.state()
			left := leave(t, base, i%2 == 0)
			testenv.Eventually(t, "upstream is given up", func() bool { _, ended := up.state(); return ended > before })
			up.mu.Lock()
			waits = append(waits, up.ended[len(up.ended)-1].Sub(left))
			up.mu.Unlock()
		}
		return waits
	}
	round(50) // so that pools are filled
	goroutines, memory := runtime.NumGoroutine(), heap()
	waits := round(1000)
	testenv.Eventually(t, fmt.Sprintf("%d goroutines again", goroutines), func() bool { return runtime.NumGoroutine() <= goroutines+5 })
	if open, _ := up.state(); open != 0 {
		t.Errorf("%d upstream requests are open", open)
	}
	if grown := heap() - memory; grown > 2<<20 {
		t.Errorf("memory has grown by %d bytes", grown)
	}
	slices.Sort(waits)
	t.Logf("upstream given up after: p50 %v, p99 %v, max %v", waits[500], waits[990], waits[999])
}

// The stand-in, too, sees that its client has left, also while it is silent for ever.
func TestLeavingTheStandIn(t *testing.T) {
	const silence = 2 * time.Second
	base := start(t)
	before := runtime.NumGoroutine()
	var clients [10]*net.TCPConn
	for i := range clients {
		clients[i] = dial(t, base)
		if _, err := io.WriteString(clients[i], "POST /v3/chat?mode=raw&message=/hang HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	last := clients[len(clients)-1]
	for err := error(nil); err == nil; { // until it hangs, and the others with it
		if err = last.SetReadDeadline(time.Now().Add(silence)); err == nil {
			_, err = last.Read(make([]byte, 4<<10))
		}
	}
	for _, conn := range clients {
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	testenv.Eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before+5 })
}

// heap returns the bytes in use, once the collector has run.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

// A client that does not read is dropped, and its upstream freed.
func TestClientThatDoesNotReadIsDropped(t *testing.T) {
	up := &busyUpstream{}
	up.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up.mu.Lock()
		up.open++
		up.mu.Unlock()
		w.Header().Set("Content-Type", "text/event-stream")
		for range 32 << 10 { // more than the kernel takes, less than the store holds
			_, _ = fmt.Fprintf(w, "event:conversation.message.delta\ndata:{\"id\":\"1\",\"content\":\"%01000d\"}\n\n", 0)
		}
		<-r.Context().Done()
		up.mu.Lock()
		up.ended = append(up.ended, time.Now())
		up.mu.Unlock()
	}))
	defer up.Close()
	base := start(t, "--upstream="+up.URL, "--bot-id=1", "--write-timeout=200ms")
	conn := dial(t, base)
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /v3/chat?mode=raw HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, "upstream is given up", func() bool { _, ended := up.state(); return ended == 1 })
	if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("connection: %v", err)
	}
	if status, _ := get(t, "GET", base+"/nothing"); status != http.StatusNotFound {
		t.Errorf("then got %d", status)
	}
}
