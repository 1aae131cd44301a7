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
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// plainPoem is what the stand-in writes when it is asked for a poem.
func plainPoem(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("mock/texts/poem.md")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(text), "\n")
}

// asked is a client's process.
type asked struct {
	*exec.Cmd
	out    io.ReadCloser
	stderr bytes.Buffer
}

// ask starts a client.
func ask(t *testing.T, base string, args ...string) *asked {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	a := &asked{Cmd: command(ctx, append([]string{"chat", "--url=" + base}, args...)...)}
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

// ends returns what else the client prints, and its exit code.
func (a *asked) ends(t *testing.T) (string, int) {
	t.Helper()
	out, err := io.ReadAll(a.out)
	if err != nil && !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	_ = a.Wait() // the state tells
	return string(out), a.ProcessState.ExitCode()
}

// Without a terminal, what is printed is the answer and nothing else.
func TestChat(t *testing.T) {
	base := start(t)
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
		{"long, of a bot", []string{"--mode=raw", "--bot-id=1", "-"}, "a poem " + strings.Repeat("long ", 100_000), ""},
		{"bare article", []string{"--mode=raw", "你好，请介绍一下 Coze SSE"}, "", "你好，这是 Coze SSE\n"},
		{"cut upstream", []string{"--mode=raw", "/cut"}, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := command(ctx, append([]string{"chat", "--url", base}, test.args...)...)
			cmd.Stdin = strings.NewReader(test.in)
			out, err := cmd.Output()
			want := test.want
			if want == "" {
				want = plainPoem(t) + "\n"
			}
			if err != nil || string(out) != want {
				t.Errorf("printed %q, %v; want %q", out, err, want)
			}
		})
	}
}

func TestChatFails(t *testing.T) {
	base := start(t)
	closed := httptest.NewServer(nil)
	closed.Close()
	for _, test := range []struct {
		name string
		args []string
		out  string
		want string
	}{
		{"refused", []string{"--url", base, "/error-json"}, "", "you have no permission for this bot (code 4101, logid "},
		{"refused by us", []string{"--url", base, "--speed=1000", "hi"}, "", "speed 1000 is out of bounds: want 0.1 to 100 (code 4000, logid "},
		{"fails in the middle", []string{"--url", base, "--mode=raw", "/failed"}, "《秋声》", "(code 5000, logid "},
		{"nobody there", []string{"--url", closed.URL, "hi"}, "", "cannot reach " + closed.URL + " ("},
		{"nothing asked", []string{"--url", base}, "", "the message is empty"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := command(ctx, append([]string{"chat"}, test.args...)...)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("ended with %v", err)
			}
			if got := stderr.String(); !strings.HasPrefix(got, "sse-typewriter: ") || !strings.Contains(got, test.want) || strings.Count(got, "\n") != 1 {
				t.Errorf("said %q, want one line with %q", got, test.want)
			}
			if !strings.HasPrefix(string(out), test.out) || test.out == "" && len(out) > 0 {
				t.Errorf("printed %q, want %q", out, test.out)
			}
		})
	}
}

// watched serves in front of a stand-in elsewhere and returns the base URL. What cancels
// a chat there is handed on.
func watched(t *testing.T) (base string, cancels chan string, standIn string) {
	t.Helper()
	standIn = start(t) + "/upstream"
	target, err := url.Parse(standIn)
	if err != nil {
		t.Fatal(err)
	}
	cancels = make(chan string, 1)
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v3/chat/cancel" {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			defer func() { cancels <- string(body) }()
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(up.Close)
	return start(t, "--upstream="+up.URL, "--bot-id=1"), cancels, standIn
}

// checkCanceled waits until the chat has been canceled and asks the stand-in whether it
// is.
func checkCanceled(t *testing.T, cancels chan string, standIn string) {
	t.Helper()
	select {
	case body := <-cancels:
		_, chatID, _ := strings.Cut(body, `"chat_id":"`)
		_, conversationID, _ := strings.Cut(body, `"conversation_id":"`)
		query := "?chat_id=" + chatID[:strings.Index(chatID, `"`)] + "&conversation_id=" + conversationID[:strings.Index(conversationID, `"`)]
		if _, answer := get(t, "GET", standIn+"/v3/chat/retrieve"+query); !strings.Contains(answer, `"status":"canceled"`) {
			t.Errorf("the chat is %s", answer)
		}
	case <-time.After(patience):
		t.Error("the chat was not canceled")
	}
}

