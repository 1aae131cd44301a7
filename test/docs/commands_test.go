package docs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
)

// notRun has the reasons why some commands of the documentation are not run here.
var notRun = map[string]string{
	"curl -v UPSTREAM":                              "the operator's upstream",
	"curl -X POST http://ADDR/reload":               "the operator's address; test/e2e reloads",
	"go tool pprof http://ADDR/debug/pprof/profile": "takes 30 s; test/e2e requests the same address",
}

// shown is a command of the documentation with the output that is shown for it.
type shown struct {
	line   string
	output []string
}

// documents returns the names of the documents whose commands must work.
func documents(t *testing.T) []string {
	t.Helper()
	docs, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	return append(docs, "README.md", "README_CN.md", "CONTRIBUTING.md", "SECURITY.md")
}

var (
	block = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")
	span  = regexp.MustCompile("`([^`\n]+)`")

	// inline matches commands in the middle of a sentence.
	inline = regexp.MustCompile(`^(make|go|curl|\./sse-typewriter) `)

	comment = regexp.MustCompile(`(?m)\s+# .*$`)
)

// commands returns the commands of a document in their order.
func commands(t *testing.T, name string) []shown {
	t.Helper()
	text := readFile(t, name)
	var all []shown
	for _, m := range block.FindAllStringSubmatch(text, -1) {
		body := strings.ReplaceAll(m[2], "\\\n", "")
		switch m[1] {
		case "sh":
			for line := range strings.Lines(comment.ReplaceAllString(body, "")) {
				all = append(all, shown{line: strings.TrimSpace(line)})
			}
		case "console":
			for line := range strings.Lines(body) {
				line = strings.TrimSuffix(line, "\n")
				if command, ok := strings.CutPrefix(line, "$ "); ok {
					all = append(all, shown{line: command})
				} else {
					all[len(all)-1].output = append(all[len(all)-1].output, line)
				}
			}
		case "bash", "shell":
			t.Errorf("%s: a block of %q: use sh for commands, console for commands with output", name, m[1])
		}
	}
	for _, m := range span.FindAllStringSubmatch(block.ReplaceAllString(text, ""), -1) {
		if inline.MatchString(m[1]) {
			all = append(all, shown{line: m[1]})
		}
	}
	return slices.DeleteFunc(all, func(s shown) bool { return s.line == "" || strings.HasPrefix(s.line, "#") })
}

// The documentation's commands work and print what it shows.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	all, found := map[string]shown{}, map[string]bool{}
	for _, name := range documents(t) {
		for _, s := range commands(t, name) {
			found[s.line] = true
			if notRun[s.line] == "" {
				all[s.line+strings.Join(s.output, "\n")] = s
			}
		}
	}
	for line := range notRun {
		if !found[line] {
			t.Errorf("no document has the command %q", line)
		}
	}
	base := testenv.Start(t, "--speed=100").Base
	for _, s := range all {
		t.Run(s.line, func(t *testing.T) {
			t.Parallel()
			program := regexp.MustCompile(`^(?:[A-Z_]+=\S+ )*(\S+)`).FindStringSubmatch(s.line)[1]
			switch program {
			case "curl":
				s.curl(t, base)
			case "make":
				s.dryRun(t, "make", "-n")
			case "go":
				s.runGo(t)
			case "./sse-typewriter":
				s.runProgram(t, base)
			default:
				t.Errorf("cannot run %q: extend this test, or add a reason to notRun", program)
			}
		})
	}
}

// bash returns a command that bash runs.
func bash(t *testing.T, line string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-o", "pipefail", "-c", line)
	cmd.Env = append(os.Environ(), "NO_PROXY=*", "no_proxy=*")
	return cmd
}

// curl runs a command against a server; the reply must have data.
func (s shown) curl(t *testing.T, base string) {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	line := strings.ReplaceAll(s.line, "http://localhost:8380", base)
	if line == s.line {
		t.Error("the command does not request http://localhost:8380")
	}
	out, err := bash(t, line).Output()
	hasData := bytes.Contains(out, []byte("data:")) || bytes.Contains(out, []byte(`"done":true`)) // of events, or of lines
	if err != nil || !hasData || bytes.Contains(out, []byte("event:error")) {
		t.Errorf("ended with %v: %s", err, out)
	}
	s.checkOutput(t, string(out))
}

