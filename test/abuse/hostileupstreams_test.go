package abuse

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
)

// rawUpstream serves each connection with a function, once the header of a request has
// arrived.
func rawUpstream(t *testing.T, serve func(conn *net.TCPConn)) (url string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() { // ends with the listener
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { // ends when the program closes the connection or serve returns
				defer conn.Close()
				if n, err := conn.Read(make([]byte, 64<<10)); n > 0 && err == nil {
					serve(conn.(*net.TCPConn))
				}
			}()
		}
	}()
	return "http://" + listener.Addr().String()
}

const (
	streamHeader = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
	oneDelta     = "event:conversation.message.delta\ndata:{\"id\":\"1\",\"content\":\"好\"}\n\n"
)

// poured counts the bytes that the program has read of endless streams.
var poured atomic.Int64

// Each of the following functions returns the behaviour of an upstream on a connection.
// Their write errors are visible at the client.

// pour writes a block without end.
func pour(block string) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		_, err := io.WriteString(conn, streamHeader)
		for n := 0; err == nil; poured.Add(int64(n)) {
			n, err = io.WriteString(conn, block)
		}
	}
}

// say writes a text and closes the connection.
func say(text string) func(*net.TCPConn) {
	return func(conn *net.TCPConn) { _, _ = io.WriteString(conn, text) }
}

// drip writes a block every 50 ms.
func drip(header, block string) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		_, err := io.WriteString(conn, header)
		for err == nil {
			time.Sleep(50 * time.Millisecond)
			_, err = io.WriteString(conn, block)
		}
	}
}

// hang writes a header and falls silent.
func hang(header string) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		_, _ = io.WriteString(conn, header)
		_, _ = io.Copy(io.Discard, conn) // until the program closes it
	}
}

// breakOff writes a text and resets the connection.
func breakOff(text string) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		say(text)(conn)
		reset(conn)
	}
}

var hostileUpstreams = []struct {
	name   string
	serve  func(*net.TCPConn)
	status int
	want   string // in the answer
	whole  bool   // the reply is complete
}{
	{"never answers", hang(""), 504, `{"code":5041,`, true},
	{"answers byte by byte", drip("HTTP/1.1 200 OK\r\nX: ", "x"), 504, `{"code":5041,`, true},
	{"oversized header", say("HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 24_000)), 502, `{"code":5021,`, true},
	{"no HTTP", say("hello\r\n\r\n"), 502, `{"code":5021,`, true},
	{"closes at once", say(""), 502, `{"code":5021,`, true},
	{"event of 10 GB", pour(strings.Repeat("x", 64<<10)), 200, `{"code":5022,`, true},
	{"endless data", pour("data:" + strings.Repeat("x", 64<<10)), 200, `{"code":5022,`, true},
	{"endless stream", pour(strings.Repeat(oneDelta, 1000)), 200, `{"code":5025,`, true},
	{"endless comments", drip(streamHeader+oneDelta, ": still here\n\n"), 200, `{"code":5043,`, true},
	{"falls silent", hang(streamHeader + oneDelta), 200, `{"code":5042,`, true},
	{"silent stream", hang(streamHeader), 200, `{"code":5042,`, true},
	{"HTML", say("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"), 200, "<html>", true},
	{"HTML that falls silent", hang("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\n<html>"), 200, "<html>", false},
	{"HTML byte by byte", drip("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", "."), 200, "<html>.", false},
	{"wrong type", say("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + oneDelta), 200, oneDelta, true},
	{"stream without type", say("HTTP/1.1 200 OK\r\n\r\n" + oneDelta), 200, oneDelta, true},
	{"gzip", say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b"), 502, `{"code":5024,`, true},
	{"unknown coding", say("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"), 502, `{"code":5021,`, true},
	{"two lengths", say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), 502, `{"code":5021,`, true},
	{"reset in the header", breakOff("HTTP/1.1 200 O"), 502, `{"code":5021,`, true},
	{"reset in the stream", breakOff(streamHeader + oneDelta), 200, `{"code":5023,`, true},
	{"reset in an event", breakOff(streamHeader + oneDelta + "event:conv"), 200, `{"code":5023,`, true},
}

// Whatever an upstream does, the client gets one clear reply, and the program continues.
func TestHostileUpstreams(t *testing.T) {
	t.Parallel()
	poured.Store(0)
	for _, test := range hostileUpstreams {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url := rawUpstream(t, test.serve)
			query, maxTime := "", "5s"
			if strings.Contains(test.want, "5025") {
				query, maxTime = "?event_ids=on", "1h" // the events are kept until the store is full
			}
			p := testenv.Start(t, "--upstream="+url, "--upstream-header-timeout=3s", "--upstream-idle-timeout=1s",
				"--upstream-max-time="+maxTime, "--store-max-bytes=4MiB", "--mode=raw")
			before, _ := p.Memory(t)
			res, err := requestChat(t, p.Base+"/v3/chat"+query)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if res.StatusCode != test.status || !strings.Contains(string(body), test.want) || (err == nil) != test.whole {
				t.Errorf("got %d, %v, %.300q, want %d and %s", res.StatusCode, err, body, test.status, test.want)
			}
			if strings.Contains(string(body), "event:error") && (strings.Count(string(body), "event:error") > 1 || strings.Contains(string(body), "done")) {
				t.Errorf("more than one end: %.300q", body)
			}
			if _, peak := p.Memory(t); peak > before+128*mib && !testenv.IsRace() {
				t.Errorf("the program took %d MiB more memory", (peak-before)/mib)
			}
		})
	}
	t.Cleanup(func() {
		if n := poured.Load(); n > 3*64*mib {
			t.Errorf("the program has read %d MiB of three endless streams", n/mib)
		}
	})
}

func reset(conn *net.TCPConn) {
	time.Sleep(50 * time.Millisecond) // the program reads before the reset
	_ = conn.SetLinger(0)             // makes the close a reset
}

// requestChat requests a chat, with a token.
func requestChat(t *testing.T, url string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer TOKEN")
	client := &http.Client{
		Timeout:       testenv.Patience,
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return client.Do(req)
}

// A redirect is forwarded to the client and not followed, so that no other host gets the
// token.
func TestRedirects(t *testing.T) {
	var requests atomic.Int64
	other := serve(t, func(http.ResponseWriter, *http.Request) { requests.Add(1) })
	for _, status := range []int{301, 302, 303, 307, 308} {
		up := serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other+"/v3/chat", status)
		})
		p := testenv.Start(t, "--upstream="+up)
		for _, path := range []string{"/v3/chat", "/v1/x"} {
			res, err := requestChat(t, p.Base+path)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close() // only the header matters
			if res.StatusCode != status || res.Header.Get("Location") != other+"/v3/chat" {
				t.Errorf("%d to %s: got %d %v", status, path, res.StatusCode, res.Header)
			}
		}
	}
	if requests.Load() > 0 {
		t.Errorf("the other host got %d requests", requests.Load())
	}
}

