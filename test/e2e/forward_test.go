package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
)

// After a forwarded reply of any kind the connection serves the next request.
func TestForwardKeepsConnections(t *testing.T) {
	t.Parallel()
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := 200
		_, _ = fmt.Sscanf(r.URL.Query().Get("status"), "%d", &status)
		if r.URL.Query().Get("flush") != "" {
			w.(http.Flusher).Flush()
		} else {
			w.WriteHeader(status)
		}
		if status == 200 {
			_, _ = io.WriteString(w, "body")
		}
	}))
	defer up.Close()
	base := testenv.Start(t, "--upstream="+up.URL).Base
	var requests, want strings.Builder
	for _, line := range []string{
		"HEAD /v1/x", "HEAD /v1/x?flush=1", "HEAD /v1/x?status=404", "GET /v1/x?status=404", "GET /v1/x?status=204",
		"GET /v1/x?status=304", "GET /v1/x?flush=1", "GET /v1/x", "GET /ai/nothing", "POST /v1/x",
	} {
		requests.WriteString(line + " HTTP/1.1\r\nHost: localhost\r\nX-Line: " + line + "\r\n\r\n")
	}
	requests.WriteString("GET /v1/last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	answer := sendBytes(t, base, requests.String())
	for _, status := range []string{"200", "200", "404", "404", "204", "304", "200", "200", "404", "200", "200"} {
		want.WriteString(status + " ")
	}
	var got strings.Builder
	for rest := bufio.NewReader(strings.NewReader(answer)); ; {
		n := strings.Count(got.String(), " ")
		method := "GET"
		if n < 3 {
			method = "HEAD"
		}
		res, err := http.ReadResponse(rest, &http.Request{Method: method})
		if err != nil {
			break
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Errorf("reply %d: %v", n, err)
		}
		res.Body.Close()
		got.WriteString(strconv.Itoa(res.StatusCode) + " ")
	}
	if got.String() != want.String() {
		t.Errorf("got  %s\nwant %s\n%q", got.String(), want.String(), answer)
	}
}

// sendBehindProxy sends a request with a token as from behind another proxy, follows no
// redirect, and returns the whole reply.
func sendBehindProxy(t *testing.T, method, url, body string) (status int, header http.Header, reply string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer t")
	req.Header.Set("X-Forwarded-For", "10.0.0.1")
	return readReply(t, http.DefaultTransport.RoundTrip, req)
}

