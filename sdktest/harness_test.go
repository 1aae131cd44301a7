package sdktest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds waits for things that must happen; how long they take is no test's
// business.
const patience = 2 * time.Minute

// build compiles the program and returns its path.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "sse-typewriter")
	run(t, exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".."))
	return binary
}

func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
}

// server is the program as a process.
type server struct {
	t    *testing.T
	cmd  *exec.Cmd
	base string
	log  bytes.Buffer // its standard error; to be read once it has stopped
}

// start runs the program until stop, at the latest to the end of the test.
func start(t *testing.T, binary string, args ...string) *server {
	t.Helper()
	s := &server{t: t}
	args = append([]string{"--addr=127.0.0.1:0", "--seed=1", "--log-format=json", "--drain-timeout=60s"}, args...)
	s.cmd = exec.Command(binary, args...) // not of the test's context, which ends before its cleanups
	s.cmd.Env = environment("TYPEWRITER_")
	s.cmd.Stderr = &s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	s.base = regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(line)
	if s.base == "" {
		s.stop()
		t.Fatalf("the program printed %q, error %v, log %s", line, err, s.log.String())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
	return s
}

// stop ends the process once its streams have ended.
func (s *server) stop() {
	if s.cmd.ProcessState != nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // an error shows in Wait
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("the program ended with: %v", err)
	}
}

// outcomes counts how the streams of a server ended, once it has stopped.
func (s *server) outcomes() map[string]int {
	out := make(map[string]int)
	for line := range bytes.Lines(s.log.Bytes()) {
		var entry struct{ Msg, Outcome string }
		if err := json.Unmarshal(line, &entry); err != nil {
			s.t.Errorf("the log has a line %s", line)
		}
		if entry.Msg == "stream ended" {
			out[entry.Outcome]++
		}
	}
	return out
}

// environment is the process's without the variables whose names begin so, and with
// no proxy.
func environment(without string) []string {
	out := []string{"NO_PROXY=*", "no_proxy=*"}
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, without) {
			out = append(out, pair)
		}
	}
	return out
}

// line is what a script prints.
type line struct {
	Case  string          `json:"case"`
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
}

// node runs a script against a base URL and returns its lines by case.
func node(t *testing.T, script, base string) map[string][]line {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, failed bytes.Buffer
	cmd := exec.CommandContext(ctx, "node", script, base)
	cmd.Env = append(environment("NODE_"), "TMPDIR="+t.TempDir())
	cmd.Stdout, cmd.Stderr = &out, &failed
	err := cmd.Run()
	if err != nil || failed.Len() > 0 {
		t.Errorf("node %s %s: %v\n%s", script, base, err, failed.String())
	}
	cases := make(map[string][]line)
	for text := range bytes.Lines(out.Bytes()) {
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			t.Errorf("node %s %s: printed %s", script, base, text)
			continue
		}
		cases[l.Case] = append(cases[l.Case], l)
	}
	return cases
}
