package docs

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"sse-typewriter/upstream/declarative"
)

// The examples of formats in the documentation are valid, and the table of their settings is
// complete.
func TestOwnFormats(t *testing.T) {
	text := section(t, "docs/formats.md", "A format of your own")
	for name, document := range map[string]string{"formats.md": text, "configuration.md": section(t, "docs/configuration.md", "Formats")} {
		if _, err := declarative.Parse([]byte(example(t, document))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, table, _ := strings.Cut(text, "| setting |")
	for field := range reflect.TypeFor[declarative.Description]().Fields() {
		if setting := "`" + field.Tag.Get("yaml") + "`"; !strings.Contains(table, setting) {
			t.Errorf("the table lacks %s", setting)
		}
	}
	wrong := strings.Replace(example(t, text), "data.answer", "data.anwser", 1)
	_, err := declarative.Parse([]byte(wrong))
	fault := regexp.MustCompile("`formats: acme: (texts[^`]*)`").FindStringSubmatch(text)
	if err == nil || fault == nil || !strings.Contains(err.Error(), fault[1]) {
		t.Errorf("got %v, documented as %q", err, fault)
	}
}

// example returns the description of the format acme in a document.
func example(t *testing.T, document string) string {
	t.Helper()
	var file struct{ Formats map[string]yaml.Node }
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(document)
	if block == nil {
		t.Fatal("the document has no example")
	}
	if err := yaml.Unmarshal([]byte(block[1]), &file); err != nil {
		t.Fatal(err)
	}
	node := file.Formats["acme"]
	text, err := yaml.Marshal(&node)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
