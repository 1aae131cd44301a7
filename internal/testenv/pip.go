package testenv

import (
	"context"
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
	folder := installOnce(t, "venv", append(version, text...), func(folder string) {
		runPip(t.Context(), t, python, "-m", "venv", folder)
		runPip(t.Context(), t, filepath.Join(folder, "bin", "python"),
			"-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", requirements)
	})
	return filepath.Join(folder, "bin", "python")
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
