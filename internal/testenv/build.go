package testenv

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Binary returns the path of the built program. The program has the race detector if
// the test has.
func Binary(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: the program is not built")
	}
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// build compiles the program once for all packages: Go does not relink an unchanged
// program. Each checkout has a separate file.
var build = sync.OnceValues(func() (string, error) {
	root, err := exec.CommandContext(context.Background(), "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("cannot find the module: %w", err)
	}
	hash := fnv.New64a()
	_, _ = hash.Write(root) // never fails
	args := []string{"build", "-buildvcs=false"}
	if IsRace() {
		args = append(args, "-race")
		_, _ = hash.Write([]byte("-race"))
	}
	folder, err := cacheFolder(fmt.Sprintf("build-%x", hash.Sum64()))
	if err != nil {
		return "", err
	}
	unlock, err := lockFile(filepath.Join(folder, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	binary := filepath.Join(folder, "sse-typewriter")
	cmd := exec.CommandContext(context.Background(), "go", append(args, "-o", binary, "sse-typewriter")...)
	cmd.Dir = strings.TrimSpace(string(root))
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build the program: %w\n%s", err, out)
	}
	return binary, nil
})

// IsRace reports whether the race detector is on.
func IsRace() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// cacheFolder returns a folder in the user's cache. The folder persists between test runs.
func cacheFolder(name string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cache, "sse-typewriter-tests", name)
	return folder, os.MkdirAll(folder, 0o755)
}

// lockFile creates a file if necessary, and locks the file against other processes: Go runs
// the tests of several packages at once.
func lockFile(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot lock %s: %w", path, err), file.Close())
	}
	return func() { _ = file.Close() }, nil // closing unlocks
}
