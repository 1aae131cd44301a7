package abuse

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/testenv"
)

const mib = 1 << 20

// Clients that do not read are disconnected, and their upstream requests canceled.
func TestClientsThatDoNotRead(t *testing.T) {
	const clients = 8
	args := []string{"--write-timeout=300ms", "--store-max-bytes=16MiB"}
	attack(t, 96*mib, args, func(v *target) {
		for range clients {
			conn := v.send("POST /v3/chat?mode=raw HTTP/1.1\r\nHost: localhost\r\nX-Ask: flood\r\n\r\n")
			defer conn.Close()
		}
		testenv.Eventually(t, "all upstream requests are canceled", func() bool {
			return v.up.open.Load() == 0 && strings.Count(v.Log.String(), "stream ended") >= clients
		})
	})
}

// A client that does not read a reply that is no stream is disconnected, too.
func TestRepliesThatAreNotRead(t *testing.T) {
	attack(t, 64*mib, []string{"--write-timeout=300ms"}, func(v *target) {
		conn := v.dial()
		defer conn.Close()
		if err := conn.SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
		request := "GET /web/nothing" + strings.Repeat("x", 8<<10) + " HTTP/1.1\r\nHost: localhost\r\n\r\n"
		for sent := 0; ; sent += len(request) {
			if _, err := io.WriteString(conn, request); isTimeout(err) {
				t.Fatalf("still connected after %d bytes", sent)
			} else if err != nil {
				return
			}
		}
	})
}

// A client that sends 300 MB during its stream is disconnected early.
func TestSendingDuringAStream(t *testing.T) {
	attack(t, 16*mib, nil, func(v *target) {
		conn := v.chat("silence")
		defer conn.Close()
		const most = 300 * mib
		sent, block := 0, make([]byte, mib)
		for sent < most {
			n, err := conn.Write(block)
			sent += n
			if isTimeout(err) {
				t.Fatalf("still connected after %d bytes", sent)
			}
			if err != nil {
				break
			}
		}
		if sent > 32*mib { // the kernel buffers some
			t.Errorf("disconnected after %d MiB", sent/mib)
		}
	})
}

// checkRefused checks that a reply is an error of the server and closes the connection.
func checkRefused(t *testing.T, name, answer string, status int) {
	t.Helper()
	header, body, _ := strings.Cut(answer, "\r\n\r\n")
	if !strings.HasPrefix(header, fmt.Sprintf("HTTP/1.1 %d ", status)) || !strings.Contains(header, "Connection: close") ||
		!strings.Contains(header, "Content-Type: application/json") ||
		gjson.Get(body, "code").Int() != 4000 || gjson.Get(body, "detail.logid").Str == "" || strings.HasSuffix(body, "\n") {
		t.Errorf("%s: got %q, want an error with status %d", name, answer, status)
	}
}

// Slow headers and bodies time out.
func TestSlowRequests(t *testing.T) {
	attack(t, 16*mib, []string{"--read-timeout=300ms", "--idle-timeout=300ms"}, func(v *target) {
		checkRefused(t, "nothing", v.answer(""), http.StatusRequestTimeout)
		conn := v.dial()
		defer conn.Close()
		stop := make(chan struct{})
		written := make(chan struct{})
		go func() {
			defer close(written)
			for c := range strings.SplitSeq("GET / HTTP/1.1\r\nX: "+strings.Repeat("x", 1000), "") {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
					_, _ = io.WriteString(conn, c) // an error: it is closed
				}
			}
		}()
		all, err := io.ReadAll(conn)
		if isTimeout(err) {
			t.Errorf("a slow header: %v after %q", err, all)
		}
		close(stop)
		<-written
		checkRefused(t, "a body", v.answer("POST /v3/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx"), http.StatusRequestTimeout)
		checkRefused(t, "a header", v.answer("GET / HTTP/1.1\r\nX: "+strings.Repeat("x", 300<<10)+"\r\n\r\n"), http.StatusRequestHeaderFieldsTooLarge)

		// An idle connection is closed without a reply.
		if answer := v.answer("GET /web/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"); strings.Count(answer, "HTTP/1.1") != 1 {
			t.Errorf("got %q", answer)
		}
	})
}

