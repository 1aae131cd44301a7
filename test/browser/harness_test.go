package browser

import (
	"os"
	"testing"

	"sse-typewriter/internal/testenv"
)

// patience bounds waits for things that must happen; how long they take is no test's
// business.
const patience = testenv.Patience

func TestMain(m *testing.M) {
	code := testenv.Main(m)
	closeBrowser()
	os.Exit(code)
}

// start runs the program to the end of the test and returns its base URL.
func start(t *testing.T, args ...string) string {
	t.Helper()
	return testenv.Start(t, append([]string{"--seed=1"}, args...)...).Base
}
