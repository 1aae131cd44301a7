// Package e2e tests the built program as a process: its start and end, the bytes on the
// wire, keys and limits, forwarding, disconnects, replicas that share a Redis, and the
// client in the terminal.
package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// serve serves with a function until the end of the test.
func serve(t *testing.T, handle http.HandlerFunc) (url string) {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return server.URL
}

// unreachable returns a URL at which nobody listens.
func unreachable() string {
	closed := httptest.NewServer(nil)
	closed.Close()
	return closed.URL
}

// send sends a request with header fields, names and values in turn, and reads the
// whole reply.
func send(t *testing.T, method, url string, header ...string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	status, _, body = readReply(t, http.DefaultClient.Do, req)
	return status, body
}

// readReply does a request and reads the whole reply.
func readReply(t *testing.T, do func(*http.Request) (*http.Response, error), req *http.Request) (status int, header http.Header, body string) {
	t.Helper()
	res, err := do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(all)
}

// texts joins the contents of the deltas of a stream.
func texts(stream string) string {
	var b strings.Builder
	for _, m := range regexp.MustCompile(`"content":"([^"]*)"`).FindAllStringSubmatch(stream, -1) {
		b.WriteString(m[1])
	}
	return b.String()
}

// dial opens a TCP connection to a base URL.
func dial(t *testing.T, base string) *net.TCPConn {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(context.WithoutCancel(t.Context()), "tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(testenv.Patience)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// sendBytes sends bytes over a connection of their own and returns all that the server
// sends until it closes the connection.
func sendBytes(t *testing.T, base, request string) string {
	t.Helper()
	conn := dial(t, base)
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}
