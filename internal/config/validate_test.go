package config

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// checkError checks that err contains all names.
func checkError(t *testing.T, err error, names ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("got no error, want one that names %q", names)
		return
	}
	for _, name := range names {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("got error %q, want it to name %q", err, name)
		}
	}
}

// badValues are invalid as a flag, as a variable and in the file.
var badValues = []struct{ flag, value string }{
	{"addr", "localhost"},
	{"addr", ""},
	{"addr", "a:b:c"},
	{"admin-addr", "9090"},
	{"admin-addr", "a:b:c"},
	{"upstream", "api.coze.com"},
	{"upstream", "ftp://api.coze.com"},
	{"upstream", "https://"},
	{"upstream", "https:///v3"},
	{"upstream", "https://h?"},
	{"upstream", "https://h?a=1"},
	{"upstream", "https://h/#a"},
	{"upstream", "https://h/#"},
	{"upstream", "https://me@h"},
	{"upstream", "https://h:port"},
	{"upstream-format", "other"},
	{"upstream-check", "never"},
	{"allow-anonymous", "perhaps"},
	{"hosts", "example.com:80"},
	{"hosts", "*"},
	{"cors-origins", "example.com"},
	{"cors-origins", "https://example.com/"},
	{"cors-origins", "https://Example.com"},
	{"cors-origins", "https://me@example.com"},
	{"cors-origins", "https://example.com?a"},
	{"cors-origins", "null"},
	{"trusted-proxies", "proxy.example"},
	{"trusted-proxies", "10.0.0.1/8"},
	{"trusted-proxies", "10.0.0.0/33"},
	{"trusted-proxies", "10.0.0.1:80"},
	{"max-streams", "0"},
	{"max-streams", "many"},
	{"max-streams-per-client", "-1"},
	{"rate-limit", "5"},
	{"rate-limit", "0/s"},
	{"rate-limit", "5/d"},
	{"store", "disk"},
	{"store", ""},
	{"store", "http://h:1"},
	{"mode", "fast"},
	{"mode", ""},
	{"mode", "Raw"},
	{"speed", "quick"},
	{"speed", "0"},
	{"speed", "-1"},
	{"speed", "101"},
	{"speed", "NaN"},
	{"max-lag", "soon"},
	{"max-lag", "3"},
	{"max-lag", "-1s"},
	{"max-lag", "-1ns"},
	{"max-lag", "1m1s"},
	{"max-tail", "later"},
	{"max-tail", "3"},
	{"max-tail", "-1s"},
	{"max-tail", "-1ns"},
	{"max-tail", "1m1s"},
	{"reasoning", "fast"},
	{"reasoning", ""},
	{"smooth-max-lag", "5"},
	{"smooth-max-lag", "0"},
	{"smooth-max-lag", "1m1s"},
	{"unit", "line"},
	{"unit", ""},
	{"min-interval", "1.5s"},
	{"min-interval", "-1ms"},
	{"seed", "-1"},
	{"seed", "1.5"},
	{"seed", "18446744073709551616"},
	{"store-max-bytes", "0"},
	{"store-max-bytes", "1TB"},
	{"resume-grace", "-1s"},
	{"resume-retention", "-1s"},
	{"recovery-timeout", "-1s"},
	{"heartbeat", "0s"},
	{"heartbeat", "-1s"},
	{"heartbeat", "15"},
	{"upstream-connect-timeout", "0s"},
	{"upstream-header-timeout", "0s"},
	{"upstream-first-text-timeout", "-1s"},
	{"upstream-idle-timeout", "-1s"},
	{"studio-done", "drop"},
	{"max-event-bytes", "-1"},
	{"max-body-bytes", "4 megabytes"},
	{"upstream-max-time", "0s"},
	{"max-connections", "0"},
	{"read-timeout", "0s"},
	{"idle-timeout", "0s"},
	{"write-timeout", "0s"},
	{"drain-timeout", "-1s"},
	{"log-level", "loud"},
	{"log-format", "xml"},
}

