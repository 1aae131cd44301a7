// Package deploy contains deployment files. The tests check them without a cluster: all
// names resolve, related values match, and the builds run.
package deploy

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// read returns the content of a file of this repository.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// shell runs a command line in a directory, with additional environment variables.
func shell(t *testing.T, dir, line string, env ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", line)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

const version = "v1.2.3-test"

// The Dockerfile's build command needs only the copied files, and builds a static program
// with the given version, byte for byte equal to the output of "make dist".
func TestBuild(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: nothing is built")
	}
	dockerfile := read(t, "deploy/Dockerfile")
	command := regexp.MustCompile(`(?m)^RUN (.* go build .*) -o /sse-typewriter \.$`).FindStringSubmatch(dockerfile)
	if command == nil {
		t.Fatal("the Dockerfile builds nothing")
	}
	context, dist := t.TempDir(), t.TempDir()
	shell(t, "..", "git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -cT - | tar -xC "+context)
	shell(t, context, dockerignored(t))
	image := filepath.Join(context, "sse-typewriter")
	shell(t, context, command[1]+" -o "+image+" .", "GOOS=linux", "VERSION="+version)
	checkStatic(t, image)

	target := "linux-" + runtime.GOARCH
	shell(t, "..", "scripts/dist "+strings.Replace(target, "-", "/", 1)+" windows/amd64", "VERSION="+version, "DIST="+dist)
	checkSums(t, dist, "sse-typewriter-"+target, "sse-typewriter-windows-amd64")
	fromImage, err1 := os.ReadFile(image)
	fromDist, err2 := os.ReadFile(filepath.Join(dist, "sse-typewriter-"+target))
	if err1 != nil || err2 != nil || !bytes.Equal(fromImage, fromDist) {
		t.Errorf("programs of the image and of make dist differ: %v, %v", err1, err2)
	}
	if got := shell(t, dist, image+" --version"); runtime.GOOS == "linux" && got != version+"\n" {
		t.Errorf("version is %q", got)
	}
}

// dockerignored returns a command that removes the files ignored by Docker.
func dockerignored(t *testing.T) string {
	t.Helper()
	var find []string
	for line := range strings.Lines(read(t, "deploy/Dockerfile.dockerignore")) {
		line = strings.TrimSpace(line)
		name, everywhere := strings.CutPrefix(line, "**/")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case everywhere:
			find = append(find, "-name '"+name+"'")
		default:
			find = append(find, "-path './"+line+"'")
		}
	}
	return "find . '(' " + strings.Join(find, " -o ") + " ')' -prune -exec rm -r {} +"
}

// checkStatic checks that a program is statically linked.
func checkStatic(t *testing.T, name string) {
	t.Helper()
	f, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC }) {
		t.Error("the program is not static")
	}
}

// checkSums checks that SHA256SUMS in a directory is correct and complete.
func checkSums(t *testing.T, folder string, names ...string) {
	t.Helper()
	slices.Sort(names)
	var want strings.Builder
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&want, "%x  %s\n", sha256.Sum256(data), name)
	}
	got, err := os.ReadFile(filepath.Join(folder, "SHA256SUMS"))
	if err != nil || string(got) != want.String() {
		t.Errorf("SHA256SUMS is %q, %v, want %q", got, err, want.String())
	}
}

// The Dockerfile copies existing files, uses the Go version of go.mod, and sets an
// unprivileged user.
func TestDockerfile(t *testing.T) {
	dockerfile := read(t, "deploy/Dockerfile")
	for _, m := range regexp.MustCompile(`(?m)^COPY (.*) \S+$`).FindAllStringSubmatch(dockerfile, -1) {
		for source := range strings.FieldsSeq(m[1]) {
			if strings.HasPrefix(source, "--from=") {
				break // copied from another stage
			}
			if _, err := os.Stat(filepath.Join("..", source)); err != nil {
				t.Error(err)
			}
		}
	}
	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "go.mod"))[1]
	for _, want := range []string{
		"FROM golang:" + goVersion + " AS build\n", "\nFROM scratch\n", "/etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/\n",
		"\nUSER 65532:65532\n", "\nENV TYPEWRITER_ADDR=0.0.0.0:8380\nEXPOSE 8380\n", "\nENTRYPOINT [\"/sse-typewriter\"]\n",
	} {
		if !strings.Contains(dockerfile, want) {
			t.Errorf("the Dockerfile lacks %q", want)
		}
	}
}
