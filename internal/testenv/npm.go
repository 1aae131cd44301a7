package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// ErrNoNPM is returned by [FetchNPM] if npm or Node is not installed.
var ErrNoNPM = errors.New("npm or node is not installed")

// InstallNPM is [FetchNPM] for a test. It skips the test without npm and under -short.
func InstallNPM(t testing.TB, folder string) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no JavaScript is tested")
	}
	err := FetchNPM(t.Context(), folder)
	if errors.Is(err, ErrNoNPM) {
		t.Skipf("%v: no JavaScript is tested", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// FetchNPM installs the packages of a folder's package-lock.json, unless they are
// installed. Several processes may call FetchNPM concurrently.
func FetchNPM(ctx context.Context, folder string) error {
	for _, name := range []string{"npm", "node"} {
		if _, err := exec.LookPath(name); err != nil {
			return ErrNoNPM
		}
	}
	path := filepath.Join(folder, "package-lock.json")
	lock, err := os.Stat(path)
	if err != nil {
		return err
	}
	unlock, err := lockFile(path)
	if err != nil {
		return err
	}
	defer unlock()
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
