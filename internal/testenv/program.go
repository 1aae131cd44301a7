package testenv

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// parallelTests is the number of parallel tests of a package. The number exceeds that of
// the processors because these tests mostly wait.
const parallelTests = "16"

// folder is the temporary folder of the package under test.
var folder string

// Folder returns a folder shared by the tests of a package while [Main] runs.
func Folder() string { return folder }

// Main calls the given functions, runs the tests of a package, and returns the exit code.
// Main panics if a function fails. The TestMain of packages that start processes calls
// Main.
func Main(m *testing.M, prepare ...func() error) int {
	flag.Parse()
	isSet := false
	flag.Visit(func(f *flag.Flag) { isSet = isSet || f.Name == "test.parallel" })
	if !isSet {
		if err := flag.Set("test.parallel", parallelTests); err != nil {
			panic(err)
		}
	}
	// Programs must not inherit that hangups are ignored, as under nohup.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	var err error
	if folder, err = os.MkdirTemp("", "sse-typewriter"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder) //nolint:errcheck // a temporary folder
	for _, do := range prepare {
		if err := do(); err != nil {
			panic(err)
		}
	}
	return m.Run()
}

// Output collects the output of a process. An Output is safe for concurrent use.
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

// String returns the output so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Command returns a command that runs the program with some arguments and a minimal
// environment. The caller starts the command. The end of ctx kills the process.
func Command(ctx context.Context, t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, Binary(t), args...)
	cmd.Env = []string{"NO_PROXY=*", "no_proxy=*"}
	return cmd
}

// Program is a running server.
type Program struct {
	// Base is the server's URL without a trailing slash.
	Base string

	// Cmd is the process. Stdout and Log collect its standard output and error.
	Cmd    *exec.Cmd
	Stdout Output
	Log    Output

	stopping bool // a signal for shutdown was sent
}

// Start starts a server on a free port of the loopback interface. Unless args say
// otherwise, the stand-in is seeded and the drain timeout short. The end of the test stops
// a server that still runs; the exit code must be 0.
func Start(t testing.TB, args ...string) *Program {
	t.Helper()
	args = append([]string{"--addr=127.0.0.1:0", "--bot-id=1", "--seed=1", "--drain-timeout=100ms"}, args...)
	// The context of the test is done before the server is stopped.
	return StartCommand(t, Command(context.WithoutCancel(t.Context()), t, args...))
}

// StartCommand is [Start] for a command of [Command].
func StartCommand(t testing.TB, cmd *exec.Cmd) *Program {
	t.Helper()
	p := &Program{Cmd: cmd}
	cmd.Stderr = &p.Log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop(t)
		if log := p.Log.String(); t.Failed() || strings.Contains(log, "DATA RACE") {
			t.Errorf("log of %s:\n%s", p.Base, log)
		}
	})
	reader := bufio.NewReader(out)
	line, err := reader.ReadString('\n')
	_, _ = io.WriteString(&p.Stdout, line) // never fails
	p.Base = regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(line)
	if p.Base == "" {
		t.Fatalf("the program printed %q, error %v", line, err)
	}
	go func() { _, _ = io.Copy(&p.Stdout, reader) }() // ends with the process
	return p
}

// Address returns the host and port of the server.
func (p *Program) Address() string { return strings.TrimPrefix(p.Base, "http://") }

// Signal sends a signal to the process.
func (p *Program) Signal(signal syscall.Signal) {
	p.stopping = p.stopping || signal == syscall.SIGTERM || signal == syscall.SIGINT
	_ = p.Cmd.Process.Signal(signal) // fails if the process has ended, which Wait reports
}

// Stop sends SIGTERM, unless the process is shutting down already, and waits for exit code
// 0. Stop does nothing if the process has been waited for.
func (p *Program) Stop(t testing.TB) {
	t.Helper()
	if p.Cmd.ProcessState != nil {
		return
	}
	if !p.stopping {
		p.Signal(syscall.SIGTERM)
	}
	if err := p.Cmd.Wait(); err != nil {
		t.Errorf("the program ended with %v", err)
	}
}

// Kill ends the process as a crash does.
func (p *Program) Kill() {
	_ = p.Cmd.Process.Kill() // fails if the process has ended
	_ = p.Cmd.Wait()         // reports the kill
}

// Run runs a command to the end and returns the output and the exit code.
func Run(t testing.TB, cmd *exec.Cmd) (stdout, stderr string, code int) {
	t.Helper()
	var out, failed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failed
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(fmt.Errorf("cannot run %v: %w", cmd, err))
	}
	return out.String(), failed.String(), cmd.ProcessState.ExitCode()
}

// FreePort returns an unused port of the loopback interface, outside the range of ports
// assigned by the system: a server can be restarted at the same port.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 20000 + rand.IntN(12000)
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = listener.Close() // never used
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}
