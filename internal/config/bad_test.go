package config

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// checkError reports an error that does not name what is wrong.
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

// badValues are what no flag, variable or line of the file may say.
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
	{"allow-anonymous", "perhaps"},
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
	{"rate-limit", "5/h"},
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
	{"max-lag", "1m1s"},
	{"smooth-max-lag", "5"},
	{"smooth-max-lag", "0"},
	{"smooth-max-lag", "1m1s"},
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

func TestBadFiles(t *testing.T) {
	for _, test := range []struct {
		name, file string
		names      []string
	}{
		{"unknown key", "addr: :1\nnope: 1\n", []string{"unknown setting", `"nope"`}},
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
			if !strings.HasPrefix(test.names[0], "--") { // the file's own mistake, not a value's
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

func TestSizes(t *testing.T) {
	for _, test := range []struct {
		text string
		want int // 0: an error
	}{
		{"1", 1},
		{"1000", 1000},
		{"4KiB", 4 << 10},
		{"256MiB", 256 << 20},
		{"2GiB", 2 << 30},
		{"1 MiB", 1 << 20},
		{"1024GiB", 1 << 40},
		{"1099511627776", 1 << 40},

		{"", 0},
		{"0", 0},
		{"0MiB", 0},
		{"-1", 0},
		{"-1KiB", 0},
		{"1.5GiB", 0},
		{"1025GiB", 0},
		{"1099511627777", 0},
		{"9223372036854775807GiB", 0},
		{"99999999999999999999", 0},
		{"MiB", 0},
		{"1MB", 0},
		{"1mib", 0},
		{"1KiBMiB", 0},
		{"1e3", 0},
		{"0x10", 0},
		{"many", 0},
	} {
		var s size
		err := s.UnmarshalText([]byte(test.text))
		if test.want == 0 {
			checkError(t, err, test.text, "256MiB")
		} else if err != nil || int(s) != test.want {
			t.Errorf("%q: got %d, %v; want %d", test.text, s, err, test.want)
		}
	}
}