// Requests and replies are forwarded unchanged.
func TestForward(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body []byte
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.Header()["X-Tt-Logid"] = []string{"log"}
		w.Header()["X-Many"] = []string{"1", "2"}
		w.Header()["Content-Type"] = nil // no content type
		w.Header().Set("Connection", "X-Hop")
		w.Header().Set("X-Hop", "1")
		status := 200
		_, _ = fmt.Sscanf(r.URL.Query().Get("status"), "%d", &status)
		w.WriteHeader(status)
		if status == 200 {
			_, _ = io.WriteString(w, "reply to "+r.Method)
		}
	}))
	defer up.Close()
	base := testenv.Start(t, "--upstream="+up.URL, "--trusted-proxies=127.0.0.1").Base
	tests := []struct {
		method, target, body, want string
		status                     int
	}{
		{"GET", "/v1/conversation/retrieve?conversation_id=1&a=%2f&a=b&mode=x", "", "/v1/conversation/retrieve?conversation_id=1&a=%2f&a=b&mode=x", 200},
		{"POST", "/v1/bot/create?conversation_id=&x", `{"a":1.0}`, "/v1/bot/create?x", 200},
		{"PUT", "//open_api/knowledge/%E4%BD%A0%20", "body", "/open_api/knowledge/%E4%BD%A0%20", 200},
		{"DELETE", "/v1/conversations/1", "body", "/v1/conversations/1", 200},
		{"PATCH", "/api/x", "body", "/api/x", 200},
		{"OPTIONS", "/v3/chat", "", "/v3/chat", 200},
		{"PUT", "/v3/chat", "body", "/v3/chat", 200},
		{"HEAD", "/v1/files/1", "", "/v1/files/1", 200},
		{"HEAD", "/v1/x?status=404", "", "/v1/x?status=404", 404},
		{"GET", "/v1/x?status=404", "", "/v1/x?status=404", 404},
		{"GET", "/v1/x?status=204", "", "/v1/x?status=204", 204},
		{"GET", "/v1/x?status=304", "", "/v1/x?status=304", 304},
		{"GET", "/v1/x?status=503", "", "/v1/x?status=503", 503},
	}
	for _, test := range tests {
		t.Run(test.method+" "+test.target, func(t *testing.T) {
			status, header, reply := sendBehindProxy(t, test.method, base+test.target, test.body)
			wantReply := ""
			if test.status == 200 && test.method != "HEAD" {
				wantReply = "reply to " + test.method
			}
			if got.Method != test.method || got.RequestURI != test.want || string(body) != test.body {
				t.Errorf("upstream got %s %s %q", got.Method, got.RequestURI, body)
			}
			if got.Header.Get("Authorization") != "Bearer t" || got.Header.Get("X-Forwarded-For") != "10.0.0.1, 127.0.0.1" ||
				got.Header.Get("X-Forwarded-Host") != strings.TrimPrefix(base, "http://") {
				t.Errorf("upstream got header %v", got.Header)
			}
			if status != test.status || reply != wantReply {
				t.Errorf("client got %d %q", status, reply)
			}
			if !reflect.DeepEqual(header["X-Many"], []string{"1", "2"}) || header.Get("X-Tt-Logid") != "log" || header.Get("X-Hop") != "" ||
				header["Content-Type"] != nil || header["Server"] != nil {
				t.Errorf("client got header %v", header)
			}
		})
	}
}

// No target reaches anything outside of the upstream's API.
func TestForwardRefuses(t *testing.T) {
	t.Parallel()
	up := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("upstream got %s %s", r.Method, r.RequestURI)
	}))
	defer up.Close()
	base := testenv.Start(t, "--upstream="+up.URL).Base
	for _, line := range []string{
		"GET /v1/../admin", "GET /v1/%2e%2e/admin", "GET /v1/..%2fadmin", `GET /v1/..\admin`, "GET /typewriter/admin",
		"GET http://other.invalid/v1/x", "GET http://other.invalid/x", "CONNECT other.invalid:443", "GET //web/../admin",
		"GET /v1/%00", "OPTIONS *", "GET /v1/..;/admin", "GET /v1/%252e%252e/admin", "GET /v1/%25252e%25252e/admin", "GET /v1/.%252e;x/admin",
	} {
		answer := sendBytes(t, base, line+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(answer, "HTTP/1.1 400 ") && !strings.HasPrefix(answer, "HTTP/1.1 404 ") {
			t.Errorf("%s: got %.200q", line, answer)
		}
	}
}

// A stream that is not paced is forwarded byte for byte and without delay: the upstream
// writes on only when the client has read its last write.
func TestForwardStreams(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, part := range []string{": hello\n\n", "id: 1\r\nevent: Mess", "age\r\ndata: {}\r\n\r\n"} {
			_, _ = io.WriteString(w, part)
			w.(http.Flusher).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
			}
		}
	}))
	defer up.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, testenv.Start(t, "--upstream="+up.URL).Base+"/v1/other/stream", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	buf := make([]byte, 100)
	for _, want := range []string{": hello\n\n", "id: 1\r\nevent: Mess", "age\r\ndata: {}\r\n\r\n"} {
		n, err := res.Body.Read(buf)
		if err != nil || string(buf[:n]) != want {
			t.Errorf("got %q, %v, want %q", buf[:n], err, want)
		}
		next <- struct{}{}
	}
	if n, err := res.Body.Read(buf); n != 0 || err != io.EOF {
		t.Errorf("got %q, %v at the end", buf[:n], err)
	}
}

// zeros returns a reader of n bytes.
func zeros(n int64) io.Reader { return io.LimitReader(zeroReader{}, n) }

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { return len(p), nil }

