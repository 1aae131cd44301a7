package docs

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// namedTests returns the tests that a text names as links to their folders, relative to
// docs, and reports those that do not exist.
func namedTests(t *testing.T, text string) (names []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`\[(Test\w+)\]\(\.\./([\w/]+)\)`).FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
		if !testExists(t, m[2], m[1]) {
			t.Errorf("%s has no %s", m[2], m[1])
		}
	}
	return names
}

func testExists(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		return strings.Contains(readFile(t, file), "\nfunc "+name+"(")
	})
}

// Each row of docs/promises.md names a test that exists, and the promises in italics are
// those that test/promises checks.
func TestPromisesHaveProofs(t *testing.T) {
	t.Parallel()
	var documented []string
	for line := range strings.Lines(readFile(t, "docs/promises.md")) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 || strings.HasPrefix(cells[1], "---") || strings.TrimSpace(cells[1]) == "promise" ||
			strings.HasPrefix(cells[1], " **") {
			continue
		}
		if m := regexp.MustCompile(`^ \*([^*]+)\*`).FindStringSubmatch(cells[1]); m != nil {
			documented = append(documented, m[1])
		}
		if len(namedTests(t, cells[3])) == 0 {
			t.Errorf("no proof: %s", cells[1])
		}
	}
	var checked []string
	files, err := filepath.Glob("test/promises/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for _, m := range regexp.MustCompile(`(?m)^\t\{"([^"]+)", \w+\},$`).FindAllStringSubmatch(readFile(t, file), -1) {
			checked = append(checked, m[1])
		}
	}
	slices.Sort(documented)
	slices.Sort(checked)
	if len(checked) == 0 || !slices.Equal(documented, checked) {
		t.Errorf("documented are %q, checked %q", documented, checked)
	}
}
