// Package proxytest runs the program behind a real nginx, with the configuration that
// we recommend: deploy/nginx.conf.
package proxytest

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// ask sends a request and returns the answer, which ends with the test, or after a long
// time.
func ask(t *testing.T, client *http.Client, method, url, body string, header ...string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
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

// readTo reads lines up to the first that begins so, and returns all of them.
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

// withTLS are the changes that make the configuration's part on TLS count, and a client
// that trusts its certificate.
func withTLS(t *testing.T) (base string, client *http.Client, changes [][2]string) {
	t.Helper()
	model := httptest.NewUnstartedServer(nil)
	model.EnableHTTP2 = true
	model.StartTLS() // it brings a certificate
	defer model.Close()
	pair := model.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	folder, port := t.TempDir(), freePort(t)
	certFile, keyFile := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]},
		keyFile:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(model.Certificate())
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return fmt.Sprintf("https://127.0.0.1:%d", port), &http.Client{Transport: transport}, [][2]string{
		{"# listen 443 ssl http2;", fmt.Sprintf("listen 127.0.0.1:%d ssl http2;", port)},
		{"# ssl_certificate /etc/ssl/certs/chat.example.com.pem;", "ssl_certificate " + certFile + ";"},
		{"# ssl_certificate_key /etc/ssl/private/chat.example.com.key;", "ssl_certificate_key " + keyFile + ";"},
		{"# ssl_protocols", "ssl_protocols"},
	}
}

// Each event comes as it leaves us: the upstream goes on only when the client has got
// the first delta, and ends only when it has got heartbeats.
func TestUnbuffered(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	u := newUpstream(t, func(c *chat) {
		c.say("一")
		c.await(next)
		c.say("二")
		c.await(next)
		c.end()
	}, nil)
	httpsBase, https, changes := withTLS(t)
	n := startNginx(t, start(t, "--upstream="+u.URL, "--heartbeat=20ms"), changes...)
	for _, test := range []struct {
		name, method, base, proto, scheme string
		client                            *http.Client
	}{
		{"POST", http.MethodPost, n.base, "HTTP/1.1", "http", http.DefaultClient},
		{"GET", http.MethodGet, n.base, "HTTP/1.1", "http", http.DefaultClient},
		{"POST by HTTP2", http.MethodPost, httpsBase, "HTTP/2.0", "https", https},
		{"GET by HTTP2", http.MethodGet, httpsBase, "HTTP/2.0", "https", https},
	} {
		t.Run(test.name, func(t *testing.T) {
			message := strings.ReplaceAll(test.name, " ", "-")
			res := ask(t, test.client, test.method, test.base+"/v3/chat?message="+message, "",
				"Accept-Encoding", "gzip", "Authorization", "Bearer t", "X-Forwarded-For", "10.0.0.1")
			defer res.Body.Close()
			lines := bufio.NewReader(res.Body)
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
			if rest, err := io.ReadAll(lines); !strings.HasSuffix(string(rest), "event:done\ndata:\"[DONE]\"\n\n") && test.method == http.MethodPost || err != nil {
				t.Errorf("the rest is %q, %v", rest, err)
			}
			checkHeaders(t, res, test.proto)
			checkAsked(t, u, message, test.scheme, strings.TrimPrefix(test.base, test.scheme+"://"))
		})
	}
}

// checkHeaders checks those of a typed stream.
func checkHeaders(t *testing.T, res *http.Response, proto string) {
	t.Helper()
	if res.Proto != proto || res.StatusCode != http.StatusOK || res.ContentLength != -1 {
		t.Errorf("got %s %d, length %d", res.Proto, res.StatusCode, res.ContentLength)
	}
	for name, want := range map[string][]string{
		"Content-Type":      {"text/event-stream; charset=utf-8"},
		"Cache-Control":     {"no-cache, no-store, must-revalidate"},
		"Pragma":            {"no-cache"},
		"X-Tt-Logid":        {"upstream's"},
		"Content-Encoding":  nil,
		"X-Accel-Buffering": nil, // it was for nginx
	} {
		if got := res.Header[name]; !slices.Equal(got, want) {
			t.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
	if len(res.Header["Typewriter-Stream"]) != 1 {
		t.Errorf("got header %v", res.Header)
	}
}

// checkAsked checks the request for a message as it came to the upstream.
func checkAsked(t *testing.T, u *upstream, message, scheme, host string) {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	i := slices.IndexFunc(u.chats, func(c *chat) bool { return c.message == message })
	for name, want := range map[string]string{
		"Authorization":     "Bearer t",
		"X-Forwarded-For":   "10.0.0.1, 127.0.0.1, 127.0.0.1",
		"X-Forwarded-Host":  host,
		"X-Forwarded-Proto": scheme,
		"Connection":        "",
	} {
		if got := strings.Join(u.chats[i].header[name], "|"); got != want {
			t.Errorf("upstream got header %s: %q, want %q", name, got, want)
		}
	}
}

// A stream that is only forwarded is not collected, either, though nothing in its
// header asks for that.
func TestForwardedStreamUnbuffered(t *testing.T) {
	t.Parallel()
	parts := []string{": hello\n\n", "id: 1\r\nevent: Mess", "age\r\ndata: {}\r\n\r\n"}
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
	n := startNginx(t, start(t, "--upstream="+u.URL))
	res := ask(t, http.DefaultClient, http.MethodPost, n.base+"/v1/workflow/stream_run", "{}", "Accept-Encoding", "gzip")
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
}

// Heartbeats keep a silent stream alive for longer than nginx would wait.
func TestHeartbeatsOutliveTheTimeout(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	u := newUpstream(t, func(c *chat) {
		c.say("一")
		c.await(next)
		c.end()
	}, nil)
	n := startNginx(t, start(t, "--upstream="+u.URL, "--heartbeat=100ms"), [2]string{"proxy_read_timeout 90s;", "proxy_read_timeout 2s;"})
	res := ask(t, http.DefaultClient, http.MethodPost, n.base+"/v3/chat", "")
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
