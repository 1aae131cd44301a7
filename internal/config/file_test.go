package config

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

func TestBadFiles(t *testing.T) {
	for _, test := range []struct {
		name, file string
		names      []string
	}{
		{"unknown key", "addr: :1\nnope: 1\n", []string{"unknown setting", `"nope"`}},
		{"underscore", "max_lag: 3s", []string{`unknown setting "max_lag": did you mean max-lag?`}},
		{"as in Go", "MaxLag: 3s", []string{`unknown setting "MaxLag": did you mean max-lag?`}},
		{"misspelled", "upstream-tokn: x", []string{`unknown setting "upstream-tokn": did you mean upstream-token?`}},
		{"list of origins", "addr: :1\ncors-origins: [https://a.example, https://b.example]", []string{"line 2: cors-origins: want the values separated by commas, such as first,second, and not a list"}},
		{"list of keys", "api-keys:\n  - SECRETSECRETSECRET\n", []string{"api-keys: want the values separated by commas"}},
		{"list of one", "mode: [raw]", []string{"line 1: mode: want a single value"}},
		{"several", "mode: [raw]\nadrr: x\nhosts: {a: b}\n", []string{"adrr\": did you mean addr?\n", "line 3: hosts: want a single value\n", "line 1: mode: want a single value"}},
		{"alias", "addr: &a [x]\nmode: *a", []string{"line 2: mode: want a single value"}},
		{"unknown keys", "b: 1\na: 1\nc: 1\naddr: :1\n", []string{"\"a\"\n", "\"b\"\n", `"c"`}},
		{"key as in Go", "MaxLag: 3s", []string{`"MaxLag"`}},
		{"key with an underscore", "max_lag: 3s", []string{`"max_lag"`}},
		{"key in parts", "max: {lag: 3s}", []string{`"max"`}},
		{"help", "help: true", []string{`"help"`}},
		{"another file", "config: x.yaml", []string{`"config"`}},
		{"version", "version: true", []string{`"version"`}},
		{"another command's flag", "url: http://h", []string{`"url"`}},
		{"key twice", "addr: :1\naddr: :2\n", []string{"addr", "line 2"}},
		{"syntax", "addr: :1\nseed: [\n", []string{"yaml", "line 2"}},
		{"tab", "pauses:\n\tsentence: {}\n", []string{"yaml", "line 2"}},
		{"text", "just text", []string{"yaml", "just text"}},
		{"list", "- addr", []string{"yaml"}},
		{"duration without a unit", "heartbeat: 15", []string{"--heartbeat", "15"}},
		{"list as a value", "addr: [a, b]", []string{"addr", "line 1"}},
		{"map as a value", "upstream: {idle-timeout: 5s}", []string{"upstream", "line 1"}},
		{"number as a size", "max-event-bytes: 1.5", []string{"--max-event-bytes", "1.5"}},
		{"true as a number", "speed: true", []string{"--speed", "true"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			arg := file(t, test.file)
			_, err := parse(arg)
			checkError(t, err, test.names...)
			if !strings.HasPrefix(test.names[0], "--") { // an error of the file, not of a value
				checkError(t, err, strings.TrimPrefix(arg, "--config="))
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "nope.yaml")
	check := func(args ...string) {
		t.Helper()
		_, err := parse(args...)
		checkError(t, err, name)
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v, want %v", err, fs.ErrNotExist)
		}
	}
	check("--config=" + name)
	check("--config", name, "--addr=:1")
	t.Setenv("TYPEWRITER_CONFIG", name)
	check()

	_, err := parse("--config=" + filepath.Dir(name))
	checkError(t, err, filepath.Dir(name))
}
