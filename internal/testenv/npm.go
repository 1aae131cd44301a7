package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// ErrNoNPM is returned by [FetchNPM] where npm or Node is not installed.
var ErrNoNPM = errors.New("npm or node is not installed")

// InstallNPM is [FetchNPM] for a test, which is skipped without npm.
func InstallNPM(t testing.TB, folder string) {
	t.Helper()
	err := FetchNPM(t.Context(), folder)
	if errors.Is(err, ErrNoNPM) {
		t.Skipf("%v: nothing of JavaScript is tested", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// FetchNPM has npm fetch what a folder's package-lock.json names, if that is not there.
// Processes that want the same folder wait for each other, as Go runs the tests of
// several packages at once.
func FetchNPM(ctx context.Context, folder string) error {
	for _, name := range []string{"npm", "node"} {
		if _, err := exec.LookPath(name); err != nil {
			return ErrNoNPM
		}
	}
	path := filepath.Join(folder, "package-lock.json")
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it is only read; closing unlocks it
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("cannot lock %s: %w", path, err)
	}
	lock, err := file.Stat()
	if err != nil {
		return err
	}
	done, err := os.Stat(filepath.Join(folder, "node_modules", ".package-lock.json"))
	if err == nil && !done.ModTime().Before(lock.ModTime()) {
		return nil
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	return nil
}