var (
	number = regexp.MustCompile(`[0-9]+`)
	random = regexp.MustCompile(`char_[0-9]+_\w+`)
)

// checkOutput checks that the shown lines were printed, in their order. Numbers and
// random ids may differ, and "..." matches anything.
func (s shown) checkOutput(t *testing.T, out string) {
	t.Helper()
	lines := strings.Split(out, "\n")
	for _, want := range s.output {
		want = random.ReplaceAllString(want, "char_0_0")
		pattern := number.ReplaceAllLiteralString(regexp.QuoteMeta(want), `[0-9.]+`)
		pattern = strings.NewReplacer("char_[0-9.]+_[0-9.]+", `char_[0-9]+_\w+`, `\.\.\.`, ".*").Replace(pattern)
		at := slices.IndexFunc(lines, regexp.MustCompile("^"+pattern+"$").MatchString)
		if at < 0 {
			t.Errorf("%s is not printed in its place:\n%s", want, out)
			return
		}
		lines = lines[at+1:]
	}
}

// dryRun runs a tool with its flag for a dry run.
func (s shown) dryRun(t *testing.T, tool, flag string) {
	t.Helper()
	line := strings.Replace(s.line, tool, tool+" "+flag, 1)
	if out, err := bash(t, line).CombinedOutput(); err != nil {
		t.Errorf("%s: %v: %s", line, err, out)
	}
}

// runGo runs a go command, dry where it would change or run something.
func (s shown) runGo(t *testing.T) {
	t.Helper()
	switch verb := strings.Fields(s.line)[1]; verb {
	case "build", "generate", "run", "test", "vet":
		s.dryRun(t, verb, "-n")
		return
	case "doc", "mod":
	default:
		t.Error("cannot run this: extend this test, or add a reason to notRun")
		return
	}
	cmd := bash(t, s.line)
	if strings.HasPrefix(s.line, "go mod ") {
		cmd.Dir = t.TempDir()
		if err := os.WriteFile(filepath.Join(cmd.Dir, "go.mod"), []byte("module other\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// upstreamFlag matches a service in front of which the server runs.
var upstreamFlag = regexp.MustCompile(`--upstream https://\S+`)

// runProgram runs the program with the stand-in of a server in place of Coze. A server is
// told to shut down once it serves. The program must exit with code 0.
func (s shown) runProgram(t *testing.T, base string) {
	t.Helper()
	line := upstreamFlag.ReplaceAllString(s.line, "--upstream "+base+"/upstream")
	const store = "redis://user:password@redis:6379/0"
	if strings.Contains(line, store) {
		line = strings.ReplaceAll(line, store, testenv.StartRedis(t).URL())
	}
	const keys = "/etc/typewriter/keys"
	if strings.Contains(line, keys) {
		file := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(file, []byte("a-key-of-the-servers\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		line = strings.ReplaceAll(line, keys, file)
	}
	program := testenv.Binary(t)
	if strings.Contains(line, "./sse-typewriter chat") {
		cmd := bash(t, strings.Replace(line, "./sse-typewriter", program, 1))
		cmd.Env = append(cmd.Env, "TYPEWRITER_URL="+base)
		if out, failed, code := testenv.Run(t, cmd); code != 0 || out == "" {
			t.Errorf("printed %q and %q, exit code %d", out, failed, code)
		}
		return
	}
	cmd := bash(t, "exec env "+strings.Replace(line, "./sse-typewriter", program+" --addr=127.0.0.1:0", 1))
	if strings.Contains(line, "--help") || strings.Contains(line, "--version") {
		if out, failed, code := testenv.Run(t, cmd); code != 0 || out == "" {
			t.Errorf("printed %q and %q, exit code %d", out, failed, code)
		}
		return
	}
	testenv.StartCommand(t, cmd).Stop(t)
}
