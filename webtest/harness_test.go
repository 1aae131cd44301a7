package webtest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	if folder, err = os.MkdirTemp("", "webtest"); err != nil {
		panic(err)
	}
	code := m.Run()
	closeBrowser()
	_ = os.RemoveAll(folder) // it is a temporary one
	os.Exit(code)
}

// build compiles the program and returns its path.
var build = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(folder, "sse-typewriter")
	if out, err := exec.Command("go", "build", "-o", binary, "..").CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build: %w\n%s", err, out)
	}
	return binary, nil
})

// start runs the program to the end of the test and returns its base URL.
func start(t *testing.T, args ...string) string {
	t.Helper()
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer // to be read once the program has ended
	args = append([]string{"--addr=127.0.0.1:0", "--bot-id=1", "--seed=1", "--drain-timeout=100ms"}, args...)
	cmd := exec.Command(binary, args...) // not of the test's context, which ends before its cleanups
	cmd.Env = []string{"NO_PROXY=*", "no_proxy=*"}
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // an error shows in Wait
		if err := cmd.Wait(); err != nil {
			t.Errorf("the program ended with: %v\n%s", err, log.String())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	base := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(line)
	if base == "" {
		t.Fatalf("the program printed %q, error %v", line, err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
	return base
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: still not after %v", what, patience)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
