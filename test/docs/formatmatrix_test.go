package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Each test that the table of formats names exists, and each row is complete.
func TestFormatMatrix(t *testing.T) {
	rows := 0
	name := regexp.MustCompile("^`([a-z0-9/]+)\\.(Test[A-Za-z0-9]+)`$")
	for line := range strings.Lines(section(t, "docs/formats.md", "Tests by format")) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) < 2 || strings.HasPrefix(strings.TrimSpace(cells[0]), "-") {
			continue
		}
		if rows++; rows == 1 {
			continue // the heading
		}
		if len(cells) != 8 {
			t.Errorf("got %d cells, want 8: %s", len(cells), line)
		}
		for _, cell := range cells[1:] {
			if strings.TrimSpace(cell) == "—" {
				continue
			}
			for named := range strings.SplitSeq(cell, ",") {
				match := name.FindStringSubmatch(strings.TrimSpace(named))
				if match == nil {
					t.Errorf("%s: got %q, want the folder and the name of a test", cells[0], named)
				} else if !hasTest(t, match[1], match[2]) {
					t.Errorf("%s: there is no %s in %s", cells[0], match[2], match[1])
				}
			}
		}
	}
	if rows < 10 {
		t.Errorf("got %d rows", rows)
	}
}

// hasTest reports whether a folder has a test with a name.
func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(path string) bool {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(text), "\nfunc "+name+"(t *testing.T) {")
	})
}
