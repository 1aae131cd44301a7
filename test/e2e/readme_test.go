package e2e

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sse-typewriter/internal/app"

	"sse-typewriter/internal/testenv"
)

// notRun are the commands of the documentation that are not executed here, and why.
var notRun = map[string]string{
	"curl -v UPSTREAM": "the operator's upstream",
	"go tool pprof http://ADDR/debug/pprof/profile": "takes 30 s; see seeing_test.go for the address",
}

// shown is a command of the documentation, and what it is said to print.
type shown struct {
	line   string
	output []string
}

// documents are the texts whose commands must work.
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

	// inline are the commands that stand in the middle of a sentence.
	inline = regexp.MustCompile(`^(make|go|curl|\./sse-typewriter) `)

	comment = regexp.MustCompile(`(?m)\s+# .*$`)
)

// commands returns the commands of a document in their order.
func commands(t *testing.T, name string) []shown {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var all []shown
	for _, m := range block.FindAllStringSubmatch(string(text), -1) {
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
			t.Errorf("%s: a block of %q: commands stand in sh, with their output in console", name, m[1])
		}
	}
	for _, m := range span.FindAllStringSubmatch(block.ReplaceAllString(string(text), ""), -1) {
		if inline.MatchString(m[1]) {
			all = append(all, shown{line: m[1]})
		}
	}
	return slices.DeleteFunc(all, func(s shown) bool { return s.line == "" || strings.HasPrefix(s.line, "#") })
}

// The documentation's commands work, and print what it says.
func TestDocumentedCommands(t *testing.T) {
	all, unused := map[string]shown{}, maps.Clone(notRun)
	for _, name := range documents(t) {
		for _, s := range commands(t, name) {
			if _, ok := notRun[s.line]; ok {
				delete(unused, s.line)
				continue
			}
			all[s.line+strings.Join(s.output, "\n")] = s
		}
	}
	for line := range unused {
		t.Errorf("no document has the command %q any more", line)
	}
	base := start(t, "--speed=100")
	for _, s := range all {
		t.Run(s.line, func(t *testing.T) {
			program := regexp.MustCompile(`^(?:[A-Z_]+=\S+ )*(\S+)`).FindStringSubmatch(s.line)[1]
			switch program {
			case "curl":
				s.curl(t, base)
			case "make":
				s.dryRun(t, "make", "-n")
			case "go":
				s.runGo(t)
			case "./sse-typewriter":
				s.ours(t, base)
			default:
				t.Errorf("it is not known how to run %q: teach this test, or give a reason in notRun", program)
			}
		})
	}
}

// bash returns a command of bash's.
func bash(t *testing.T, line string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", line)
	cmd.Env = append(os.Environ(), "NO_PROXY=*", "no_proxy=*")
	return cmd
}

// curl runs a command against a server of ours: it must be answered with data.
func (s shown) curl(t *testing.T, base string) {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	line := strings.ReplaceAll(s.line, "http://localhost:8380", base)
	if line == s.line {
		t.Error("it does not ask http://localhost:8380")
	}
	out, err := bash(t, line).Output()
	if err != nil || !bytes.Contains(out, []byte("data:")) || bytes.Contains(out, []byte("event:error")) {
		t.Errorf("ended with %v: %s", err, out)
	}
	s.checkOutput(t, string(out))
}

var (
	number = regexp.MustCompile(`[0-9]+`)
	random = regexp.MustCompile(`char_[0-9]+_\w+`)
)

// checkOutput looks for the shown lines in what was printed, in their order. Numbers and
// random ids may be others, and "..." stands for anything.
func (s shown) checkOutput(t *testing.T, out string) {
	t.Helper()
	lines := strings.Split(out, "\n")
	for _, want := range s.output {
		want = random.ReplaceAllString(want, "char_0_0")
		pattern := number.ReplaceAllLiteralString(regexp.QuoteMeta(want), `[0-9.]+`)
		pattern = strings.NewReplacer("char_[0-9.]+_[0-9.]+", `char_[0-9]+_\w+`, `\.\.\.`, ".*").Replace(pattern)
		at := slices.IndexFunc(lines, regexp.MustCompile("^"+pattern+"$").MatchString)
		if at < 0 {
			t.Errorf("%s is not printed, at least not in its place:\n%s", want, out)
			return
		}
		lines = lines[at+1:]
	}
}

