package docs

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "sse-typewriter"

// The table of packages in ARCHITECTURE.md lists every package of the product and its
// imports within the module.
func TestArchitecturePackages(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z/.]+)` \\| [^|]+ \\| ([^|]+) \\|$").FindAllStringSubmatch(string(text), -1) {
		listed[row[1]] = row[2]
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	outside := regexp.MustCompile("^(test|examples|scripts|deploy)(/|$)") // not part of the product
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		name := packageName(fields[0])
		if outside.MatchString(name) {
			continue
		}
		var imports []string
		for _, path := range fields[1:] {
			if strings.HasPrefix(path, module+"/") {
				imports = append(imports, packageName(path))
			}
		}
		want := "none"
		if slices.Sort(imports); len(imports) > 0 {
			want = "`" + strings.Join(imports, "`, `") + "`"
		}
		if listed[name] != want {
			t.Errorf("%s imports %s, listed as %q", name, want, listed[name])
		}
		delete(listed, name)
	}
	for name := range listed {
		t.Errorf("%s is listed, but there is no such package", name)
	}
}

// packageName returns the path of a package within the module, without internal/.
func packageName(path string) string {
	if path == module {
		return "main"
	}
	return strings.TrimPrefix(strings.TrimPrefix(path, module+"/"), "internal/")
}
