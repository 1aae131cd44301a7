package e2e

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"

	"github.com/creack/pty"
	"github.com/tidwall/gjson"
)

// plainPoem returns the stand-in's answer to a question for a poem.
func plainPoem(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../mock/texts/poem.md")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(text), "\n")
}

// terminalClient is a process that runs the command "chat".
type terminalClient struct {
	*exec.Cmd
	out    io.ReadCloser
	stderr bytes.Buffer
}

// startTerminal starts a client.
func startTerminal(t *testing.T, base string, args ...string) *terminalClient {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	t.Cleanup(cancel)
	a := &terminalClient{Cmd: testenv.Command(ctx, t, append([]string{"chat", "--url=" + base}, args...)...)}
	a.Stderr = &a.stderr
	var err error
	if a.out, err = a.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	return a
}

// wait returns the rest of the client's output and its exit code.
func (a *terminalClient) wait(t *testing.T) (string, int) {
	t.Helper()
	out, err := io.ReadAll(a.out)
	if err != nil && !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	_ = a.Wait() // the exit code reports the error
	return string(out), a.ProcessState.ExitCode()
}

// Without a terminal the client prints the answer and nothing else.
func TestChatCommand(t *testing.T) {
	t.Parallel()
	base := testenv.Start(t).Base
	for _, test := range []struct {
		name string
		args []string
		in   string
		want string // empty: the poem
	}{
		{"poem", []string{"写一首关于秋天的诗", "--speed=100"}, "", ""},
		{"words", []string{"--mode=raw", "a", "poem"}, "", ""},
		{"with reasoning", []string{"--mode=raw", "/reasoning"}, "", ""},
		{"piped in", []string{"--mode=raw"}, "/reasoning 诗\n", ""},
		{"words and a pipe", []string{"--mode=raw", "/reasoning"}, "诗\n", ""},
		{"long", []string{"--mode=raw", "a poem:"}, strings.Repeat("long ", 100_000), ""},
		{"long, with a bot", []string{"--mode=raw", "--bot-id=1", "-"}, "a poem " + strings.Repeat("long ", 100_000), ""},
		{"bare article", []string{"--mode=raw", "你好，请介绍一下 Coze SSE"}, "", "你好，这是 Coze SSE\n"},
		{"cut upstream", []string{"--mode=raw", "/cut"}, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cmd := testenv.Command(t.Context(), t, append([]string{"chat", "--url", base}, test.args...)...)
			cmd.Stdin = strings.NewReader(test.in)
			out, failed, code := testenv.Run(t, cmd)
			want := test.want
			if want == "" {
				want = plainPoem(t) + "\n"
			}
			if out != want || code != 0 || failed != "" {
				t.Errorf("printed %q and %q, exit code %d; want %q", out, failed, code, want)
			}
		})
	}
}

// A failed chat prints one line with the error and exits with code 1.
func TestChatCommandFails(t *testing.T) {
	t.Parallel()
	base := testenv.Start(t).Base
	closed := unreachable()
	closedToAll := testenv.Start(t, "--api-keys=0123456789abcdef").Base
	for _, test := range []struct {
		name string
		args []string
		out  string
		want string
	}{
		{"refused by the upstream", []string{"--url", base, "/error-json"}, "", "you have no permission for this bot (code 4101, logid "},
		{"refused by the server", []string{"--url", base, "--speed=1000", "hi"}, "", "speed 1000 is out of bounds: want 0.1 to 100 (code 4000, logid "},
		{"fails in mid-stream", []string{"--url", base, "--mode=raw", "/failed"}, "《秋声》", "(code 5000, logid "},
		{"unreachable", []string{"--url", closed, "hi"}, "", "cannot reach " + closed + " ("},
		{"without a key", []string{"--url", closedToAll, "hi"}, "", "): set TYPEWRITER_TOKEN to a key of the server"},
		{"nothing to continue", []string{"--url", base, "--continue", "hi"}, "", "no conversation with " + base + " to continue"},
		{"empty message", []string{"--url", base}, "", "the message is empty"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			out, got, code := testenv.Run(t, testenv.Command(t.Context(), t, append([]string{"chat"}, test.args...)...))
			if code != 1 {
				t.Errorf("exit code is %d", code)
			}
			if !strings.HasPrefix(got, "sse-typewriter: ") || !strings.Contains(got, test.want) || strings.Count(got, "\n") != 1 {
				t.Errorf("printed %q, want one line with %q", got, test.want)
			}
			if !strings.HasPrefix(out, test.out) || test.out == "" && len(out) > 0 {
				t.Errorf("printed %q, want %q", out, test.out)
			}
		})
	}
}

