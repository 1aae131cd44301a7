package proxy

import (
	"errors"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
)

// patience bounds waits for things that must happen; how long they take is no test's
// business.
const patience = testenv.Patience

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil { // they mostly wait
		panic(err)
	}
	os.Exit(testenv.Main(m, makeCertificate))
}

// output is what a process says; it may be read while that runs.
type output = testenv.Output

// server is the program as a process.
type server struct {
	*testenv.Program
	base string
}

// start runs the program to the end of the test.
func start(t *testing.T, args ...string) *server {
	t.Helper()
	s := &server{testenv.Start(t, args...), ""}
	s.base = s.Base
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s complained: %s", s.address(), strings.Join(s.complaints(), "\n"))
		}
	})
	return s
}

// kill ends a server as a crash does.
func (s *server) kill() { s.Kill() }

// address is where a server listens.
func (s *server) address() string { return s.Address() }

// outcomes are how the streams of a server have ended so far, in order.
func (s *server) outcomes() []string {
	var out []string
	for _, m := range regexp.MustCompile(`msg="stream ended".* outcome=(\S+)`).FindAllStringSubmatch(s.Log.String(), -1) {
		out = append(out, m[1])
	}
	return out
}

// complaints are the lines of a server's log that a test which has failed is read for.
func (s *server) complaints() []string {
	return regexp.MustCompile(`.*(level=(WARN|ERROR)|outcome=upstream).*|.*redis is back.*`).FindAllString(s.Log.String(), -1)
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
