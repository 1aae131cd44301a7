package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sse-typewriter/internal/limits"
	"sse-typewriter/typewriter"
)

// parse parses the flags of the server.
func parse(args ...string) (*Config, error) {
	command, err := Parse(args, &bytes.Buffer{})
	if err != nil {
		return nil, err
	}
	return command.Serve, nil
}

// file writes a configuration file and returns the flag that names it.
func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "typewriter.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "--config=" + name
}

// defaults is the configuration without flags.
var defaults = Config{
	Addr:                     "127.0.0.1:8380",
	UpstreamCheck:            CheckWarn,
	UserID:                   "sse-typewriter",
	Mode:                     typewriter.Typewriter,
	Speed:                    1,
	MaxLag:                   autoDuration(typewriter.Auto),
	MaxTail:                  autoDuration(typewriter.Auto),
	Reasoning:                typewriter.Smooth,
	Unit:                     typewriter.Grapheme,
	SmoothMaxLag:             typewriter.DefaultSmoothMaxLag,
	MinInterval:              autoDuration(typewriter.Auto),
	MaxStreams:               10000,
	Store:                    "memory",
	StorePrefix:              "typewriter:",
	StoreMaxBytes:            256 << 20,
	ResumeGrace:              30 * time.Second,
	RecoveryTimeout:          time.Minute,
	SummarizeTimeout:         time.Minute,
	SummarizeMaxBytes:        256 << 10,
	ResumeRetention:          5 * time.Minute,
	Heartbeat:                15 * time.Second,
	UpstreamConnectTimeout:   10 * time.Second,
	UpstreamFormat:           "coze",
	UpstreamHeaderTimeout:    60 * time.Second,
	UpstreamFirstTextTimeout: 10 * time.Minute,
	UpstreamIdleTimeout:      120 * time.Second,
	StudioDone:               "normalize",
	MaxEventBytes:            8 << 20,
	MaxBodyBytes:             32 << 20,
	MaxUploadBytes:           512 << 20,
	UpstreamMaxTime:          time.Hour,
	MaxConnections:           DefaultMaxConnections,
	ReadTimeout:              30 * time.Second,
	IdleTimeout:              3 * time.Minute,
	WriteTimeout:             30 * time.Second,
	DrainTimeout:             30 * time.Second,
	LogLevel:                 "info",
	LogFormat:                "text",
}

func TestDefaults(t *testing.T) {
	for _, test := range []struct {
		name string
		file string
	}{
		{"no file", ""},
		{"empty file", " "},
		{"file of a comment", "# nothing yet\n"},
		{"file of nulls", "addr:\nseed: ~\npauses:\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var args []string
			if test.file != "" {
				args = append(args, file(t, test.file))
			}
			c, err := parse(args...)
			if err != nil {
				t.Fatal(err)
			}
			c.Config = ""
			if !reflect.DeepEqual(*c, defaults) {
				t.Errorf("got  %+v\nwant %+v", *c, defaults)
			}
		})
	}
}

// setting is a flag with a value other than its default.
type setting struct {
	flag, value string
	get         func(*Config) any
	want        any
}

