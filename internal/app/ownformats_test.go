package app

import (
	"strings"
	"testing"

	"sse-typewriter/internal/config"
)

// Formats of the file come before built-in ones, and can be those of an upstream.
func TestOwnFormats(t *testing.T) {
	const description = "paths: ['*/acme/chat/completions']\ntexts: [{path: a}]\n"
	conf := &config.Config{UpstreamFormat: "acme", Formats: config.FormatSettings{
		"acme": description + `ask: {path: /acme/chat/completions, body: '{"q":"{question}"}'}`,
	}}
	upstreams, _, err := newUpstreams(conf)
	if err != nil {
		t.Fatal(err)
	}
	formats := upstreams[0].Formats
	if f := formats.Default(); f.Name != "acme" || formats.OfPath("/v3/chat").Translation.From != f {
		t.Errorf("got the format %s", f.Name)
	}
	for path, want := range map[string]string{"/v1/acme/chat/completions": "acme", "/v1/chat/completions": "openai"} {
		if f := formats.OfPath(path); f == nil || f.Name != want {
			t.Errorf("%s: got %v, want %s", path, f, want)
		}
	}
	conf.UpstreamFormat = "coze"
	if upstreams, _, err = newUpstreams(conf); err != nil || upstreams[0].Formats.OfPath("/v1/acme/chat/completions").Name != "acme" {
		t.Errorf("in front of another service: got %v", err)
	}
}

// Each fault of a format is named with the format.
func TestBadOwnFormats(t *testing.T) {
	const description = "paths: [/a]\ntexts: [{path: a}]\n"
	for _, test := range []struct {
		name   string
		format string
		own    config.FormatSettings
		want   string
	}{
		{"faults", "coze", config.FormatSettings{"a": "paths: [a]", "b": "{"}, "formats: a: paths[0]: \"a\": want a path such as /v1/chat, */chat for any prefix, or /v1/apps/*/chat for any segment\nformats: a: texts: want the texts of events, such as [{path: data.answer}]\nformats: b: cannot read the description"},
		{"name in use", "coze", config.FormatSettings{"house": description}, "formats: house: the name is that of a built-in format"},
		{"name of a format of another package", "coze", config.FormatSettings{"openai": description}, "formats: openai: the name is that of a built-in format"},
		{"no question", "a", config.FormatSettings{"a": description}, "format a asks no questions of /v3/chat: add ask to its description"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := newUpstreams(&config.Config{UpstreamFormat: test.format, Formats: test.own})
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v\nwant %s", err, test.want)
			}
		})
	}
}
