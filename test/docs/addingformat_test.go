package docs

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// The example package of docs/adding-a-format.md compiles, and its test passes.
func TestAddingAFormat(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no package is compiled")
	}
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	files := regexp.MustCompile("(?s)`(upstream/parrot/\\w+\\.go)`:\n\n```go\n(.*?)```").FindAllStringSubmatch(readFile(t, "docs/adding-a-format.md"), -1)
	if len(files) != 3 {
		t.Fatalf("got %d files, want 3", len(files))
	}
	// An overlay adds the package to the module without writing to the working tree.
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for _, f := range files {
		overlay.Replace[filepath.Join(root, f[1])] = write(t, filepath.Join(dir, filepath.Base(f[1])), f[2])
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "parrot.test")
	path := write(t, filepath.Join(dir, "overlay.json"), string(text))
	run(t, "go", "test", "-c", "-vet=off", "-overlay", path, "-o", program, "./upstream/parrot") // vet needs the folder
	run(t, program, "-test.v")
	if unformatted := run(t, "gofmt", "-l", dir); unformatted != "" {
		t.Errorf("not formatted: %s", unformatted)
	}
}

// write writes a file and returns its name.
func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// run runs a program and returns its output.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}