var settings = []setting{
	{"addr", ":1", func(c *Config) any { return c.Addr }, ":1"},
	{"admin-addr", "h:2", func(c *Config) any { return c.AdminAddr }, "h:2"},
	{"upstream", "http://h:1/a/", func(c *Config) any { return c.Upstream }, "http://h:1/a/"},
	{"upstream-format", "openai", func(c *Config) any { return c.UpstreamFormat }, "openai"},
	{"model", "m", func(c *Config) any { return c.Model }, "m"},
	{"system-prompt", "Be brief.", func(c *Config) any { return c.SystemPrompt }, "Be brief."},
	{"upstream-check", "strict", func(c *Config) any { return c.UpstreamCheck }, CheckStrict},
	{"upstream-token", "pat_x", func(c *Config) any { return c.UpstreamToken }, "pat_x"},
	{"bot-id", "7350000000000000001", func(c *Config) any { return c.BotID }, "7350000000000000001"},
	{"user-id", "007", func(c *Config) any { return c.UserID }, "007"},
	{"mode", "raw", func(c *Config) any { return c.Mode }, typewriter.Raw},
	{"speed", "2.5", func(c *Config) any { return c.Speed }, 2.5},
	{"max-lag", "0", func(c *Config) any { return c.MaxLag }, autoDuration(0)},
	{"max-tail", "2s", func(c *Config) any { return c.MaxTail }, autoDuration(2 * time.Second)},
	{"reasoning", "raw", func(c *Config) any { return c.Reasoning }, typewriter.Raw},
	{"smooth-max-lag", "1m", func(c *Config) any { return c.SmoothMaxLag }, time.Minute},
	{"unit", "word", func(c *Config) any { return c.Unit }, typewriter.Word},
	{"markdown", "true", func(c *Config) any { return c.Markdown }, true},
	{"min-interval", "0s", func(c *Config) any { return c.MinInterval }, autoDuration(0)},
	{"seed", "18446744073709551615", func(c *Config) any { return c.Seed }, uint64(1<<64 - 1)},
	{"api-keys", "0123456789abcdef,fedcba9876543210", func(c *Config) any { return len(c.APIKeys.List) }, 2},
	{"allow-anonymous", "true", func(c *Config) any { return c.AllowAnonymous }, true},
	{"hosts", "a.example, B.example", func(c *Config) any { return fmt.Sprint(c.Hosts) }, "[a.example b.example]"},
	{"cors-origins", "https://a.example, http://b:1", func(c *Config) any { return fmt.Sprint(c.CORSOrigins) }, "[https://a.example http://b:1]"},
	{"trusted-proxies", "10.0.0.0/8, ::1", func(c *Config) any { return fmt.Sprint(c.TrustedProxies) }, "[10.0.0.0/8 ::1/128]"},
	{"max-streams", "1", func(c *Config) any { return c.MaxStreams }, 1},
	{"max-streams-per-client", "3", func(c *Config) any { return c.MaxStreamsPerClient }, 3},
	{"rate-limit", "100/m", func(c *Config) any { return c.RateLimit }, limits.Rate{Requests: 100, Per: time.Minute}},
	{"store", "redis://h:1/2", func(c *Config) any { return c.Store }, "redis://h:1/2"},
	{"store-prefix", "a-", func(c *Config) any { return c.StorePrefix }, "a-"},
	{"store-max-bytes", "1000", func(c *Config) any { return c.StoreMaxBytes }, size(1000)},
	{"summarize-timeout", "1s", func(c *Config) any { return c.SummarizeTimeout }, time.Second},
	{"summarize-max-bytes", "1KiB", func(c *Config) any { return c.SummarizeMaxBytes }, size(1 << 10)},
	{"recovery-timeout", "1s", func(c *Config) any { return c.RecoveryTimeout }, time.Second},
	{"resume-grace", "1s", func(c *Config) any { return c.ResumeGrace }, time.Second},
	{"resume-retention", "1s", func(c *Config) any { return c.ResumeRetention }, time.Second},
	{"heartbeat", "1m30s", func(c *Config) any { return c.Heartbeat }, 90 * time.Second},
	{"upstream-connect-timeout", "1ms", func(c *Config) any { return c.UpstreamConnectTimeout }, time.Millisecond},
	{"upstream-header-timeout", "1h", func(c *Config) any { return c.UpstreamHeaderTimeout }, time.Hour},
	{"upstream-first-text-timeout", "0", func(c *Config) any { return c.UpstreamFirstTextTimeout }, time.Duration(0)},
	{"upstream-idle-timeout", "2s", func(c *Config) any { return c.UpstreamIdleTimeout }, 2 * time.Second},
	{"studio-done", "keep", func(c *Config) any { return c.StudioDone }, "keep"},
	{"max-event-bytes", "1GiB", func(c *Config) any { return c.MaxEventBytes }, size(1 << 30)},
	{"max-body-bytes", "64KiB", func(c *Config) any { return c.MaxBodyBytes }, size(64 << 10)},
	{"max-upload-bytes", "3GiB", func(c *Config) any { return c.MaxUploadBytes }, size(3 << 30)},
	{"upstream-max-time", "1s", func(c *Config) any { return c.UpstreamMaxTime }, time.Second},
	{"max-connections", "9", func(c *Config) any { return c.MaxConnections }, int64(9)},
	{"read-timeout", "1s", func(c *Config) any { return c.ReadTimeout }, time.Second},
	{"idle-timeout", "1s", func(c *Config) any { return c.IdleTimeout }, time.Second},
	{"write-timeout", "1s", func(c *Config) any { return c.WriteTimeout }, time.Second},
	{"drain-timeout", "0", func(c *Config) any { return c.DrainTimeout }, time.Duration(0)},
	{"log-level", "debug", func(c *Config) any { return c.LogLevel }, "debug"},
	{"log-format", "json", func(c *Config) any { return c.LogFormat }, "json"},
}

