package config

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"sse-typewriter/typewriter"
)

func TestUpstreams(t *testing.T) {
	c, err := parse("--upstream=https://api.example", "--upstream-token=MAIN", "--bot-id=7", "--speed=2", "--smooth-max-lag=500ms", file(t, `
upstreams:
  /one: {url: https://one.example/v1, format: openai, token: 0123, bot-id: 8, model: m, system-prompt: short}
  /two/x:
    url: http://two.example
    mode: smooth
    max-lag: 1s
    max-tail: auto
    unit: word
    markdown: true
`))
	if err != nil {
		t.Fatal(err)
	}
	all, err := c.AllUpstreams()
	if err != nil || len(all) != 3 {
		t.Fatalf("got %v, %v", all, err)
	}
	for i, want := range []Upstream{
		{URL: "https://api.example", Format: "coze", Token: "MAIN", BotID: "7", Mode: typewriter.Typewriter},
		{Prefix: "/one", URL: "https://one.example/v1", Format: "openai", Token: "0123", BotID: "8", Model: "m", SystemPrompt: "short", Mode: typewriter.Typewriter},
		{Prefix: "/two/x", URL: "http://two.example", Format: "coze", Mode: typewriter.Smooth},
	} {
		got := all[i]
		got.Paces = nil
		if got.Prefix != want.Prefix || got.URL != want.URL || got.Format != want.Format || got.Token != want.Token || got.BotID != want.BotID ||
			got.Model != want.Model || got.SystemPrompt != want.SystemPrompt || got.Mode != want.Mode {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	for i, want := range []typewriter.Pace{
		{Speed: 2, MaxLag: typewriter.Auto, Unit: typewriter.Grapheme},
		{Speed: 2, MaxLag: typewriter.Auto, Unit: typewriter.Grapheme},
		{Speed: 2, MaxLag: time.Second, Unit: typewriter.Word, Markdown: true},
	} {
		got := all[i].Paces[typewriter.Typewriter]
		if got.Speed != want.Speed || got.MaxLag != want.MaxLag || got.Unit != want.Unit || got.Markdown != want.Markdown {
			t.Errorf("%s: got %+v, want %+v", all[i].Prefix, got, want)
		}
		if lag := all[i].Paces[typewriter.Smooth].MaxLag; lag != 500*time.Millisecond {
			t.Errorf("%s: got %v in smooth mode", all[i].Prefix, lag)
		}
	}
}

// Each invalid setting has a line of its own, with its prefix.
func TestBadUpstreams(t *testing.T) {
	wantFormats := "want one of " + strings.Join(Formats, ", ")
	for _, test := range []struct{ name, file, want string }{
		{"unknown setting", "/a: {url: http://h, modell: m}", `upstreams: /a: unknown setting "modell": did you mean model?`},
		{"bad URL", "/a: {url: api.example}", `upstreams: /a: url "api.example": want a URL such as https://api.coze.com`},
		{"password", "/a: {url: 'https://me:secret@h'}", `upstreams: /a: url "https://me:xxxxx@h": want a URL such as https://api.coze.com`},
		{"no URL", "/a: {token: x}", `upstreams: /a: url "": want a URL such as https://api.coze.com`},
		{"nothing", "/a:", `upstreams: /a: url "": want a URL such as https://api.coze.com`},
		{"format", "/a: {url: http://h, format: opnai}", `upstreams: /a: format "opnai": ` + wantFormats},
		{"model of a bot", "/a: {url: http://h, model: m}", `upstreams: /a: model and system-prompt: want another format than coze with them`},
		{"mode", "/a: {url: http://h, mode: fast}", `upstreams: /a: mode "fast": want typewriter, smooth or raw`},
		{"duration", "/a: {url: http://h, min-interval: 3}", `upstreams: /a: min-interval: "3": want auto or a duration such as 3s`},
		{"speed", "/a: {url: http://h, speed: 1000}", `upstreams: /a: speed: `},
		{"prefix without a slash", "a: {url: http://h}", `upstreams: a: want a path such as /deepseek as the prefix`},
		{"root", "/: {url: http://h}", `upstreams: /: want a path such as /deepseek as the prefix`},
		{"final slash", "/a/: {url: http://h}", `upstreams: /a/: want a path such as /deepseek as the prefix`},
		{"dots", "/a/..: {url: http://h}", `upstreams: /a/..: want a path such as /deepseek as the prefix`},
		{"escape", "/%61: {url: http://h}", `upstreams: /%61: want a path such as /deepseek as the prefix`},
		{"several", "/a: {url: x, format: y}\n  /b: {url: http://h, z: 1}", "upstreams: /a: url \"x\": want a URL such as https://api.coze.com\nupstreams: /a: format \"y\": " + wantFormats + "\nupstreams: /b: unknown setting \"z\""},
		{"setting of the server", "/a: {url: http://h, cors-origins: x}", `upstreams: /a: unknown setting "cors-origins"`},
		{"token on the network", "/a: {url: http://h, token: t}\naddr: :80", `upstreams: /a: token with --addr ":80": all clients`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := parse(file(t, "upstreams:\n  "+test.file+"\n"))
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v with a password", err)
			}
		})
	}
	for _, text := range []string{"upstreams: x", "upstreams: [/a]", "upstreams: {/a: x}", "upstreams: {/a: {url: [x]}}", "upstreams:\n  /a: {}\n  /a: {}"} {
		if _, err := parse(file(t, text)); err == nil {
			t.Errorf("%s: got no error", text)
		}
	}
}

// The names of formats in the file are formats of upstreams, and their descriptions are as
// written.
func TestFormatsOfFile(t *testing.T) {
	c, err := parse("--upstream-format=acme", file(t, `
upstreams: {/a: {url: http://h, format: acme}}
formats:
  acme:
    paths: [/x] # a comment
    last: [{path: a, otherwise: null}, {path: b, otherwise: "null"}]
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"paths: [/x]", "otherwise: null", `otherwise: "null"`} {
		if got := c.Formats["acme"]; !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for text, want := range map[string]string{
		"formats: x": "want formats, such as", "formats: [acme]": "want formats, such as",
		"upstream-format: acme\nformats: {acne: {}}": `--upstream-format "acme": want one of ` + strings.Join(Formats, ", ") + ", acne",
	} {
		if _, err := parse(file(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// The help of --upstream-format names each format.
func TestFormatsInHelp(t *testing.T) {
	field, _ := reflect.TypeFor[Config]().FieldByName("UpstreamFormat")
	for _, name := range Formats {
		if !regexp.MustCompile(`[ ,]` + name + `[ ,]`).MatchString(field.Tag.Get("help")) {
			t.Errorf("the help lacks %s", name)
		}
	}
}
