package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"sse-typewriter/internal/testenv"
)

// endlessUpstream starts a stream and keeps it open until the request is canceled.
type endlessUpstream struct {
	url          string
	open, closed atomic.Int64 // requests
}

// newEndlessUpstream returns an upstream whose streams begin with the given number of
// deltas.
func newEndlessUpstream(t *testing.T, deltas int, text string) *endlessUpstream {
	t.Helper()
	u := &endlessUpstream{}
	u.url = serve(t, func(w http.ResponseWriter, r *http.Request) {
		u.open.Add(1)
		defer u.closed.Add(1)
		defer u.open.Add(-1)
		w.Header().Set("Content-Type", "text/event-stream")
		for range deltas {
			_, _ = fmt.Fprintf(w, "event:conversation.message.delta\ndata:{\"id\":\"1\",\"content\":%q}\n\n", text)
		}
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	return u
}

// disconnect opens a stream, reads its first bytes, and closes the connection, with a
// reset or without.
func disconnect(t *testing.T, base string, reset bool) {
	t.Helper()
	conn := dial(t, base)
	if _, err := io.WriteString(conn, "POST /v3/chat HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
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
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
}

// metric returns the value of a metric without labels.
func metric(t *testing.T, base, name string) int64 {
	t.Helper()
	_, text := send(t, "GET", base+"/metrics")
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("no %s in %s", name, text)
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return int64(value)
}

// slack is the number of goroutines by which idle connections may differ.
const slack = 5

// After each of a thousand clients that disconnect in mid-stream the upstream request
// is canceled. Goroutines and memory return to where they were.
func TestDisconnectsLeaveNothing(t *testing.T) {
	t.Parallel()
	up := newEndlessUpstream(t, 1, "今天天气")
	p := testenv.Start(t, "--upstream="+up.url, "--admin-addr=127.0.0.1:0")
	admin := adminURL(t, p)
	heap := func() int64 {
		for range 2 { // collects garbage, twice to empty pools
			send(t, "GET", admin+"/debug/pprof/heap?gc=1")
		}
		return metric(t, admin, "go_memstats_heap_inuse_bytes")
	}
	disconnectTimes := func(n int) {
		for i := range n {
			before := up.closed.Load()
			disconnect(t, p.Base, i%2 == 0)
			testenv.Eventually(t, "upstream request is canceled", func() bool { return up.closed.Load() > before })
		}
	}
	disconnectTimes(50) // fills pools
	goroutines, memory := metric(t, admin, "go_goroutines"), heap()
	disconnectTimes(1000)
	testenv.Eventually(t, fmt.Sprintf("%d goroutines again", goroutines), func() bool { return metric(t, admin, "go_goroutines") <= goroutines+slack })
	if open := up.open.Load(); open != 0 {
		t.Errorf("%d upstream requests are open", open)
	}
	if grown := heap() - memory; grown > 2<<20 {
		t.Errorf("memory has grown by %d bytes", grown)
	}
}

// The stand-in notices that its client has disconnected, also while its own stream is
// silent for ever.
func TestDisconnectFromStandIn(t *testing.T) {
	t.Parallel()
	p := testenv.Start(t)
	before := metric(t, p.Base, "go_goroutines")
	var clients [10]*net.TCPConn
	for i := range clients {
		clients[i] = dial(t, p.Base)
		if _, err := io.WriteString(clients[i], "POST /v3/chat?mode=raw&message=/hang HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	answer := []rune(poem(t))
	half := string(answer[:len(answer)/2]) // the scenario then falls silent
	for _, conn := range clients {
		lines, stream := bufio.NewReader(conn), ""
		for texts(stream) != half {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatalf("%v after %q, want %q", err, texts(stream), half)
			}
			stream += line
		}
	}
	for _, conn := range clients {
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	testenv.Eventually(t, "no goroutine is left", func() bool { return metric(t, p.Base, "go_goroutines") <= before+slack })
}

// A client that does not read is disconnected, and its upstream request canceled.
func TestClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	// More than the kernel buffers, less than the store holds.
	up := newEndlessUpstream(t, 32<<10, strings.Repeat("0", 1000))
	base := testenv.Start(t, "--upstream="+up.url, "--write-timeout=200ms").Base
	conn := dial(t, base)
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /v3/chat?mode=raw HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, "upstream request is canceled", func() bool { return up.closed.Load() == 1 })
	if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("connection: %v", err)
	}
	if status, _ := send(t, "GET", base+"/ai/nothing"); status != http.StatusNotFound {
		t.Errorf("then got %d", status)
	}
}
