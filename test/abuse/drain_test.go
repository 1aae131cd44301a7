package abuse

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
)

// After SIGTERM the program reports that it is not ready, finishes the open streams and
// exits after the last one, before the drain timeout. Idle connections do not delay it.
func TestShutdown(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{})
	up := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, oneDelta)
		w.(http.Flusher).Flush()
		<-goOn
		_, _ = io.WriteString(w, oneDelta+"event:done\ndata:\"[DONE]\"\n\n")
	})
	p := testenv.Start(t, "--upstream="+up, "--drain-timeout=10m")
	v := &target{Program: p, t: t}
	idle := v.send("GET /web/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
	defer idle.Close()
	stream := v.chat("")
	defer stream.Close()
	p.Signal(syscall.SIGTERM)
	testenv.Eventually(t, "the program is not ready", func() bool {
		answer := v.answer("GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		return strings.HasPrefix(answer, "HTTP/1.1 503")
	})
	late := v.answer("POST /v3/chat HTTP/1.1\r\nHost: localhost\r\n\r\n") // the reply closes the connection
	if !strings.HasPrefix(late, "HTTP/1.1 503") || !strings.Contains(late, "Retry-After: 1") || !strings.Contains(late, `{"code":5032,`) {
		t.Errorf("a new stream: %q", late)
	}
	close(goOn)
	if rest, err := io.ReadAll(stream); err != nil || !strings.HasSuffix(string(rest), "0\r\n\r\n") || !strings.Contains(string(rest), "[DONE]") {
		t.Errorf("the stream: %v %q", err, rest)
	}
	if err := p.Cmd.Wait(); err != nil {
		t.Errorf("the program ended with %v: %s", err, p.Log.String())
	}
}

// At the drain timeout the text that has arrived is sent and the stream ended, complete on
// the wire. A client that does not read delays the exit for moments only.
func TestDrainTimeout(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	p := testenv.Start(t, "--upstream="+up.URL, "--drain-timeout=200ms", "--write-timeout=10m")
	v := &target{Program: p, t: t}
	unread := v.send("POST /v3/chat?mode=raw HTTP/1.1\r\nHost: localhost\r\nX-Ask: flood\r\n\r\n")
	defer unread.Close()
	stream := v.chat("silence")
	defer stream.Close()
	p.Signal(syscall.SIGTERM)
	rest, err := io.ReadAll(stream)
	if err != nil || !strings.HasSuffix(string(rest), "0\r\n\r\n") || !strings.Contains(string(rest), `data:{"code":5020,`) {
		t.Errorf("the stream: %v %q", err, rest)
	}
	if err := p.Cmd.Wait(); err != nil {
		t.Errorf("the program ended with %v: %s", err, p.Log.String())
	}
}

// A second signal ends the process immediately, by that signal.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	p := testenv.Start(t, "--upstream="+up.URL, "--drain-timeout=10m")
	v := &target{Program: p, t: t}
	stream := v.chat("silence")
	defer stream.Close()
	p.Signal(syscall.SIGTERM)
	testenv.Eventually(t, "the program drains", func() bool { return strings.Contains(p.Log.String(), `msg="shutting down"`) })
	time.Sleep(50 * time.Millisecond) // signals in quick succession may be merged
	p.Signal(syscall.SIGTERM)
	var exit *exec.ExitError
	if err := p.Cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("the program ended with %v", err)
	}
	if _, err := io.ReadAll(bufio.NewReader(stream)); isTimeout(err) {
		t.Error("the stream continues")
	}
}
