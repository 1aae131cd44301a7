package proxy

import (
	"os"
	"regexp"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
)

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, makeCertificate))
}

// outcomes returns how the streams of a server have ended so far, in order.
func outcomes(p *testenv.Program) []string {
	var out []string
	for _, m := range regexp.MustCompile(`msg="stream ended".* outcome=(\S+)`).FindAllStringSubmatch(p.Log.String(), -1) {
		out = append(out, m[1])
	}
	return out
}

// send sends a signal to a goroutine that waits for it.
func send(t *testing.T, c chan<- struct{}) {
	t.Helper()
	select {
	case c <- struct{}{}:
	case <-time.After(testenv.Patience):
		t.Fatalf("nobody waits after %v", testenv.Patience)
	}
}