// Silent connections time out, and excess connections are closed immediately. Connections
// in use are not affected.
func TestSilentConnections(t *testing.T) {
	const most = 50
	args := []string{"--read-timeout=2s", fmt.Sprintf("--max-connections=%d", most)}
	attack(t, 16*mib, args, func(v *target) {
		stream := v.chat("silence")
		defer stream.Close()
		closed := make(chan bool)
		const all = 200
		for range all {
			conn := v.dial()
			go func() {
				defer conn.Close()
				_, _ = io.ReadAll(conn)
				closed <- true
			}()
		}
		testenv.Eventually(t, "descriptors are bounded", func() bool { return v.Descriptors(t) <= v.descriptors+most+10 })
		for i := range all {
			testenv.Receive(t, fmt.Sprintf("connection %d is closed", i), closed)
		}
		if !strings.Contains(v.Log.String(), "connections are refused") {
			t.Errorf("the log is %s", v.Log.String())
		}
		testenv.Eventually(t, "connections are accepted again", func() bool {
			conn := v.send("GET /web/nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
			defer conn.Close()
			answer, _ := io.ReadAll(conn)
			return strings.HasPrefix(string(answer), "HTTP/1.1 404")
		})
		if v.up.open.Load() != 1 {
			t.Error("the open stream was closed")
		}
	})
}

// Pipelined requests, also those sent during a stream, are answered in order.
func TestPipelined(t *testing.T) {
	attack(t, 16*mib, nil, func(v *target) {
		const (
			chat = "POST /v3/chat?mode=raw HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
			not  = "GET /web/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
			last = "GET /v1/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
		)
		answer := v.answer(chat + not + chat + last)
		got := regexp.MustCompile(`HTTP/1\.1 \d+|\[DONE\]`).FindAllString(answer, -1)
		want := "HTTP/1.1 200|[DONE]|HTTP/1.1 404|HTTP/1.1 200|[DONE]|HTTP/1.1 200"
		if strings.Join(got, "|") != want {
			t.Errorf("got %q in %q", got, answer)
		}

		// A request that arrives while a stream is silent waits, and does not hide that the
		// client disconnects.
		conn := v.chat("silence")
		if _, err := io.WriteString(conn, not); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // the request arrives before the close
		_ = conn.Close()
		testenv.Eventually(t, "the upstream request is canceled", func() bool { return v.up.open.Load() == 0 })
	})
}

// HTTP/1.0 requests and HEAD requests get a valid reply.
func TestHTTP10AndHead(t *testing.T) {
	attack(t, 16*mib, nil, func(v *target) {
		old := v.answer("GET /v3/chat?mode=raw HTTP/1.0\r\n\r\n")
		if strings.Contains(old, "chunked") || !strings.Contains(old, "Connection: close") || !strings.HasSuffix(old, "data:\"[DONE]\"\n\n") {
			t.Errorf("HTTP/1.0: got %q", old)
		}
		for _, path := range []string{"/v3/chat", "/v1/x", "/web/nothing", "/readyz", "/typewriter/streams/x"} {
			head := v.answer("HEAD " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
			if _, body, ok := strings.Cut(head, "\r\n\r\n"); !ok || body != "" {
				t.Errorf("HEAD %s: got %q", path, head)
			}
		}
	})
}

// A client that closes its side of the connection counts as disconnected: its stream is
// truncated without a last chunk, and the upstream request canceled.
func TestHalfClose(t *testing.T) {
	attack(t, 16*mib, nil, func(v *target) {
		conn := v.chat("silence")
		defer conn.Close()
		if err := conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(conn)
		if isTimeout(err) || strings.HasSuffix(string(rest), "0\r\n\r\n") {
			t.Errorf("got %q, %v", rest, err)
		}
	})
}

// A client that disconnects before the upstream has answered cancels the upstream
// request, whether its own request had a body or not.
func TestDisconnectBeforeTheReply(t *testing.T) {
	received := make(chan struct{}, 1)
	canceled := make(chan struct{}, 1)
	up := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		received <- struct{}{}
		<-r.Context().Done()
		canceled <- struct{}{}
	})
	p := testenv.Start(t, "--upstream="+up)
	for name, request := range map[string]string{
		"chat":          "POST /v3/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
		"bare chat":     "POST /v3/chat HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET":           "GET /v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"upload":        "POST /v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
		"large upload":  "POST /v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000),
		"chunks":        "POST /v1/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"GET with body": "GET /v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
	} {
		t.Run(name, func(t *testing.T) {
			v := &target{Program: p, t: t}
			conn := v.send(request)
			testenv.Receive(t, "the upstream gets the request", received)
			_ = conn.Close()
			testenv.Receive(t, "the upstream request is canceled", canceled)
		})
	}
}

// Five thousand connections that are reset, at the start or in the middle of a request,
// leave nothing behind.
func TestResetConnections(t *testing.T) {
	attack(t, 32*mib, nil, func(v *target) {
		parts := []string{"", "G", "GET /v3/chat", "POST /v3/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{", "POST /v3/chat HTTP/1.1\r\nHost: localhost\r\nX-Ask: silence\r\n\r\n"}
		for i := range 5000 {
			conn := v.send(parts[i%len(parts)])
			if err := conn.SetLinger(0); err != nil {
				t.Fatal(err)
			}
			_ = conn.Close() // with a reset
		}
	})
}

