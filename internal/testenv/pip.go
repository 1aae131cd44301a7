package testenv

import (
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// python is Debian's interpreter, installed by scripts/install-test-deps.
const python = "/usr/bin/python3"

// InstallPip installs the packages of a requirements file, with pinned versions, into a
// virtual environment in the user's cache and returns the Python interpreter. Without
// Python's venv module, without PyPI, and under -short, InstallPip skips the test. Several
// processes may call InstallPip concurrently.
func InstallPip(t testing.TB, requirements string) (interpreter string) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no Python is tested")
	}
	if err := exec.CommandContext(t.Context(), python, "-c", "import ensurepip").Run(); err != nil {
		t.Skip("python3-venv is not installed: run scripts/install-test-deps")
	}
	text, err := os.ReadFile(requirements)
	if err != nil {
		t.Fatal(err)
	}
	version, err := exec.CommandContext(t.Context(), python, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	hash := fnv.New64a()
	_, _ = hash.Write(append(version, text...)) // never fails
	folder, err := cacheFolder(fmt.Sprintf("venv-%x", hash.Sum64()))
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := lockFile(filepath.Join(folder, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	interpreter = filepath.Join(folder, "bin", "python")
	done := filepath.Join(folder, "installed")
	if _, err := os.Stat(done); err == nil {
		return interpreter
	}
	runPip(t.Context(), t, python, "-m", "venv", folder)
	runPip(t.Context(), t, interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", requirements)
	if err := os.WriteFile(done, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return interpreter
}

// runPip runs a step of the installation, and skips the test if PyPI cannot be reached.
func runPip(ctx context.Context, t testing.TB, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	switch {
	case err == nil:
	case strings.Contains(string(out), "ConnectionError") || strings.Contains(string(out), "ProxyError") || strings.Contains(string(out), "Timeout"):
		t.Skipf("PyPI cannot be reached: %s", out)
	default:
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
}
