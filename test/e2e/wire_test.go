package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
)

// The requests of the article that the project began with are answered as it shows.
func TestArticle(t *testing.T) {
	t.Parallel()
	base := testenv.Start(t).Base
	const text = "你好，这是 Coze SSE"
	tests := []struct{ method, path, end string }{
		{"GET", "/upstream", "event:conversation.message.completed\ndata:{}\n\ndata: [DONE]\n\n"},
		{"POST", "/v3/chat?speed=100", "event:conversation.message.completed\ndata:{\"status\":\"completed\"}\n\ndata:[DONE]\n\n"},
		{"GET", "/v3/chat?speed=100", "\ndata:[DONE]\n\n"},
	}
	for _, test := range tests {
		status, body := send(t, test.method, base+test.path)
		if status != http.StatusOK || texts(body) != text || !strings.HasSuffix(body, test.end) {
			t.Errorf("%s %s: got %d %s", test.method, test.path, status, body)
		}
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	base := testenv.Start(t).Base
	for _, test := range []struct {
		method, path string
		status       int
		msg          string
	}{
		{"GET", "/ai/nothing", 404, `{"code":4200,"msg":"no such path: /ai/nothing","detail":{"logid":"`},
		{"PUT", "/upstream", 405, `{"code":4000,"msg":"method PUT is not served at /upstream","detail":{"logid":"`},
	} {
		status, body := send(t, test.method, base+test.path)
		if status != test.status || !strings.HasPrefix(body, test.msg) || !strings.HasSuffix(body, `"}}`) {
			t.Errorf("%s %s: got %d %q", test.method, test.path, status, body)
		}
	}
}

// No event spans two chunks: an SDK that parses each chunk by itself, as WeChat's does,
// gets whole events. Which events share a chunk is tested in virtual time.
func TestChunksHoldWholeEvents(t *testing.T) {
	t.Parallel()
	answer := sendBytes(t, testenv.Start(t).Base, "POST /v3/chat?max_lag=0&speed=10 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	_, body, _ := strings.Cut(answer, "\r\n\r\n")
	chunks := 0
	for body != "0\r\n\r\n" {
		size, rest, _ := strings.Cut(body, "\r\n")
		var n int
		if _, err := fmt.Sscanf(size, "%x", &n); err != nil || n+2 > len(rest) {
			t.Fatalf("no chunk: %.100q", body)
		}
		if chunk := rest[:n]; !strings.HasSuffix(chunk, "\n\n") || !strings.HasPrefix(chunk, "event:") && !strings.HasPrefix(chunk, "data:") {
			t.Errorf("chunk is %q", chunk)
		}
		body, chunks = rest[n+2:], chunks+1
	}
	if chunks < 2 {
		t.Errorf("%d chunks", chunks)
	}
}

// An HTTP/1.0 client gets no chunks; closing the connection ends the stream.
func TestHTTP10(t *testing.T) {
	t.Parallel()
	answer := sendBytes(t, testenv.Start(t).Base, "POST /v3/chat?mode=raw HTTP/1.0\r\n\r\n")
	header, body, _ := strings.Cut(answer, "\r\n\r\n")
	if strings.Contains(header, "chunked") || !strings.Contains(header, "Connection: close") {
		t.Errorf("header is %q", header)
	}
	if !strings.HasPrefix(body, "event:") || !strings.HasSuffix(body, "data:[DONE]\n\n") {
		t.Errorf("body is %q", body)
	}
}

// A truncated reply of the upstream reaches the client truncated, without a last chunk.
func TestTruncatedReply(t *testing.T) {
	t.Parallel()
	up := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"code":`)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	answer := sendBytes(t, testenv.Start(t, "--upstream="+up).Base, "POST /v3/chat HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if !strings.HasSuffix(answer, `{"code":`+"\r\n") {
		t.Errorf("got %q", answer)
	}
}

// Clients of one server share no cookies and no headers.
func TestClientsAreIsolated(t *testing.T) {
	t.Parallel()
	received := make(chan http.Header, 10)
	up := serve(t, func(w http.ResponseWriter, r *http.Request) {
		received <- r.Header.Clone()
		http.SetCookie(w, &http.Cookie{Name: "session", Value: r.Header.Get("Authorization")[7:]})
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "event:done\ndata:\"[DONE]\"\n\n")
	})
	base := testenv.Start(t, "--upstream="+up).Base
	for _, user := range []string{"a", "b", "c"} {
		send(t, "POST", base+"/v3/chat", "Authorization", "Bearer "+user, "X-User", user)
		header := <-received
		if header.Get("Authorization") != "Bearer "+user || header.Get("X-User") != user || header.Get("Cookie") != "" {
			t.Errorf("user %s: upstream got %v", user, header)
		}
	}
}

// A reply has the header Connection: close if the server closes the connection after
// it. Without that header nginx, which asks for a close by default, would keep the
// connection and send its next request into the close.
func TestConnectionClose(t *testing.T) {
	t.Parallel()
	up := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v3/chat" {
			w.Header().Set("Content-Type", "text/event-stream")
		}
		_, _ = io.WriteString(w, "event:done\ndata:\"[DONE]\"\n\n")
	})
	base := testenv.Start(t, "--upstream="+up).Base
	for _, target := range []string{"POST /v3/chat", "GET /v3/chat", "GET /v1/x", "HEAD /v1/x", "GET /nothing"} {
		for requested, want := range map[string]bool{"close": true, "keep-alive": false} {
			conn := dial(t, base)
			if _, err := io.WriteString(conn, target+" HTTP/1.1\r\nHost: localhost\r\nConnection: "+requested+"\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			reply := textproto.NewReader(bufio.NewReader(conn))
			if _, err := reply.ReadLine(); err != nil {
				t.Fatal(err)
			}
			header, err := reply.ReadMIMEHeader()
			if err != nil {
				t.Fatal(err)
			}
			if got := header.Values("Connection"); slices.Contains(got, "close") != want || len(got) > 1 {
				t.Errorf("%s with Connection %s: got Connection %q", target, requested, got)
			}
			_ = conn.Close() // nothing else is sent on it
		}
	}
}
