package testenv

import (
	"bufio"
	"bytes"
	"context"
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
)

// folder is where the program is built.
var folder string

// Folder is for what all tests of a package share, while [Main] runs.
func Folder() string { return folder }

// Main runs the tests of a package that starts processes, after what prepares them, and
// returns its exit code. It is to be called by TestMain.
func Main(m *testing.M, prepare ...func() error) int {
	var err error
	if folder, err = os.MkdirTemp("", "sse-typewriter"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder) //nolint:errcheck // it is a temporary one
	for _, do := range prepare {
		if err := do(); err != nil {
			panic(err)
		}
	}
	return m.Run()
}

// build compiles the program, with the race detector if the tests have it, and returns
// its path.
var build = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(folder, "sse-typewriter")
	args := []string{"build", "-o", binary}
	if IsRace() {
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(context.Background(), "go", append(args, "sse-typewriter")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build: %w\n%s", err, out)
	}
	return binary, nil
})

// IsRace reports whether the race detector is on.
func IsRace() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// Output is what a process says; it may be read while that runs.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String returns all of it so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Program is the program that runs.
type Program struct {
	// Base is the URL at which it serves.
	Base string

	// Cmd is the process, and Log its standard error.
	Cmd *exec.Cmd
	Log Output
}

// Start runs the program with some flags, to the end of the test at the latest; it must
// then end well.
func Start(t testing.TB, args ...string) *Program {
	t.Helper()
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	p := &Program{}
	args = append([]string{"--addr=127.0.0.1:0", "--bot-id=1", "--drain-timeout=100ms"}, args...)
	p.Cmd = exec.CommandContext(context.WithoutCancel(t.Context()), binary, args...) // it ends after the test's context
	p.Cmd.Env = []string{"NO_PROXY=*", "no_proxy=*"}
	p.Cmd.Stderr = &p.Log
	out, err := p.Cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop(t) })
	line, err := bufio.NewReader(out).ReadString('\n')
	p.Base = regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(line)
	if p.Base == "" {
		t.Fatalf("the program printed %q, error %v, log %s", line, err, p.Log.String())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
	return p
}

// Address is where it listens.
func (p *Program) Address() string { return strings.TrimPrefix(p.Base, "http://") }

// Signal sends a signal.
func (p *Program) Signal(signal syscall.Signal) {
	_ = p.Cmd.Process.Signal(signal) // an error: it has ended, which shows in Wait
}

// Stop ends the process by SIGTERM and waits for its end, which must be a good one. A
// process that has been waited for is left alone.
func (p *Program) Stop(t testing.TB) {
	t.Helper()
	if p.Cmd.ProcessState != nil {
		return
	}
	p.Signal(syscall.SIGTERM)
	if err := p.Cmd.Wait(); err != nil {
		t.Errorf("the program ended with: %v\n%s", err, p.Log.String())
	}
}

// Kill ends the process as a crash does.
func (p *Program) Kill() {
	_ = p.Cmd.Process.Kill() // it runs
	_ = p.Cmd.Wait()         // it was killed
}