// startWithCancels starts a stand-in and a server in front of it. It returns the base
// URLs of both and the bodies of the requests that cancel a chat.
func startWithCancels(t *testing.T) (base string, cancels chan string, standIn string) {
	t.Helper()
	standIn = testenv.Start(t).Base + "/upstream"
	target, err := url.Parse(standIn)
	if err != nil {
		t.Fatal(err)
	}
	cancels = make(chan string, 1)
	// The end of another test closes idle connections of the default transport.
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: &http.Transport{}}
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v3/chat/cancel" {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			defer func() { cancels <- string(body) }()
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(up.Close)
	return testenv.Start(t, "--upstream="+up.URL).Base, cancels, standIn
}

// checkCanceled waits for the request that cancels the chat and checks its status at the
// stand-in.
func checkCanceled(t *testing.T, cancels chan string, standIn string) {
	t.Helper()
	body := testenv.Receive(t, "the chat is canceled", cancels)
	query := "?chat_id=" + gjson.Get(body, "chat_id").Str + "&conversation_id=" + gjson.Get(body, "conversation_id").Str
	if _, answer := send(t, "GET", standIn+"/v3/chat/retrieve"+query); gjson.Get(answer, "data.status").Str != "canceled" {
		t.Errorf("the chat is %s", answer)
	}
}

// A signal to the client, or the end of the process that reads its output, cancels the
// chat upstream.
func TestChatCommandStops(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		stop func(*terminalClient) error
		code int
	}{
		{"SIGINT", func(a *terminalClient) error { return a.Process.Signal(os.Interrupt) }, 130},
		{"SIGTERM", func(a *terminalClient) error { return a.Process.Signal(syscall.SIGTERM) }, 130},
		{"SIGHUP", func(a *terminalClient) error { return a.Process.Signal(syscall.SIGHUP) }, 130},
		{"broken pipe", func(a *terminalClient) error { return a.out.Close() }, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			base, cancels, standIn := startWithCancels(t)
			a := startTerminal(t, base, "/slow 诗")
			begin := make([]byte, len("《秋"))
			if _, err := io.ReadFull(a.out, begin); err != nil || string(begin) != "《秋" {
				_, code := a.wait(t)
				t.Fatalf("printed %q, %v; ended with %d and %q", begin, err, code, a.stderr.String())
			}
			if err := test.stop(a); err != nil {
				t.Fatal(err)
			}
			rest, code := a.wait(t)
			if code != test.code || a.stderr.Len() > 0 {
				t.Errorf("ended with %d and %q", code, a.stderr.String())
			}
			if test.code != 0 && !strings.HasSuffix(string(begin)+rest, "\n") {
				t.Errorf("%q does not end with a newline", rest)
			}
			checkCanceled(t, cancels, standIn)
		})
	}
}

// A second signal ends the client immediately, also if the server does not answer.
func TestChatCommandSecondSignal(t *testing.T) {
	t.Parallel()
	stopping := make(chan bool, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			stopping <- true
		} else {
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Typewriter-Stream", "x")
			_, _ = io.WriteString(w, "event:conversation.message.delta\ndata:{\"content\":\"a\"}\n\n")
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	}))
	defer server.Close()
	a := startTerminal(t, server.URL, "hi")
	if _, err := io.ReadFull(a.out, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := a.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-stopping
	ended := make(chan bool)
	go func() {
		defer close(ended)
		a.wait(t)
	}()
	for running := true; running; { // signals in quick succession may be merged
		_ = a.Process.Signal(os.Interrupt) // fails once it has ended
		select {
		case <-ended:
			running = false
		case <-time.After(20 * time.Millisecond):
		}
	}
	if status, ok := a.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("ended with %v", a.ProcessState)
	}
}

// startCuttingProxy starts a TCP proxy that cuts its first connections after the given
// numbers of bytes. It returns its base URL and its count of connections.
func startCuttingProxy(t *testing.T, base string, cuts ...int64) (string, *atomic.Int32) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	count := &atomic.Int32{}
	ended := make(chan bool)
	go func() { // ends with the listener
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			limit := int64(1 << 30)
			if n := int(count.Add(1)); n <= len(cuts) {
				limit = cuts[n-1]
			}
			server := dial(t, base)
			go func() { // ends when either is closed
				_, _ = io.Copy(server, conn)
				_ = server.CloseWrite()
			}()
			_, _ = io.CopyN(conn, server, limit)
			_ = conn.Close()
			_ = server.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
	return "http://" + listener.Addr().String(), count
}