func TestBadValues(t *testing.T) {
	for _, test := range badValues {
		t.Run(test.flag+" "+strings.ReplaceAll(test.value, "/", "_"), func(t *testing.T) {
			name := "--" + test.flag
			_, err := parse("--" + test.flag + "=" + test.value)
			checkError(t, err, name, test.value)
			_, err = parse(file(t, test.flag+": \""+test.value+"\""))
			checkError(t, err, name, test.value)
			t.Setenv(env(test.flag), test.value)
			_, err = parse()
			checkError(t, err, name, test.value)
		})
	}
}

// All invalid settings are reported at once, in the order of the flags.
func TestAllErrors(t *testing.T) {
	want := []string{
		"addr", "admin-addr", "upstream", "mode", "speed", "max-lag", "max-tail", "reasoning", "smooth-max-lag", "unit", "min-interval",
		"max-streams", "max-streams-per-client", "store", "resume-grace", "resume-retention", "heartbeat",
		"upstream-connect-timeout", "upstream-header-timeout", "upstream-first-text-timeout", "upstream-idle-timeout", "upstream-max-time",
		"recovery-timeout", "summarize-timeout", "max-connections",
		"read-timeout", "idle-timeout", "write-timeout", "drain-timeout",
	}
	var args []string
	for _, flag := range want {
		args = append(args, "--"+flag+"=-1s")
		if strings.HasPrefix(flag, "max-") && flag != "max-lag" && flag != "max-tail" || flag == "speed" {
			args[len(args)-1] = "--" + flag + "=-1"
		}
	}
	slices.Reverse(args)
	t.Setenv("TYPEWRITER_NOPE", "")
	_, err := parse(append(args, file(t, "pauses: {dash: {chars: '-'}}"))...)
	checkError(t, err, "pauses: ")
	if err == nil {
		return
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want)+2 || !strings.Contains(lines[0], "TYPEWRITER_NOPE") {
		t.Errorf("got %d lines, want %d and TYPEWRITER_NOPE first: %v", len(lines), len(want)+2, err)
	}
	var got []string
	for _, match := range regexp.MustCompile(`(?m)^--([a-z-]+)`).FindAllStringSubmatch(err.Error(), -1) {
		got = append(got, match[1])
	}
	if !slices.Equal(got, want) {
		t.Errorf("got errors for\n%q, want\n%q", got, want)
	}
}

// An upstream token without keys is rejected together with other invalid settings.
func TestMissingModel(t *testing.T) {
	_, err := parse("--upstream-format=openai", "--upstream=http://h")
	checkError(t, err, "--upstream-format", "--model")
	for _, args := range [][]string{
		{"--upstream-format=openai"}, // the built-in mock
		{"--upstream-format=lke", "--upstream=http://h"},
		{"--upstream-format=acme", "--upstream=http://h", file(t, "formats: {acme: {}}")},
		{"--upstream-format=openai", "--upstream=http://h", "--model=m"},
		{"--upstream-format=coze", "--upstream=http://h"},
	} {
		if _, err := parse(args...); err != nil {
			t.Errorf("%q: got %v", args, err)
		}
	}
}

func TestTokenAndOtherErrors(t *testing.T) {
	_, err := parse("--addr=:1", "--upstream-token=SECRET", "--max-streams=0")
	checkError(t, err, "--upstream-token", "--max-streams")
}

func TestBadFlags(t *testing.T) {
	for _, test := range []struct {
		name  string
		args  []string
		names []string
	}{
		{"unknown", []string{"--nope"}, []string{"unknown flag", "--nope"}},
		{"unknown with a value", []string{"--max-lags=3s"}, []string{"unknown flag", "--max-lags"}},
		{"argument", []string{"serve", "it"}, []string{"it"}},
		{"argument without a command", []string{"it"}, []string{"it"}},
		{"no value", []string{"--addr"}, []string{"--addr"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := parse(test.args...)
			checkError(t, err, test.names...)
		})
	}
}