// An upstream with an untrusted certificate or without TLS is unreachable.
func TestTLSErrors(t *testing.T) {
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(untrusted.Close)
	plain := serve(t, http.NotFound)
	for _, url := range []string{untrusted.URL, strings.Replace(plain, "http:", "https:", 1)} {
		p := testenv.Start(t, "--upstream="+url)
		for _, path := range []string{"/v3/chat", "/v1/x"} {
			res, err := requestChat(t, p.Base+path)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(res.Body)
			_ = res.Body.Close() // it is read
			if res.StatusCode != http.StatusBadGateway || !strings.HasPrefix(string(body), `{"code":5021,`) {
				t.Errorf("%s: got %d %s", path, res.StatusCode, body)
			}
		}
	}
}

// An upstream that resets the connection within a reply causes one error. This test tries
// some positions over real connections; the tests of handler try all.
func TestUpstreamResets(t *testing.T) {
	whole := streamHeader + oneDelta + "event:conversation.chat.completed\ndata:{\"id\":\"2\"}\n\nevent:done\ndata:\"[DONE]\"\n\n"
	at := make(chan int, 1)
	url := rawUpstream(t, func(conn *net.TCPConn) {
		_, _ = io.WriteString(conn, whole[:<-at])
		reset(conn)
	})
	p := testenv.Start(t, "--upstream="+url, "--recovery-timeout=0", "--mode=raw")
	for n := 0; n < len(whole); n += 17 {
		at <- n
		res, err := requestChat(t, p.Base+"/v3/chat")
		if err != nil {
			t.Fatalf("after %d bytes: %v", n, err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close() // it is read
		want := map[bool]string{true: `"code":5021,`, false: `"code":5023,`}[n < len(streamHeader)]
		if err != nil || strings.Count(string(body), want)+strings.Count(string(body), "[DONE]") != 1 {
			t.Errorf("after %d bytes: got %d %s, %v", n, res.StatusCode, body, err)
		}
	}
}

// Malformed headers and trailers of the upstream are not logged.
func TestMalformedIsNotLogged(t *testing.T) {
	const streamOfChunks = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, answer := range []string{
		"data:MARKANSWER\n\n",
		"HTTP/1.1 MARKANSWER\r\n\r\n",
		"HTTP/1.1 200 OK\r\nMARKANSWER\r\n\r\n",
		"HTTP/1.1 200 OK\r\n MARKANSWER\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: MARKANSWER\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: MARKANSWER\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: MARKANSWER\r\n\r\n",
		streamOfChunks + "MARKANSWER\r\n",
		streamOfChunks + "0\r\nMARKANSWER\r\n\r\n",
	} {
		p := testenv.Start(t, "--upstream="+rawUpstream(t, say(answer)), "--bot-id=1", "--log-level=debug")
		res, err := requestChat(t, p.Base+"/v3/chat")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body) // the log reports its end
		res.Body.Close()
		testenv.Eventually(t, "the end is logged", func() bool { return strings.Contains(p.Log.String(), "request_id=") })
		if log := p.Log.String(); strings.Contains(log, "MARK") {
			t.Errorf("%q: log is %s", answer, log)
		}
	}
}

// Bytes that the upstream sends after its reply are not logged.
func TestUnsolicitedIsNotLogged(t *testing.T) {
	dropped := make(chan struct{})
	url := rawUpstream(t, func(conn *net.TCPConn) {
		say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}MARKANSWER")(conn)
		_, _ = io.Copy(io.Discard, conn) // until the program closes it
		close(dropped)
	})
	p := testenv.Start(t, "--upstream="+url, "--log-level=debug")
	res, err := requestChat(t, p.Base+"/v1/x")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "{}" {
		t.Errorf("got %q, %v", body, err)
	}
	testenv.Receive(t, "the connection is dropped", dropped)
	if log := p.Log.String(); strings.Contains(log, "MARK") {
		t.Errorf("log is %s", log)
	}
}
