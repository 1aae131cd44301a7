package browser

import (
	"os"
	"path/filepath"
	"testing"

	"sse-typewriter/internal/testenv"
)

// The libraries of the pages are those that web/vendor builds from the locked packages.
func TestVendor(t *testing.T) {
	t.Parallel()
	const source, embedded = "../../web/vendor", "../../web/static/vendor"
	testenv.InstallNPM(t, source)
	built := filepath.Join(t.TempDir(), "vendor")
	command(t, source, "node", "build.mjs", built)
	for _, folder := range []string{".", "fonts"} {
		want, err := os.ReadDir(filepath.Join(built, folder))
		if err != nil {
			t.Fatal(err)
		}
		have, err := os.ReadDir(filepath.Join(embedded, folder))
		if err != nil || len(have) != len(want) {
			t.Errorf("%s: %d files are embedded, want %d; error %v", folder, len(have), len(want), err)
		}
		for _, file := range want {
			if file.IsDir() {
				continue
			}
			name := filepath.Join(folder, file.Name())
			a, err := os.ReadFile(filepath.Join(built, name))
			if err != nil {
				t.Fatal(err)
			}
			if b, err := os.ReadFile(filepath.Join(embedded, name)); err != nil || string(a) != string(b) {
				t.Errorf("%s is not what web/vendor builds; error %v", name, err)
			}
		}
	}
}