// startMeasured starts a server and returns its base URL and a function that returns
// the peak of its memory in bytes.
func startMeasured(t *testing.T, args ...string) (base string, peak func() int64) {
	t.Helper()
	p := testenv.Start(t, args...)
	return p.Base, func() int64 {
		_, peak := p.Memory(t)
		return peak
	}
}

// Large uploads and downloads are forwarded in constant memory.
func TestForwardInConstantMemory(t *testing.T) {
	t.Parallel()
	const size = 512 << 20
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			n, err := io.Copy(io.Discard, r.Body)
			_, _ = fmt.Fprint(w, n, " ", err)
			return
		}
		_, _ = io.Copy(w, zeros(size))
	}))
	defer up.Close()
	base, peak := startMeasured(t, "--upstream="+up.URL)
	send(t, "GET", base+"/nothing")
	before := peak()
	allowed := int64(48 << 20) // slack of the garbage collector
	if testenv.IsRace() {
		allowed *= 2
	}

	for _, length := range []int64{size, -1} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/files/upload", zeros(size))
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = length
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := io.ReadAll(res.Body)
		if err != nil || string(reply) != fmt.Sprint(int64(size), " ", nil) {
			t.Errorf("upload of length %d: got %q, %v", length, reply, err)
		}
		res.Body.Close()
		if grown := peak() - before; grown > allowed {
			t.Errorf("upload of length %d: memory has grown by %d MiB", length, grown>>20)
		}
	}
	t.Logf("512 MiB up: %d MiB more memory", (peak()-before)>>20)
	if status, _ := send(t, "POST", base+"/v1/files/upload"); status != http.StatusOK {
		t.Errorf("then got %d", status)
	}

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/v1/files/content", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if n, err := io.Copy(io.Discard, res.Body); n != size || err != nil {
		t.Errorf("download: got %d bytes, %v", n, err)
	}
	if grown := peak() - before; grown > allowed {
		t.Errorf("download: memory has grown by %d MiB", grown>>20)
	}
	t.Logf("512 MiB down: %d MiB more memory", (peak()-before)>>20)
}

// An upstream that does not read blocks the client; the server does not buffer the body.
func TestUploadBackpressure(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	up := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request) { <-release }))
	defer up.Close()
	defer close(release)
	base, peak := startMeasured(t, "--upstream="+up.URL)
	send(t, "GET", base+"/nothing")
	before := peak()
	conn := dial(t, base)
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "POST /v1/files/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", 512<<20); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetWriteDeadline(time.Now().Add(2 * time.Second)); err != nil {
		t.Fatal(err)
	}
	sent, err := io.Copy(conn, zeros(512<<20))
	if err == nil || sent > 64<<20 {
		t.Errorf("sent %d MiB, %v", sent>>20, err)
	}
	if grown := peak() - before; grown > 48<<20 {
		t.Errorf("memory has grown by %d MiB", grown>>20)
	}
	t.Logf("client could send %d MiB", sent>>20)
}

// A body that is too large is refused, whether its length is announced or not. A reply
// that the upstream sends before it has read the body reaches the client.
func TestUploadRefused(t *testing.T) {
	t.Parallel()
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/early" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer up.Close()
	base := testenv.Start(t, "--upstream="+up.URL, "--max-upload-bytes=1MiB").Base
	tests := []struct {
		name, path string
		length     int64
		size       int64
		want       int
	}{
		{"length too large", "/v1/files/upload", 1<<20 + 1, 1<<20 + 1, 413},
		{"chunks too large", "/v1/files/upload", -1, 2 << 20, 413},
		{"just not too large", "/v1/files/upload", -1, 1 << 20, 200},
		{"early reply", "/v1/early", 1 << 20, 1 << 20, 418},
		{"chat too large", "/v3/chat", -1, 33 << 20, 413},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+test.path, zeros(test.size))
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = test.length
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != test.want {
				body, _ := io.ReadAll(res.Body)
				t.Errorf("got %d %s, want %d", res.StatusCode, body, test.want)
			}
		})
	}
}
