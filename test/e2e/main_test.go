package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"sse-typewriter/internal/app"
	"sse-typewriter/internal/terminal"
)

// asMain makes the test binary the program itself, so that tests can start it as a
// process.
const asMain = "SSE_TYPEWRITER_AS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		err := app.Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)
		switch {
		case errors.Is(err, terminal.ErrInterrupted):
			os.Exit(130)
		case err != nil:
			fmt.Fprintln(os.Stderr, "sse-typewriter:", err)
			os.Exit(1)
		}
		return
	}
	if err := os.Chdir("../.."); err != nil { // documents and scripts are named from the root
		panic(err)
	}
	os.Exit(m.Run())
}

// patience bounds waits for things that must happen; how long they take is no
// test's business.
const patience = 20 * time.Second

// start serves within the test and returns the base URL.
func start(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := app.Run(ctx, append([]string{"--addr=127.0.0.1:0", "--drain-timeout=10ms"}, args...), in, io.Discard)
		in.CloseWithError(err)
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("server ended with: %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, out)
	return regexp.MustCompile(`http://[^. ]+[^ ]*[0-9]`).FindString(line)
}

// get reads the whole answer to a request.
func get(t *testing.T, method, url string, header ...string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	status, _, body = whole(t, http.DefaultClient.Do, req)
	return status, body
}

// whole does a request and reads all of its reply.
func whole(t *testing.T, do func(*http.Request) (*http.Response, error), req *http.Request) (status int, header http.Header, body string) {
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

func TestArticleCommands(t *testing.T) {
	base := start(t)
	const text = "你好，这是 Coze SSE"
	tests := []struct{ method, path, end string }{
		{"GET", "/upstream", "event:conversation.message.completed\ndata:{}\n\ndata: [DONE]\n\n"},
		{"POST", "/v3/chat?speed=100", "event:conversation.message.completed\ndata:{\"status\":\"completed\"}\n\ndata:[DONE]\n\n"},
		{"GET", "/v3/chat?speed=100", "\ndata:[DONE]\n\n"},
	}
	for _, test := range tests {
		status, body := get(t, test.method, base+test.path)
		if status != http.StatusOK || texts(body) != text || !strings.HasSuffix(body, test.end) {
			t.Errorf("%s %s: got %d %s", test.method, test.path, status, body)
		}
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	base := start(t)
	for _, test := range []struct {
		method, path string
		status       int
		msg          string
	}{
		{"GET", "/nothing", 404, `{"code":4200,"msg":"no such path: /nothing","detail":{"logid":"`},
		{"PUT", "/upstream", 405, `{"code":4000,"msg":"method PUT is not served at /upstream","detail":{"logid":"`},
	} {
		status, body := get(t, test.method, base+test.path)
		if status != test.status || !strings.HasPrefix(body, test.msg) || !strings.HasSuffix(body, `"}}`) {
			t.Errorf("%s %s: got %d %q", test.method, test.path, status, body)
		}
	}
}

// raw sends a request over a connection of its own and returns all that comes.
func raw(t *testing.T, base, request string) string {
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

func dial(t *testing.T, base string) *net.TCPConn {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// On the wire, no event spans chunks: an SDK that looks at each by itself (as that of
// WeChat does) finds whole events. Which events share one is tested in virtual time.
func TestChunksAreWholeEvents(t *testing.T) {
	answer := raw(t, start(t), "POST /v3/chat?max_lag=0&speed=10 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
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

// A client of HTTP/1.0 gets no chunks, and the end of the connection for an end.
func TestHTTP10(t *testing.T) {
	answer := raw(t, start(t), "POST /v3/chat?mode=raw HTTP/1.0\r\n\r\n")
	header, body, _ := strings.Cut(answer, "\r\n\r\n")
	if strings.Contains(header, "chunked") || !strings.Contains(header, "Connection: close") {
		t.Errorf("header is %q", header)
	}
	if !strings.HasPrefix(body, "event:") || !strings.HasSuffix(body, "data:[DONE]\n\n") {
		t.Errorf("body is %q", body)
	}
}

// A reply that is cut is not ended as if it were whole.
func TestCutReplyIsCut(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"code":`)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}))
	defer up.Close()
	answer := raw(t, start(t, "--upstream="+up.URL, "--bot-id=1"), "POST /v3/chat HTTP/1.1\r\nHost: x\r\n\r\n")
	if !strings.HasSuffix(answer, `{"code":`+"\r\n") {
		t.Errorf("got %q", answer)
	}
}

// Users share a server but nothing else: no cookie, no header.
func TestNoCrossTalk(t *testing.T) {
	seen := make(chan http.Header, 10)
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Clone()
		http.SetCookie(w, &http.Cookie{Name: "session", Value: r.Header.Get("Authorization")[7:]})
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "event:done\ndata:\"[DONE]\"\n\n")
	}))
	defer up.Close()
	base := start(t, "--upstream="+up.URL, "--bot-id=1")
	for _, user := range []string{"a", "b", "c"} {
		get(t, "POST", base+"/v3/chat", "Authorization", "Bearer "+user, "X-User", user)
		header := <-seen
		if header.Get("Authorization") != "Bearer "+user || header.Get("X-User") != user || header.Get("Cookie") != "" {
			t.Errorf("user %s: upstream got %v", user, header)
		}
	}
}

// command starts the program as a process.
func command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asMain+"=1")
	return cmd
}

// serving starts the program by its command and returns the base URL at which it serves.
func serving(t *testing.T, cmd *exec.Cmd) (base string) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`http://127[0-9.:]+[0-9]`).FindString(line)
}

// What cannot work is one clear line and exit code 1.
func TestStartErrors(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	closed := httptest.NewServer(nil)
	closed.Close()
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"used port", []string{"--addr", taken.Addr().String()}, "another program uses that port"},
		{"no port", []string{"--addr", "localhost"}, `--addr "localhost": want host:port`},
		{"unknown flag", []string{"--nothing"}, "unknown flag --nothing"},
		{"bad value", []string{"--max-lag", "3"}, "--max-lag"},
		{"bad mode", []string{"--mode", "fast"}, `--mode "fast": want typewriter, smooth or raw`},
		{"unreachable upstream", []string{"--addr=127.0.0.1:0", "--upstream", closed.URL}, "cannot reach upstream " + closed.URL},
		{"unknown upstream", []string{"--addr=127.0.0.1:0", "--upstream", "http://nowhere.invalid"}, "cannot reach upstream http://nowhere.invalid"},
		{"upstream is no URL", []string{"--upstream", "api.coze.com"}, `--upstream "api.coze.com": want a URL`},
		{"unreachable store", []string{"--addr=127.0.0.1:0", "--store", "redis://u:PASSWORD@" + strings.TrimPrefix(closed.URL, "http://")}, "--store: cannot use Redis at " + strings.TrimPrefix(closed.URL, "http://")},
		{"bad store", []string{"--addr=127.0.0.1:0", "--store", "redis://u:PASSWORD@h:1/x y"}, "--store: cannot read the Redis URL"},
		{"missing file", []string{"--config", "/nowhere.yaml"}, "/nowhere.yaml"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stderr bytes.Buffer
			cmd := command(t.Context(), test.args...)
			cmd.Stderr = &stderr
			err := cmd.Run()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("ended with %v", err)
			}
			if got := stderr.String(); strings.Contains(got, "PASSWORD") || !strings.HasPrefix(got, "sse-typewriter: ") || strings.Count(got, "\n") != 1 || !strings.Contains(got, test.want) {
				t.Errorf("said %q, want one line with %q", got, test.want)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	var out bytes.Buffer
	if err := app.Run(t.Context(), []string{"--version"}, &out, io.Discard); err != nil || out.String() != app.Version()+"\n" || out.Len() < 2 {
		t.Errorf("printed %q, error %v", out.String(), err)
	}
}

// The first log line tells of the stand-in, the address is printed with commands to
// try, and SIGTERM ends the process with exit code 0.
func TestProcess(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := command(ctx, "--addr=127.0.0.1:0")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	log := bufio.NewReader(stderr)
	line, err := log.ReadString('\n')
	if err != nil || !strings.Contains(line, "built-in mock at http://127.0.0.1:") {
		t.Errorf("first line of the log: %q, %v", line, err)
	}
	base := regexp.MustCompile(`http://127[0-9.:]+`).FindString(line)
	if _, body := get(t, "POST", base+"/v3/chat?mode=raw"); !strings.Contains(body, "[DONE]") {
		t.Errorf("got %q", body)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(log)
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v: %s", err, rest)
	}
	if !strings.Contains(stdout.String(), base) || strings.Count(stdout.String(), "curl -N") != 2 {
		t.Errorf("printed %q", stdout.String())
	}
}

// Tokens and content are in no log, whatever happens.
func TestSecretsAreNotLogged(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Break") != "" {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "event:conversation.message.delta\ndata:{\"id\":\"1\",\"content\":\"CONTENT\"}\n\n")
	}))
	defer up.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := command(ctx, "--addr=127.0.0.1:0", "--log-level=debug", "--bot-id=1", "--upstream", up.URL)
	cmd.Env = append(cmd.Env, "TYPEWRITER_UPSTREAM_TOKEN=SERVERTOKEN")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	base := serving(t, cmd)
	for _, path := range []string{"/v3/chat?message=CONTENT", "/v1/bot/x?a=CONTENT", "/v1/../CONTENT"} {
		for _, header := range [][]string{{"Authorization", "Bearer CLIENTTOKEN"}, {"X-Break", "1"}, nil} {
			_, body := get(t, "GET", base+path, header...)
			if strings.Contains(body, "TOKEN") || strings.Contains(body, up.URL) {
				t.Errorf("%s: client got %q", path, body)
			}
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if log := stderr.String(); !strings.Contains(log, "outcome=cut") || strings.Contains(log, "TOKEN") || strings.Contains(log, "CONTENT") {
		t.Errorf("log is %s", log)
	}
}
