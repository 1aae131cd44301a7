package config

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"sse-typewriter/typewriter"
)

var update = flag.Bool("update", false, "write docs/configuration.md")

const documentHead = `# Configuration

<!-- Made by "go generate ./internal/config" from the code; a test compares it. -->

Flags win over environment variables, which win over a YAML file (` + "`--config`" + `), where a setting has its flag's name without the dashes. A value that is wrong, or a name that is unknown, is an error at the start.

| flag | environment | default | what |
|---|---|---|---|
`

const documentPauses = `
## Pauses

Only in the file: ` + "`pauses`" + ` changes a class of characters, or adds one. What is left out of a class stays as it is.

` + "```yaml" + `
pauses:
  sentence: {min: 200ms, max: 400ms}
  arrows: {chars: "→⇒", min: 100ms, max: 150ms}
` + "```" + `

| class | ` + "`chars`" + ` | ` + "`before-space`" + `: if white space follows, or nothing | ` + "`min` | `max`" + ` |
|---|---|---|---|---|
`

// document describes all settings, for people.
func document(t *testing.T) string {
	t.Helper()
	parser, err := kong.New(&Config{}, kong.DefaultEnvars("TYPEWRITER"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(documentHead)
	for _, f := range parser.Model.Flags {
		if f.Hidden || f.Name == "help" {
			continue
		}
		value, env := "none", "none"
		if f.IsBool() {
			value = "off"
		}
		if f.Default != "" {
			value = code(f.Default)
		}
		if len(f.Envs) > 0 {
			env = code(f.Envs...)
		}
		fmt.Fprintf(&b, "| `--%s` | %s | %s | %s |\n", f.Name, env, value, strings.ReplaceAll(f.Help, "|", `\|`))
	}
	b.WriteString(documentPauses)
	classes := typewriter.DefaultClasses()
	for _, name := range slices.Sorted(maps.Keys(classes)) {
		c := classes[name]
		fmt.Fprintf(&b, "| `%s` | %s | %s | %v | %v |\n", name, chars(c.Chars), chars(c.BeforeSpace), c.Min, c.Max)
	}
	return b.String()
}

// code writes words as code.
func code(words ...string) string { return "`" + strings.Join(words, "`, `") + "`" }

// chars writes the characters of a class, if it has any.
func chars(s string) string {
	var all []string
	for _, char := range s {
		all = append(all, string(char))
	}
	switch {
	case len(all) == 0:
		return ""
	case strings.ContainsAny(s, "`"):
		return "`` " + strings.Join(all, " ") + " ``"
	default:
		return strings.ReplaceAll(code(strings.Join(all, " ")), "\n", `\n`)
	}
}

// What the documentation says of the settings is what the code does.
func TestDocument(t *testing.T) {
	const path = "../../docs/configuration.md"
	want := document(t)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not up to date: run go generate ./internal/config", path)
	}
}

// A setting that has no help, or that no environment variable sets, is not documented.
func TestDocumentIsWhole(t *testing.T) {
	text := document(t)
	if strings.Contains(text, "|  |\n") || strings.Contains(text, "| `` |") {
		t.Errorf("a cell is empty in %s", text)
	}
	for _, want := range []string{"| `--addr` | `TYPEWRITER_ADDR` | `127.0.0.1:8380` |", "| `--bot-id` | `TYPEWRITER_BOT_ID` | none |", "| `sentence` | `\\n 。 ！ ？ …` | `. ! ?` | 300ms | 500ms |"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %s", want, text)
		}
	}
}
