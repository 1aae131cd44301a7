// Package browser tests the pages in Chromium, against the built program.
package browser

import (
	"os"
	"testing"

	"sse-typewriter/internal/testenv"
	"sse-typewriter/internal/testenv/chromium"
)

func TestMain(m *testing.M) {
	code := testenv.Main(m)
	chromium.Close()
	os.Exit(code)
}