// Ids and queries cannot inject headers, neither into the reply nor upstream.
func TestHeaderInjection(t *testing.T) {
	const evil = "%0d%0aX-Evil:%201%0d%0a%0d%0aX"
	attack(t, 16*mib, nil, func(v *target) {
		for _, request := range []string{
			"GET /typewriter/streams/" + evil + " HTTP/1.1\r\nHost: localhost\r\n",
			"GET /typewriter/streams/x?lastEventId=" + evil + " HTTP/1.1\r\nHost: localhost\r\n",
			"GET /v3/chat?mode=raw&lastEventId=" + evil + " HTTP/1.1\r\nHost: localhost\r\n",
			"GET /v3/chat?mode=" + evil + " HTTP/1.1\r\nHost: localhost\r\n",
			"GET /v3/chat?mode=raw&message=" + evil + "&bot_id=" + evil + "&conversation_id=" + evil + " HTTP/1.1\r\nHost: localhost\r\n",
			"POST /v3/chat?event_ids=" + evil + " HTTP/1.1\r\nHost: localhost\r\n",
			"GET /v1/" + evil + " HTTP/1.1\r\nHost: localhost\r\n",
			"GET /v1/x?q=" + evil + " HTTP/1.1\r\nHost: localhost\r\n",
			"GET /v1/x HTTP/1.1\r\nHost: localhost\r\nLast-Event-Id: a\rX-Evil: 1\r\n",
			"GET /v1/x HTTP/1.1\r\nHost: localhost\rX-Evil: 1\r\n",
			"GET /v1/x HTTP/1.1\r\nHost: localhost\r\nAuthorization: a\x00b\r\n",
		} {
			answer := v.answer(request + "Connection: close\r\n\r\n")
			header, _, ok := strings.Cut(answer, "\r\n\r\n")
			if !ok || strings.Contains(strings.ToLower(header), "evil") || strings.Count(answer, "HTTP/1.1 ") != 1 {
				t.Errorf("%q: got %q", request, answer)
			}
			select {
			case got := <-v.up.headers:
				if got.Get("X-Evil") != "" || strings.ContainsAny(got.Get("Authorization"), "\x00\r\n") {
					t.Errorf("%q: upstream got %v", request, got)
				}
			default:
			}
		}
	})
}

// A request with an ambiguous length is refused and its connection closed, so that no
// part of it is taken for another request.
func TestSmuggling(t *testing.T) {
	const inner = "GET /v1/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
	attack(t, 16*mib, []string{"--read-timeout=500ms"}, func(v *target) {
		for _, test := range []struct{ name, header, body string }{
			{"length and chunks", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + inner},
			{"chunks and length", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n" + inner},
			{"two lengths", "Content-Length: 0\r\nContent-Length: 10\r\n", inner},
			{"two lengths alike", "Content-Length: 0\r\nContent-Length: 0\r\n", inner},
			{"lengths in one", "Content-Length: 0, 40\r\n", inner},
			{"no length", "Content-Length: x\r\n", inner},
			{"signed length", "Content-Length: +0\r\n", inner},
			{"negative length", "Content-Length: -1\r\n", inner},
			{"unknown encoding", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n" + inner},
			{"two encodings", "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n" + inner},
			{"encoding twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n" + inner},
			{"identity", "Transfer-Encoding: identity\r\n", inner},
			{"space before the colon", "Transfer-Encoding : chunked\r\n", "0\r\n\r\n" + inner},
			{"folded", "Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n" + inner},
			{"two hosts", "Host: y\r\nContent-Length: 0\r\n", ""},
			{"folded behind", "X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n" + inner},
		} {
			for _, path := range []string{"/v3/chat", "/v1/x", "/web/nothing"} {
				answer := v.answer("POST " + path + " HTTP/1.1\r\nHost: localhost\r\n" + test.header + "\r\n" + test.body)
				if strings.Count(answer, "HTTP/1.1 ") != 1 {
					t.Errorf("%s to %s: got %q", test.name, path, answer)
				}
				checkRefused(t, test.name+" to "+path, answer, http.StatusBadRequest)
			}
		}
		answer := v.answer("POST /v1/x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner)
		checkRefused(t, "HTTP/1.0", answer, http.StatusBadRequest)
		for _, garbage := range []string{"\r\n\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00", "GET\r\n\r\n", "GET / FTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"} {
			checkRefused(t, garbage, v.answer(garbage), http.StatusBadRequest)
		}
	})
}
