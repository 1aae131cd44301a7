package sdk

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sse-typewriter/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// start starts a server whose log can be parsed and whose streams may end while it
// drains.
func start(t *testing.T, args ...string) *testenv.Program {
	t.Helper()
	return testenv.Start(t, append([]string{"--log-format=json", "--drain-timeout=60s"}, args...)...)
}

// endings stops a server once its streams have ended, and counts their outcomes.
func endings(t *testing.T, server *testenv.Program) map[string]int {
	t.Helper()
	server.Stop(t)
	out := make(map[string]int)
	for line := range strings.Lines(server.Log.String()) {
		var entry struct{ Msg, Outcome string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("the log has a line %s", line)
		}
		if entry.Msg == "stream ended" {
			out[entry.Outcome]++
		}
	}
	return out
}

// environment returns the environment of a script: the test's, without settings of Node
// and without a proxy.
func environment() []string {
	out := []string{"NO_PROXY=*", "no_proxy=*", "PYTHONWARNINGS=ignore", "PYTHONIOENCODING=utf-8"}
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "NODE_") {
			out = append(out, pair)
		}
	}
	return out
}

// line is a line that a script prints.
type line struct {
	Case  string          `json:"case"`
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
}

// runScript runs a script with arguments against a base URL and returns its lines by
// case.
func runScript(t *testing.T, interpreter, script string, args ...string) map[string][]line {
	cmd := exec.CommandContext(t.Context(), interpreter, append([]string{script}, args...)...)
	cmd.Env = append(environment(), "TMPDIR="+t.TempDir())
	out, failed, code := testenv.Run(t, cmd)
	if code != 0 || failed != "" {
		t.Errorf("%s %v: exit code %d\n%s", script, args, code, failed)
	}
	cases := make(map[string][]line)
	for text := range strings.Lines(out) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Errorf("%s %v: printed %s", script, args, text)
			continue
		}
		cases[l.Case] = append(cases[l.Case], l)
	}
	return cases
}

// buildGo builds the program for the SDKs of one service in the folder go, a module of its
// own. It skips the test without the modules and under -short.
func buildGo(t *testing.T, service string) (program string) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no SDK for Go is built")
	}
	if err := downloadGo(); err != nil {
		t.Skipf("the SDKs for Go cannot be downloaded: %v", err)
	}
	building.Lock() // two builds of one program would replace a running one
	defer building.Unlock()
	program = filepath.Join(testenv.Folder(), "sdk-go-"+service)
	if err := goCommand("build", "-buildvcs=false", "-o", program, "./"+service); err != nil {
		t.Fatal(err)
	}
	return program
}

var building sync.Mutex

var downloadGo = sync.OnceValue(func() error { return goCommand("mod", "download") })

// goCommand runs a command of Go in the module of the SDKs.
func goCommand(args ...string) error {
	cmd := exec.CommandContext(context.Background(), "go", args...)
	cmd.Dir = "go"
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, output)
	}
	return nil
}
