// Package npm fetches what tests in JavaScript need.
package npm

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Install has npm fetch what a folder's package-lock.json names, if that is not there.
// Without npm it skips the test. Processes that want the same folder wait for each
// other, as Go runs the tests of several packages at once.
func Install(t testing.TB, folder string) {
	t.Helper()
	for _, name := range []string{"npm", "node"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed: nothing of JavaScript is tested", name)
		}
	}
	path := filepath.Join(folder, "package-lock.json")
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // it is only read; closing unlocks it
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatalf("cannot lock %s: %v", path, err)
	}
	lock, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	done, err := os.Stat(filepath.Join(folder, "node_modules", ".package-lock.json"))
	if err == nil && !done.ModTime().Before(lock.ModTime()) {
		return
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
}
