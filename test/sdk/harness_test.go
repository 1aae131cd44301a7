package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
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

// endings stops a server once its streams have ended, and counts how they did.
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

// environment is a script's: the test's without what would change Node, and without a
// proxy.
func environment() []string {
	out := []string{"NO_PROXY=*", "no_proxy=*"}
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "NODE_") {
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
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	var out, failed bytes.Buffer
	cmd := exec.CommandContext(ctx, "node", script, base)
	cmd.Env = append(environment(), "TMPDIR="+t.TempDir())
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
