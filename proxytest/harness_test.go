package proxytest

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds waits for things that must happen; how long they take is no test's
// business.
const patience = 60 * time.Second

// folder is for what all tests share.
var folder string

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "proxytest"); err != nil {
		panic(err)
	}
	if err := makeCertificate(); err != nil {
		panic(err)
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil { // they mostly wait
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(folder) // it is a temporary one
	os.Exit(code)
}

// build compiles the program, with the race detector if the tests have it, and returns
// its path.
var build = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(folder, "sse-typewriter")
	args := []string{"build", "-o", binary}
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "..")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build: %w\n%s", err, out)
	}
	return binary, nil
})

// output is what a process says; it may be read while that runs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// server is the program as a process.
type server struct {
	base string
	cmd  *exec.Cmd
	log  output
}

// start runs the program to the end of the test.
func start(t *testing.T, args ...string) *server {
	t.Helper()
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{}
	args = append([]string{"--addr=127.0.0.1:0", "--bot-id=1", "--drain-timeout=100ms"}, args...)
	s.cmd = exec.Command(binary, args...) // not of the test's context, which ends before its cleanups
	s.cmd.Env = []string{"NO_PROXY=*", "no_proxy=*"}
	s.cmd.Stderr = &s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.cmd.ProcessState != nil {
			return // it was killed
		}
		_ = s.cmd.Process.Signal(syscall.SIGTERM) // an error shows in Wait
		if err := s.cmd.Wait(); err != nil {
			t.Errorf("the program ended with: %v\n%s", err, s.log.String())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	s.base = regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(line)
	if s.base == "" {
		t.Fatalf("the program printed %q, error %v, log %s", line, err, s.log.String())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
	return s
}

// kill ends a server as a crash does.
func (s *server) kill() {
	_ = s.cmd.Process.Kill() // it runs
	_ = s.cmd.Wait()         // it was killed
}

// address is where a server listens.
func (s *server) address() string { return strings.TrimPrefix(s.base, "http://") }

// outcomes are how the streams of a server have ended so far, in order.
func (s *server) outcomes() []string {
	var out []string
	for _, m := range regexp.MustCompile(`msg="stream ended".* outcome=(\S+)`).FindAllStringSubmatch(s.log.String(), -1) {
		out = append(out, m[1])
	}
	return out
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: still not after %v", what, patience)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// receive waits for a signal.
func receive[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: still not after %v", what, patience)
		panic(errors.ErrUnsupported) // not reached
	}
}

// send signals to one who waits.
func send(t *testing.T, c chan<- struct{}) {
	t.Helper()
	select {
	case c <- struct{}{}:
	case <-time.After(patience):
		t.Fatalf("nobody waits after %v", patience)
	}
}