// dryRun has a tool say what it would do.
func (s shown) dryRun(t *testing.T, tool, flag string) {
	t.Helper()
	line := strings.Replace(s.line, tool, tool+" "+flag, 1)
	if out, err := bash(t, line).CombinedOutput(); err != nil {
		t.Errorf("%s: %v: %s", line, err, out)
	}
}

// runGo runs a command of Go's that changes nothing of ours.
func (s shown) runGo(t *testing.T) {
	t.Helper()
	switch verb := strings.Fields(s.line)[1]; verb {
	case "build", "generate", "run", "test", "vet":
		s.dryRun(t, verb, "-n")
		return
	case "doc", "mod":
	default:
		t.Error("it is not known how to run this: teach this test, or give a reason in notRun")
		return
	}
	cmd := bash(t, s.line)
	if strings.HasPrefix(s.line, "go mod ") {
		cmd.Dir = t.TempDir()
		if err := os.WriteFile(filepath.Join(cmd.Dir, "go.mod"), []byte("module theirs\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// ours runs the program, with the stand-in of a server of ours in Coze's place. If it
// serves it is told to end, and must end well.
func (s shown) ours(t *testing.T, base string) {
	t.Helper()
	line := strings.ReplaceAll(s.line, "https://api.coze.com", base+"/upstream")
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
	program, environment := os.Args[0], []string{asMain + "=1"}
	if strings.Contains(line, "./sse-typewriter chat") {
		environment = append(environment, "TYPEWRITER_URL="+base)
	} else {
		program += " --addr=127.0.0.1:0"
	}
	cmd := bash(t, "exec env "+strings.Replace(line, "./sse-typewriter", program, 1))
	cmd.Env = append(cmd.Env, environment...)
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(out)
	first, _ := reader.ReadString('\n')
	if strings.HasPrefix(first, "Serving on ") {
		_ = cmd.Process.Signal(os.Interrupt) // an error shows below
	}
	_, _ = io.Copy(io.Discard, reader)
	if err := cmd.Wait(); err != nil || first == "" {
		t.Errorf("ended with %v: %s", err, failed.String())
	}
}

// facts are the names, paths and links that a section of a document has, but for those
// to other sections, whose names are translated.
func facts(section string) []string {
	var all []string
	for _, m := range regexp.MustCompile("`([ -_a-~]+)`|\\]\\(([^)#]+)").FindAllStringSubmatch(block.ReplaceAllString(section, ""), -1) {
		if m[2] == "README.md" || m[2] == "README_CN.md" {
			continue
		}
		if !strings.HasPrefix(m[2], "docs/img/") { // each language shows its own first
			all = append(all, m[1]+m[2])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Both languages have the same sections, and each of these the same facts.
func TestReadmesAreInStep(t *testing.T) {
	var sections [2][]string
	for i, name := range []string{"README.md", "README_CN.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sections[i] = strings.Split(string(text), "\n## ")
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

// Both languages show the same commands.
func TestReadmesAgree(t *testing.T) {
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

// Every flag that the documentation names is one.
func TestDocumentedFlags(t *testing.T) {
	var help bytes.Buffer
	for _, command := range []string{"serve", "chat"} {
		if err := app.Run(t.Context(), []string{command, "--help"}, &help, io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range documents(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("`(--[a-z-]+)").FindAllStringSubmatch(string(text), -1) {
			isFlag := regexp.MustCompile(m[1] + `\b[^-]`).Match(help.Bytes())
			if !isFlag {
				t.Errorf("%s names the flag %s, which is in no --help", name, m[1])
			}
		}
	}
}

// Links lead to files that are there.
func TestDocumentedLinks(t *testing.T) {
	for _, name := range append(documents(t), "ARCHITECTURE.md", "CHANGELOG.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`).FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
