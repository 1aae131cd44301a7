package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// copyDependencies is a goal of a Maven plugin.
const copyDependencies = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"

// InstallMaven copies the dependencies of a Maven project, with pinned versions, into the
// user's cache and returns the class path. Without a JDK, without Maven or its repository,
// and under -short, InstallMaven skips the test. Several processes may call InstallMaven
// concurrently.
func InstallMaven(t testing.TB, pom string) (classPath string) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no Java is tested")
	}
	for _, name := range []string{"java", "javac", "mvn"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed: no Java is tested", name)
		}
	}
	text, err := os.ReadFile(pom)
	if err != nil {
		t.Fatal(err)
	}
	folder := installOnce(t, "maven", text, func(folder string) {
		cmd := exec.CommandContext(t.Context(), "mvn", "--quiet", "--batch-mode", "--update-snapshots", "--file", pom,
			copyDependencies, "-DincludeScope=runtime", "-DoutputDirectory="+folder)
		out, err := cmd.CombinedOutput()
		switch {
		case err == nil:
		case strings.Contains(string(out), "Could not transfer"):
			t.Skipf("the Maven repository cannot be reached: %s", out)
		default:
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
	})
	return filepath.Join(folder, "*")
}
