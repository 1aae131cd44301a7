package webtest

import (
	"os"
	"testing"

	"sse-typewriter/internal/process"
)

// patience bounds waits for things that must happen; how long they take is no test's
// business.
const patience = process.Patience

func TestMain(m *testing.M) {
	code := process.Main(m)
	closeBrowser()
	os.Exit(code)
}

// start runs the program to the end of the test and returns its base URL.
func start(t *testing.T, args ...string) string {
	t.Helper()
	return process.Start(t, append([]string{"--seed=1"}, args...)...).Base
}