// env is the environment variable of a flag.
func env(flag string) string {
	return "TYPEWRITER_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Each setting is accepted as a flag, in the file and in the environment.
func TestEverySetting(t *testing.T) {
	if n := reflect.TypeFor[Config]().NumField() - 4; n != len(settings) { // without config, pauses, upstreams and formats
		t.Errorf("%d settings are tested, but there are %d", len(settings), n)
	}
	for _, test := range settings {
		t.Run(test.flag, func(t *testing.T) {
			check := func(way string, args ...string) {
				t.Helper()
				c, err := parse(args...)
				if err != nil {
					t.Errorf("%s: %v", way, err)
				} else if got := test.get(c); got != test.want {
					t.Errorf("%s: got %v, want %v", way, got, test.want)
				}
			}
			check("flag", "--"+test.flag+"="+test.value)
			if _, isSwitch := test.want.(bool); isSwitch {
				check("flag alone", "--"+test.flag)
			} else {
				check("flag with a space", "--"+test.flag, test.value)
			}
			check("file", file(t, test.flag+": "+test.value+"\n"))
			check("quoted in the file", file(t, test.flag+": \""+test.value+"\"\n"))
			t.Setenv(env(test.flag), test.value)
			check("environment")
		})
	}
}

func TestPrecedence(t *testing.T) {
	const fromFlag, fromEnv, fromFile = "1ms", "2ms", "3ms"
	for _, test := range []struct {
		name            string
		flag, env, file bool
		want            time.Duration
	}{
		{"none", false, false, false, typewriter.Auto},
		{"file", false, false, true, 3 * time.Millisecond},
		{"environment", false, true, false, 2 * time.Millisecond},
		{"environment over file", false, true, true, 2 * time.Millisecond},
		{"flag", true, false, false, time.Millisecond},
		{"flag over file", true, false, true, time.Millisecond},
		{"flag over environment", true, true, false, time.Millisecond},
		{"flag over both", true, true, true, time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			var args []string
			if test.flag {
				args = append(args, "--min-interval="+fromFlag)
			}
			if test.env {
				t.Setenv("TYPEWRITER_MIN_INTERVAL", fromEnv)
			}
			if test.file {
				args = append(args, file(t, "min-interval: "+fromFile))
			}
			c, err := parse(args...)
			if err != nil {
				t.Fatal(err)
			}
			if got := time.Duration(c.MinInterval); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}

	t.Run("what the environment lacks, the file gives", func(t *testing.T) {
		t.Setenv("TYPEWRITER_CONFIG", strings.TrimPrefix(file(t, "min-interval: 3ms\nseed: 3"), "--config="))
		t.Setenv("TYPEWRITER_SEED", "2")
		c, err := parse("--speed=1.5")
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(c.Speed, c.Seed, time.Duration(c.MinInterval)); got != "1.5 2 3ms" {
			t.Errorf("got %s, want 1.5 2 3ms", got)
		}
	})
}

func TestPaces(t *testing.T) {
	c, err := parse("--speed=2", "--max-lag=5s", "--max-tail=2s", "--reasoning=typewriter", "--smooth-max-lag=1s", "--unit=word", "--markdown", "--min-interval=1ms", "--seed=3")
	if err != nil {
		t.Fatal(err)
	}
	paces, err := c.Paces()
	if err != nil || len(paces) != 3 {
		t.Fatalf("got %d paces, %v; want 3", len(paces), err)
	}
	for mode, lag := range map[typewriter.Mode]time.Duration{
		typewriter.Typewriter: 5 * time.Second, typewriter.Smooth: time.Second, typewriter.Raw: 5 * time.Second,
	} {
		got := paces[mode]
		want := typewriter.Pace{
			Mode: mode, Speed: 2, MaxLag: lag, MaxTail: 2 * time.Second,
			Reasoning: typewriter.Typewriter, SmoothMaxLag: time.Second, Unit: typewriter.Word, Markdown: true, MinInterval: time.Millisecond, Pauses: got.Pauses, Seed: 3,
		}
		if got != want || got.Pauses == nil {
			t.Errorf("%s: got %+v, want %+v", mode, got, want)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, arg := range []string{"--help", "-h"} {
		var out bytes.Buffer
		if c, err := Parse([]string{"serve", arg}, &out); !errors.Is(err, ErrHelp) || c != nil {
			t.Errorf("%s: got %v, %v; want %v", arg, c, err, ErrHelp)
		}
		help := strings.Join(strings.Fields(out.String()), " ")
		for _, s := range settings {
			shown := "--" + s.flag + "="
			if _, isSwitch := s.want.(bool); isSwitch {
				shown = "--" + s.flag + " "
			}
			for _, want := range []string{shown, "($" + env(s.flag) + ")"} {
				if !strings.Contains(help, want) {
					t.Errorf("%s: %q is missing in %s", arg, want, help)
				}
			}
		}
		for _, want := range []string{
			"Flags override environment variables, which override the configuration file.", "($TYPEWRITER_CONFIG)",
			`--addr="127.0.0.1:8380"`, `--user-id="sse-typewriter"`, `--mode="typewriter"`, "--speed=1 ", "--max-lag=auto ", "--max-tail=auto ", `--reasoning="smooth"`, `--unit="grapheme"`,
			"--max-streams=10000 ", "--max-streams-per-client=0 ",
			"--smooth-max-lag=1s ", "--min-interval=auto ", "--seed=0 ", "--store-max-bytes=256MiB ", "--recovery-timeout=1m ", "--summarize-timeout=60s ", "--summarize-max-bytes=256KiB ", "--resume-grace=30s ", "--resume-retention=5m ", "--heartbeat=15s ",
			"--upstream-connect-timeout=10s ", "--upstream-header-timeout=60s ", "--upstream-idle-timeout=120s ",
			`--studio-done="normalize"`, "--max-event-bytes=8MiB ", "--max-body-bytes=32MiB ", "--max-upload-bytes=512MiB ",
			"--write-timeout=30s ",
			"--drain-timeout=30s ", `--log-level="info"`, `--log-format="text"`,
		} {
			if !strings.Contains(help, want) {
				t.Errorf("%s: %q is missing in %s", arg, want, help)
			}
		}
		if strings.Contains(help, "--pauses") {
			t.Errorf("%s: --pauses is shown, which is only for the file", arg)
		}
	}
}
