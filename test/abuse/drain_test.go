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

// After SIGTERM the program says so, serves those that are there, and is gone with the
// last of them; a connection that is idle does not hold it, nor is the drain timeout
// waited for.
func TestTerminating(t *testing.T) {
	goOn := make(chan struct{})
	up := httptestServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, oneDelta)
		w.(http.Flusher).Flush()
		<-goOn
		_, _ = io.WriteString(w, oneDelta+"event:done\ndata:\"[DONE]\"\n\n")
	})
	p := testenv.Start(t, "--upstream="+up, "--drain-timeout=10m")
	v := &victim{Program: p, t: t}
	idle := v.send("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
	defer idle.Close()
	stream := v.chat("")
	defer stream.Close()
	p.Signal(syscall.SIGTERM)
	testenv.Eventually(t, "it is not ready", func() bool {
		answer := v.answer("GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		return strings.HasPrefix(answer, "HTTP/1.1 503")
	})
	late := v.answer("POST /v3/chat HTTP/1.1\r\nHost: x\r\n\r\n") // which closes the connection
	if !strings.HasPrefix(late, "HTTP/1.1 503") || !strings.Contains(late, "Retry-After: 1") || !strings.Contains(late, `{"code":5032,`) {
		t.Errorf("a new stream: %q", late)
	}
	close(goOn)
	if rest, err := io.ReadAll(stream); err != nil || !strings.HasSuffix(string(rest), "0\r\n\r\n") || !strings.Contains(string(rest), "[DONE]") {
		t.Errorf("the stream: %v %q", err, rest)
	}
	if err := p.Cmd.Wait(); err != nil {
		t.Errorf("it ended with %v: %s", err, p.Log.String())
	}
}

// When the time is over, what has arrived is typed and the stream ended, whole on the
// wire, also for one who reads late; who does not read holds the end for moments only.
func TestDrainTimeout(t *testing.T) {
	up := newUpstream(t)
	p := testenv.Start(t, "--upstream="+up.URL, "--drain-timeout=200ms", "--write-timeout=10m")
	v := &victim{Program: p, t: t}
	deaf := v.send("POST /v3/chat?mode=raw HTTP/1.1\r\nHost: x\r\nX-Ask: flood\r\n\r\n")
	defer deaf.Close()
	stream := v.chat("silence")
	defer stream.Close()
	p.Signal(syscall.SIGTERM)
	rest, err := io.ReadAll(stream)
	if err != nil || !strings.HasSuffix(string(rest), "0\r\n\r\n") || !strings.Contains(string(rest), `data:{"code":5020,`) {
		t.Errorf("the stream: %v %q", err, rest)
	}
	if err := p.Cmd.Wait(); err != nil {
		t.Errorf("it ended with %v: %s", err, p.Log.String())
	}
}

// A second signal ends the process at once, by that signal.
func TestSecondSignal(t *testing.T) {
	up := newUpstream(t)
	p := testenv.Start(t, "--upstream="+up.URL, "--drain-timeout=10m")
	v := &victim{Program: p, t: t}
	stream := v.chat("silence")
	defer stream.Close()
	p.Signal(syscall.SIGTERM)
	testenv.Eventually(t, "it drains", func() bool { return strings.Contains(p.Log.String(), "msg=ending") })
	time.Sleep(50 * time.Millisecond) // so that the signals are two
	p.Signal(syscall.SIGTERM)
	var exit *exec.ExitError
	if err := p.Cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v", err)
	}
	if _, err := io.ReadAll(bufio.NewReader(stream)); isTimeout(err) {
		t.Error("the stream goes on")
	}
}
