package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"

	"sse-typewriter/internal/testenv"

	"github.com/creack/pty"
	"github.com/tidwall/gjson"
	"golang.org/x/term"
)

// talker is a Coze service that repeats each question, except "slow", which it answers
// until the chat is canceled, and "fail".
type talker struct {
	*httptest.Server
	canceled chan bool

	mu    sync.Mutex
	asked []string // conversation id and question
}

func startTalker(t *testing.T) *talker {
	u := &talker{canceled: make(chan bool, 1)}
	u.Server = httptest.NewServer(u)
	t.Cleanup(u.Close)
	return u
}

// ServeHTTP implements [http.Handler].
func (u *talker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.URL.Path == "/v3/chat/cancel" {
		u.canceled <- true
		_, _ = io.WriteString(w, `{"code":0,"data":{"status":"canceled"}}`)
		return
	}
	question := gjson.GetBytes(body, "additional_messages.0.content").Str
	u.mu.Lock()
	u.asked = append(u.asked, r.URL.Query().Get("conversation_id")+":"+question)
	u.mu.Unlock()
	if question == "fail" {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"code":4100,"msg":"no such token"}`)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = fmt.Fprintf(w, "event:conversation.chat.created\ndata:{\"id\":\"1\",\"conversation_id\":\"77\"}\n\n"+
		"event:conversation.message.delta\ndata:{\"id\":\"2\",\"conversation_id\":\"77\",\"chat_id\":\"1\",\"type\":\"answer\",\"content\":%q}\n\n", "heard "+question)
	w.(http.Flusher).Flush()
	if question == "slow" {
		<-r.Context().Done()
		return
	}
	_, _ = io.WriteString(w, "event:conversation.chat.completed\ndata:{\"id\":\"1\",\"conversation_id\":\"77\",\"status\":\"completed\"}\n\nevent:done\ndata:\"[DONE]\"\n\n")
}

// questions returns the conversation ids and questions so far.
func (u *talker) questions() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]string(nil), u.asked...)
}

// console is a conversation at a pseudo-terminal.
type console struct {
	*exec.Cmd
	t      *testing.T
	tty    *os.File
	screen testenv.Output
	before *term.State // of the terminal
	ended  chan bool
	seen   int // bytes of the screen that were awaited
}

// startConsole starts a client with a home folder.
func startConsole(t *testing.T, base, home string, args ...string) *console {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	t.Cleanup(cancel)
	c := &console{Cmd: testenv.Command(ctx, t, append([]string{"chat", "--url=" + base, "--mode=raw"}, args...)...), t: t, ended: make(chan bool)}
	c.Env = append(c.Env, "TERM=xterm", "NO_COLOR=1", "HOME="+home)
	tty, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	defer slave.Close() // the process has it
	c.tty = tty
	if c.before, err = term.GetState(int(tty.Fd())); err != nil {
		t.Fatal(err)
	}
	c.Stdin, c.Stdout, c.Stderr = slave, slave, slave
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process
		defer close(c.ended)
		for buf := make([]byte, 4096); ; {
			n, err := tty.Read(buf)
			if err != nil {
				return
			}
			_, _ = c.screen.Write(buf[:n])                    // never fails
			if strings.Contains(string(buf[:n]), "\x1b[6n") { // where is the cursor?
				_, _ = io.WriteString(tty, "\x1b[1;1R") // the client notices a failure
			}
		}
	}()
	return c
}

// keys types keys.
func (c *console) keys(keys string) {
	c.t.Helper()
	if _, err := io.WriteString(c.tty, keys); err != nil {
		c.t.Fatal(err)
	}
}

// await waits until the terminal shows the text after everything awaited before.
func (c *console) await(text string) {
	c.t.Helper()
	testenv.Eventually(c.t, fmt.Sprintf("the terminal shows %q", text), func() bool {
		i := strings.Index(c.screen.String()[c.seen:], text)
		if i < 0 {
			return false
		}
		c.seen += i + len(text)
		return true
	})
}

// end waits for the end of the process, and checks that the terminal is as before.
func (c *console) end(want int) {
	c.t.Helper()
	_ = c.Wait() // the exit code reports the error
	if code := c.ProcessState.ExitCode(); code != want {
		c.t.Errorf("ended with %d, want %d; the terminal shows %q", code, want, c.screen.String())
	}
	if after, err := term.GetState(int(c.tty.Fd())); err == nil && !reflect.DeepEqual(after, c.before) {
		c.t.Errorf("the terminal is left as %+v, want %+v", after, c.before)
	}
}

const ctrlC, ctrlD, up = "\x03", "\x04", "\x1b[A"

// Without a message, the terminal has a conversation, which --continue continues.
func TestConverse(t *testing.T) {
	t.Parallel()
	u := startTalker(t)
	base := testenv.Start(t, "--upstream="+u.URL).Base
	home := t.TempDir()
	c := startConsole(t, base, home)
	for _, turn := range []struct{ keys, answer string }{
		{"one\r", "heard one"},
		{"two\\\rthree\r", "heard two\r\nthree"},
		{up + "!\r", "heard three!"},
		{"\x1b[200~pasted\rlines\r\x1b[201~\r", "heard pasted\r\nlines"},
		{"你好世界\x7f\x7f\r", "heard 你好"},
		{"fail\r", "no such token (code 4100): set TYPEWRITER_TOKEN"},
	} {
		c.await("> ")
		c.keys(turn.keys)
		c.await(turn.answer)
	}
	c.await("> ")
	c.keys("slow\r")
	c.await("heard slow")
	c.keys(ctrlC)
	testenv.Receive(t, "the chat is canceled", u.canceled)
	c.await("> ")
	c.keys("after\r")
	c.await("heard after")
	c.await("> ")
	c.keys("half" + ctrlC)
	c.await("Ctrl-C again")
	c.await("> ")
	c.keys(ctrlC)
	c.await("conversation 77, to be continued with --continue")
	c.end(0)

	again := startConsole(t, base, home, "--continue", "again")
	again.await("heard again")
	again.end(0)
	want := []string{":one", "77:two\nthree", "77:three!", "77:pasted\nlines", "77:你好", "77:fail", "77:slow", "77:after", "77:again"}
	if got := u.questions(); !reflect.DeepEqual(got, want) {
		t.Errorf("the service got %q, want %q", got, want)
	}
}

// A conversation ends by Ctrl-D, by Ctrl-C twice during an answer, and by a signal. The
// terminal is then as before.
func TestConverseEnds(t *testing.T) {
	t.Parallel()
	u := startTalker(t)
	base := testenv.Start(t, "--upstream="+u.URL).Base
	for _, test := range []struct {
		name string
		end  func(*console)
		code int
	}{
		{"Ctrl-D", func(c *console) { c.keys(ctrlD) }, 0},
		{"Ctrl-C twice", func(c *console) {
			c.keys("slow\r")
			c.await("heard slow")
			c.keys(ctrlC)
			testenv.Receive(t, "the chat is canceled", u.canceled)
			c.await("> ")
			c.keys(ctrlC)
		}, 0},
		{"SIGTERM at the prompt", func(c *console) {
			c.keys("h")
			c.await("h")
			_ = c.Process.Signal(syscall.SIGTERM) // it runs
		}, 130},
		{"SIGHUP in an answer", func(c *console) {
			c.keys("slow\r")
			c.await("heard slow")
			_ = c.Process.Signal(syscall.SIGHUP) // it runs
			testenv.Receive(t, "the chat is canceled", u.canceled)
		}, 130},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := startConsole(t, base, t.TempDir())
			c.await("> ")
			test.end(c)
			c.end(test.code)
		})
	}
	if got := u.questions(); len(got) != 2 {
		t.Errorf("the service got %q", got)
	}
}