// The answer is complete however often the connection breaks.
func TestChatCommandReconnects(t *testing.T) {
	t.Parallel()
	base := testenv.Start(t).Base
	cuts := []int64{900, 500, 900, 1000, 1100, 903, 1001, 502, 0, 1200}
	proxy, count := startCuttingProxy(t, base, cuts...)
	a := startTerminal(t, proxy, "--speed=20", "写一首关于秋天的诗")
	got, code := a.wait(t)
	if want := plainPoem(t) + "\n"; got != want || code != 0 || a.stderr.Len() > 0 {
		t.Errorf("printed %q, ended with %d and %q, want %q", got, code, a.stderr.String(), want)
	}
	if n := int(count.Load()); n <= len(cuts) {
		t.Errorf("%d connections, want more than %d", n, len(cuts))
	}
}

var conversationID = regexp.MustCompile(`conversation \d+`)

// runOnTerminal runs a client on a pseudo-terminal and returns its output, without the
// random id of the conversation.
func runOnTerminal(t *testing.T, base string, env []string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	cmd := testenv.Command(ctx, t, append([]string{"chat", "--url=" + base, "--mode=raw"}, args...)...)
	cmd.Env = append(append(cmd.Env, "TERM=xterm", "NO_COLOR="), env...)
	terminal, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	out, err := io.ReadAll(terminal)
	if err != nil && !errors.Is(err, syscall.EIO) { // the end of a terminal on Linux
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code does not matter
	return conversationID.ReplaceAllString(strings.ReplaceAll(string(out), "\r\n", "\n"), "conversation ID")
}

// On a terminal the client also prints reasoning and follow-up questions, dimmed.
func TestChatCommandOnTerminal(t *testing.T) {
	t.Parallel()
	const on, off = "\x1b[2m", "\x1b[22m"
	base := testenv.Start(t).Base
	runs := []struct {
		env     []string
		message string
		out     string
	}{
		{nil, "/reasoning", ""},
		{[]string{"NO_COLOR=1"}, "/reasoning", ""},
		{[]string{"TERM=dumb"}, "/reasoning", ""},
		{nil, "", ""},
	}
	var all sync.WaitGroup
	for i := range runs {
		all.Go(func() { runs[i].out = runOnTerminal(t, base, runs[i].env, runs[i].message) })
	}
	all.Wait()
	got := runs[0].out
	plain := strings.NewReplacer(off+on, "", on, "", off, "").Replace(got)
	thought, rest, _ := strings.Cut(got, plainPoem(t))
	if !strings.HasPrefix(thought, on) || !strings.HasSuffix(thought, off+"\n\n") || !strings.Contains(plain, "画面感🤔。\n\n《秋声》") {
		t.Errorf("the reasoning is %q", thought)
	}
	if want := "\n\n" + on + "→ 能再详细一点吗？\n"; !strings.HasPrefix(rest, want) || !strings.HasSuffix(rest, off) {
		t.Errorf("after the answer got %q, want %q", rest, want)
	}
	for _, run := range runs[1:3] {
		if run.out != plain {
			t.Errorf("with %v got %q, want %q", run.env, run.out, plain)
		}
	}
	if got := runs[3].out; !strings.Contains(got, "no message") {
		t.Errorf("without a message got %q", got)
	}
}

// Control characters in answers and errors do not reach the terminal.
func TestChatCommandStripsControls(t *testing.T) {
	t.Parallel()
	const evil = `a\u001b]0;owned\u0007\u001b[2J\u001b]52;c;AAAA\u001b\\\u009b31m\rb\bc\u007f`
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.RawQuery, "conversation_id=refuse") {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"code":1,"msg":"`+evil+`"}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for _, field := range []string{"content", "reasoning_content"} {
			_, _ = io.WriteString(w, "event:conversation.message.delta\ndata:{\"id\":\"1\",\"type\":\"answer\",\""+field+"\":\""+evil+"\"}\n\n")
		}
		_, _ = io.WriteString(w, "event:conversation.message.completed\ndata:{\"id\":\"2\",\"type\":\"follow_up\",\"content\":\""+evil+"\"}\n\n")
		_, _ = io.WriteString(w, "event:done\ndata:\"[DONE]\"\n\n")
	}))
	defer up.Close()
	base := testenv.Start(t, "--upstream="+up.URL).Base
	for _, args := range [][]string{{"hi"}, {"--conversation-id=refuse", "hi"}} {
		got := runOnTerminal(t, base, []string{"NO_COLOR=1"}, args...)
		if !strings.Contains(got, "a]0;owned") || strings.ContainsAny(got, "\x1b\x07\x08\x7f\r\u009b") {
			t.Errorf("%v: the terminal got %q", args, got)
		}
	}
}
