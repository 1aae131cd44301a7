package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// facts returns the names, paths and links in a section of a document, without links to
// other sections, whose names are translated.
func facts(section string) []string {
	var all []string
	for _, m := range regexp.MustCompile("`([ -_a-~]+)`|\\]\\(([^)#]+)").FindAllStringSubmatch(block.ReplaceAllString(section, ""), -1) {
		if m[2] == "README.md" || m[2] == "README_CN.md" {
			continue
		}
		if !strings.HasPrefix(m[2], "docs/img/") { // each language shows its own page
			all = append(all, m[1]+m[2])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Both READMEs have the same sections, and each section has the same facts.
func TestReadmesHaveTheSameFacts(t *testing.T) {
	t.Parallel()
	var sections [2][]string
	for i, name := range []string{"README.md", "README_CN.md"} {
		sections[i] = strings.Split(readFile(t, name), "\n## ")
	}
	if len(sections[0]) != len(sections[1]) {
		t.Fatalf("README.md has %d sections, README_CN.md %d", len(sections[0]), len(sections[1]))
	}
	for i, section := range sections[0] {
		title, _, _ := strings.Cut(section, "\n")
		english, chinese := facts(section), facts(sections[1][i])
		for _, fact := range english {
			if !slices.Contains(chinese, fact) {
				t.Errorf("%s: README_CN.md lacks %q", title, fact)
			}
		}
		for _, fact := range chinese {
			if !slices.Contains(english, fact) {
				t.Errorf("%s: README.md lacks %q", title, fact)
			}
		}
	}
}

// Both READMEs show the same commands.
func TestReadmesHaveTheSameCommands(t *testing.T) {
	t.Parallel()
	english, chinese := commands(t, "README.md"), commands(t, "README_CN.md")
	for i := range max(len(english), len(chinese)) {
		switch {
		case i >= len(english):
			t.Fatalf("README.md lacks %q", chinese[i].line)
		case i >= len(chinese):
			t.Fatalf("README_CN.md lacks %q", english[i].line)
		case english[i].line != chinese[i].line || !slices.Equal(english[i].output, chinese[i].output):
			t.Errorf("README.md has %q where README_CN.md has %q", english[i], chinese[i])
		}
	}
}

// Each flag that the documentation names exists.
func TestDocumentedFlags(t *testing.T) {
	t.Parallel()
	flags := help(t, "serve") + help(t, "chat")
	for _, name := range documents(t) {
		for _, m := range regexp.MustCompile("`(--[a-z-]+)").FindAllStringSubmatch(readFile(t, name), -1) {
			if !regexp.MustCompile(m[1] + `\b[^-]`).MatchString(flags) {
				t.Errorf("%s names the flag %s, which is in no --help", name, m[1])
			}
		}
	}
}

// The targets of relative links exist.
func TestDocumentedLinks(t *testing.T) {
	t.Parallel()
	for _, name := range append(documents(t), "ARCHITECTURE.md", "CHANGELOG.md") {
		for _, m := range regexp.MustCompile("\\]\\(([^)#:`]+)(?:#[^)]*)?\\)").FindAllStringSubmatch(readFile(t, name), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
