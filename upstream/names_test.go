package upstream_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mayName reports whether a file may name a service: the packages of the services, tests,
// and the two packages that configure formats and put them into a table.
func mayName(path string) bool {
	parts := strings.Split(path, "/")
	return strings.HasSuffix(path, "_test.go") || parts[0] == "test" ||
		len(parts) > 2 && (parts[0] == "upstream" || parts[0] == "mock") ||
		strings.HasPrefix(path, "internal/config/") || strings.HasPrefix(path, "internal/app/")
}

// services returns the names of the services that have a package, and of others.
func services(t *testing.T) *regexp.Regexp {
	t.Helper()
	names := []string{"openai", "anthropic", "claude", "gemini", "ollama", "dify", "deepseek", "dashscope", "qwen", "moonshot"}
	for _, dir := range []string{".", "../mock"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.IsDir() && !slices.Contains([]string{"declarative", "house", "split", "texts", "testdata"}, e.Name()) {
				names = append(names, e.Name())
			}
		}
	}
	if !slices.Contains(names, "coze") {
		t.Fatalf("got names %q, want coze among them", names)
	}
	return regexp.MustCompile("(?i)" + strings.Join(names, "|"))
}

// Only the package of a service knows the service.
func TestServicesAreNotNamed(t *testing.T) {
	names := services(t)
	files := 0
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == "node_modules" || strings.HasPrefix(e.Name(), ".") && e.Name() != ".."):
			return filepath.SkipDir
		}
		relative, err := filepath.Rel("..", path)
		if err != nil || filepath.Ext(path) != ".go" || mayName(filepath.ToSlash(relative)) {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(text), "\n") {
			if names.MatchString(line) {
				t.Errorf("%s:%d: names a service: %s", relative, i+1, strings.TrimSpace(line))
			}
		}
		return nil
	})
	if err != nil || files < 50 {
		t.Errorf("read %d files, %v; want at least 50", files, err)
	}
}