// Whoever ends the client, or reads no more of it, ends the chat upstream.
func TestChatStops(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(*asked) error
		code int
	}{
		{"SIGINT", func(a *asked) error { return a.Process.Signal(os.Interrupt) }, 130},
		{"SIGTERM", func(a *asked) error { return a.Process.Signal(syscall.SIGTERM) }, 130},
		{"SIGHUP", func(a *asked) error { return a.Process.Signal(syscall.SIGHUP) }, 130},
		{"broken pipe", func(a *asked) error { return a.out.Close() }, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			base, cancels, standIn := watched(t)
			a := ask(t, base, "/slow 诗")
			begin := make([]byte, len("《秋"))
			if _, err := io.ReadFull(a.out, begin); err != nil || string(begin) != "《秋" {
				_, code := a.ends(t)
				t.Fatalf("printed %q, %v; ended with %d and %q", begin, err, code, a.stderr.String())
			}
			if err := test.end(a); err != nil {
				t.Fatal(err)
			}
			rest, code := a.ends(t)
			if code != test.code || a.stderr.Len() > 0 {
				t.Errorf("ended with %d and %q", code, a.stderr.String())
			}
			if test.code != 0 && !strings.HasSuffix(string(begin)+rest, "\n") {
				t.Errorf("the last line of %q is not ended", rest)
			}
			checkCanceled(t, cancels, standIn)
		})
	}
}

// A second signal ends the client at once, also when the server does not answer.
func TestChatSecondSignal(t *testing.T) {
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
	a := ask(t, server.URL, "hi")
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
		a.ends(t)
	}()
	for over := false; !over; { // it may take the first moments for the same signal
		_ = a.Process.Signal(os.Interrupt) // fails once it has ended
		select {
		case <-ended:
			over = true
		case <-time.After(20 * time.Millisecond):
		}
	}
	if status, ok := a.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("ended with %v", a.ProcessState)
	}
}

// cutting is a way to a server whose first connections break after some bytes. It
// returns its base URL and how many came.
func cutting(t *testing.T, base string, cuts ...int64) (string, *atomic.Int32) {
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

// However often the connection breaks, the answer is whole.
func TestChatGoesOn(t *testing.T) {
	base := start(t)
	cuts := []int64{900, 500, 900, 1000, 1100, 903, 1001, 502, 0, 1200}
	way, count := cutting(t, base, cuts...)
	a := ask(t, way, "--speed=20", "写一首关于秋天的诗")
	got, code := a.ends(t)
	if want := plainPoem(t) + "\n"; got != want || code != 0 || a.stderr.Len() > 0 {
		t.Errorf("printed %q, ended with %d and %q, want %q", got, code, a.stderr.String(), want)
	}
	if n := int(count.Load()); n <= len(cuts) {
		t.Errorf("%d connections, want more than %d", n, len(cuts))
	}
}

// onTerminal runs a client on a terminal and returns what that gets.
func onTerminal(t *testing.T, base string, env []string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := command(ctx, append([]string{"chat", "--url=" + base, "--mode=raw"}, args...)...)
	cmd.Env = append(append(cmd.Env, "TERM=xterm", "NO_COLOR="), env...)
	terminal, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	out, err := io.ReadAll(terminal)
	if err != nil && !errors.Is(err, syscall.EIO) { // how Linux tells the end of a terminal
		t.Fatal(err)
	}
	_ = cmd.Wait() // its code is not of interest
	return strings.ReplaceAll(string(out), "\r\n", "\n")
}

// On a terminal, reasoning and follow-up questions are shown and dimmed.
func TestChatOnTerminal(t *testing.T) {
	const on, off = "\x1b[2m", "\x1b[22m"
	base := start(t)
	got := onTerminal(t, base, nil, "/reasoning")
	plain := strings.NewReplacer(off+on, "", on, "", off, "").Replace(got)
	thought, rest, _ := strings.Cut(got, plainPoem(t))
	if !strings.HasPrefix(thought, on) || !strings.HasSuffix(thought, off+"\n\n") || !strings.Contains(plain, "画面感🤔。\n\n《秋声》") {
		t.Errorf("the reasoning is %q", thought)
	}
	if want := "\n\n" + on + "→ 能再详细一点吗？\n"; !strings.HasPrefix(rest, want) || !strings.HasSuffix(rest, off) {
		t.Errorf("after the answer comes %q, want %q", rest, want)
	}
	for _, env := range []string{"NO_COLOR=1", "TERM=dumb"} {
		if got := onTerminal(t, base, []string{env}, "/reasoning"); got != plain {
			t.Errorf("with %s got %q, want %q", env, got, plain)
		}
	}
	if got := onTerminal(t, base, nil, ""); !strings.Contains(got, "no message") {
		t.Errorf("asked nothing, got %q", got)
	}
}

// What a model says does nothing to the terminal, nor does what an error says.
func TestChatIsHarmless(t *testing.T) {
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
	base := start(t, "--upstream="+up.URL, "--bot-id=1")
	for _, args := range [][]string{{"hi"}, {"--conversation-id=refuse", "hi"}} {
		got := onTerminal(t, base, []string{"NO_COLOR=1"}, args...)
		if !strings.Contains(got, "a]0;owned") || strings.ContainsAny(got, "\x1b\x07\x08\x7f\r\u009b") {
			t.Errorf("%v: the terminal gets %q", args, got)
		}
	}
}
