package config

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sse-typewriter/internal/limits"
)

// A reload changes the settings for it, and names the others that differ. Values of the
// command line and of the environment stay.
func TestReload(t *testing.T) {
	const keep = "upstream: http://h\nupstreams: {/a: {url: http://a, token: A, model: m, format: openai}}\n"
	for _, test := range []struct {
		name, before, after string
		fixed               []string
		check               func(*Config) bool // of the result
	}{
		{"nothing", "", "", nil, func(c *Config) bool { return c.MaxStreams == 7 }},
		{"limits", "", "max-streams: 8\nrate-limit: 1/s\n", nil, func(c *Config) bool {
			return c.MaxStreams == 7 && c.RateLimit == limits.Rate{Requests: 1, Per: time.Second} // the flag wins
		}},
		{"removed", "rate-limit: 1/s\n", "", nil, func(c *Config) bool { return c.RateLimit == limits.Rate{} }},
		{"pauses", "", "pauses: {clause: {max: 1s}}", nil, func(c *Config) bool { return strings.Contains(c.Pauses.text, "1s") }},
		{"keys", "", "api-keys: a 0123456789abcdef\n", nil, func(c *Config) bool { return c.APIKeys.List[0].Name == "a" }},
		{"fixed", "", "addr: :9\nheartbeat: 1s\nmode: raw\n", []string{"addr", "heartbeat"}, func(c *Config) bool {
			return c.Addr != ":9" && c.Heartbeat == 15*time.Second && c.Mode == "raw"
		}},
		{"token", keep + "upstream-token: OLD\n", keep + "upstream-token: NEW\n", nil, func(c *Config) bool { return c.UpstreamToken == "NEW" }},
		{"token of another service", "upstream-token: OLD\n", "upstream: http://other\nupstream-token: NEW\n", []string{"upstream"}, func(c *Config) bool {
			return c.Upstream == "" && c.UpstreamToken == "OLD"
		}},
		{"upstreams", keep, "upstream: http://h\nupstreams: {/a: {url: http://a, token: B, speed: 2, model: n, format: openai}}\n", []string{"upstreams: /a: model"}, func(c *Config) bool {
			all, err := c.AllUpstreams()
			return err == nil && all[1].Token == "B" && all[1].Model == "m" && all[1].Paces["typewriter"].Speed == 2
		}},
		{"another URL", keep, "upstream: http://h\nupstreams: {/a: {url: http://b, token: B, model: m, format: openai}}\n", []string{"upstreams: /a"}, func(c *Config) bool {
			all, err := c.AllUpstreams()
			return err == nil && all[1].Token == "A" && all[1].URL == "http://a"
		}},
		{"upstream added and removed", keep, "upstream: http://h\nupstreams: {/b: {url: http://b}}\n", []string{"upstreams: /a", "upstreams: /b"}, func(c *Config) bool {
			all, err := c.AllUpstreams()
			return err == nil && len(all) == 2 && all[1].Prefix == "/a"
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			arg := file(t, test.before)
			args := []string{arg, "--max-streams=7"}
			c, err := parse(args...)
			if err != nil {
				t.Fatal(err)
			}
			before := *c
			if err := os.WriteFile(strings.TrimPrefix(arg, "--config="), []byte(test.after), 0o600); err != nil {
				t.Fatal(err)
			}
			got, fixed, err := c.Reload(args)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(fixed, test.fixed) || !test.check(got) {
				t.Errorf("got fixed %q and %+v, want %q", fixed, got, test.fixed)
			}
			if c.Pauses != before.Pauses || c.Upstreams != before.Upstreams || c.Mode != before.Mode {
				t.Errorf("the settings since the start have changed: %+v", c)
			}
		})
	}
}

// Settings that are invalid, or unsafe together with the address of the running server, are
// refused.
func TestBadReload(t *testing.T) {
	for _, test := range []struct{ name, before, after, want string }{
		{"syntax", "", "a: [", "yaml"},
		{"unknown key", "", "adr: :1", `unknown setting "adr"`},
		{"value", "", "max-streams: 0", "--max-streams 0"},
		{"no keys", "addr: :80\nupstream-token: t\napi-keys: 0123456789abcdef\n", "addr: 127.0.0.1:80\nupstream-token: t\n", "all clients that reach this address could use the token"},
		{"no keys on a loopback address", "api-keys: 0123456789abcdef\n", "", "all keys are removed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			arg := file(t, test.before)
			c, err := parse(arg)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(strings.TrimPrefix(arg, "--config="), []byte(test.after), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, _, err := c.Reload([]string{arg}); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestHasFiles(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		want bool
	}{
		{"none", []string{"--api-keys=0123456789abcdef"}, false},
		{"settings", []string{file(t, "")}, true},
		{"keys", []string{"--api-keys=" + keyFile(t, oneKey)}, true},
	} {
		c, err := parse(test.args...)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.HasFiles(); got != test.want {
			t.Errorf("%s: got %t, want %t", test.name, got, test.want)
		}
	}
}
