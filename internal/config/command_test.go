package config

import (
	"bytes"
	"cmp"
	"errors"
	"reflect"
	"strings"
	"testing"

	"sse-typewriter/internal/terminal"
)

func TestCommands(t *testing.T) {
	t.Setenv("TYPEWRITER_MODE", "raw") // the server's
	asks := func(o terminal.Options) *Command { return &Command{Chat: &o} }
	for _, test := range []struct {
		name string
		args []string
		want *Command // nil: serve at the address :1
	}{
		{"no command", []string{"--addr=:1"}, nil},
		{"serve", []string{"serve", "--addr=:1"}, nil},
		{"chat", []string{"chat", "hello"}, asks(terminal.Options{Message: []string{"hello"}, URL: "http://127.0.0.1:8380"})},
		{"chat with words and flags", []string{
			"chat", "--url=http://h:1/", "hello", "world", "--speed=2", "--mode", "smooth", "--max-lag=1s",
			"--token=t", "--bot-id=1", "--user-id=2", "--conversation-id=3",
		}, asks(terminal.Options{
			Message: []string{"hello", "world"}, URL: "http://h:1/", Speed: "2", Mode: "smooth", MaxLag: "1s",
			Token: "t", BotID: "1", UserID: "2", ConversationID: "3",
		})},
		{"chat of what is piped", []string{"chat", "-"}, asks(terminal.Options{Message: []string{"-"}, URL: "http://127.0.0.1:8380"})},
		{"chat without a message", []string{"chat"}, asks(terminal.Options{URL: "http://127.0.0.1:8380"})},
		{"chat with a dash", []string{"chat", "--", "--help"}, asks(terminal.Options{Message: []string{"--help"}, URL: "http://127.0.0.1:8380"})},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Parse(test.args, &bytes.Buffer{})
			switch {
			case err != nil:
				t.Fatal(err)
			case test.want == nil:
				if got.Chat != nil || got.Serve == nil || got.Serve.Addr != ":1" {
					t.Errorf("got %+v", got)
				}
			case !reflect.DeepEqual(got, test.want):
				t.Errorf("got %+v, want %+v", got.Chat, test.want.Chat)
			}
		})
	}
}

// The chat command reads its address and token from the environment, and ignores invalid
// settings of the server there.
func TestChatEnvironment(t *testing.T) {
	t.Setenv("TYPEWRITER_URL", "https://h")
	t.Setenv("TYPEWRITER_TOKEN", "secret")
	t.Setenv("TYPEWRITER_SPEED", "quick")
	got, err := Parse([]string{"chat", "hi"}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if c := got.Chat; c.URL != "https://h" || c.Token != "secret" || c.Speed != "" {
		t.Errorf("got %+v", c)
	}
}

// A variable with our prefix that no flag reads is an error.
func TestUnknownVariables(t *testing.T) {
	for _, test := range []struct {
		variable string   // a value may follow
		names    []string // in the error; nil: none
	}{
		{"TYPEWRITER_URL", nil},
		{"TYPEWRITER_SERVICE_HOST", nil}, // of Kubernetes
		{"TYPEWRITER_SERVICE_PORT_HTTP", nil},
		{"TYPEWRITER_PORT=tcp://10.0.0.1:80", nil},
		{"TYPEWRITER_PORT_80_TCP_ADDR", nil},
		{"TYPEWRITER_REDIS_SERVICE_HOST", nil}, // of a Service named typewriter-redis
		{"TYPEWRITER_REDIS_SERVICE_PORT", nil},
		{"TYPEWRITER_REDIS_PORT=tcp://10.0.0.1:6379", nil},
		{"TYPEWRITER_REDIS_PORT_6379_TCP", nil},
		{"TYPEWRITER_REDIS_PORT_6379_TCP_PROTO", nil},
		{"TYPEWRITER_DNS_PORT_53_UDP_PORT", nil},
		{"TYPEWRITERS", nil},
		{"SSE_TYPEWRITER_X", nil},
		{"typewriter_adr", nil},

		{"TYPEWRITER_ADR", []string{"TYPEWRITER_ADR: did you mean TYPEWRITER_ADDR?"}},
		{"TYPEWRITER_MAXLAG", []string{"TYPEWRITER_MAXLAG: did you mean TYPEWRITER_MAX_LAG?"}},
		{"TYPEWRITER_UPSTREAM_TOKN", []string{"did you mean TYPEWRITER_UPSTREAM_TOKEN?"}},
		{"TYPEWRITER_ESRUME_GRACE", []string{"did you mean TYPEWRITER_RESUME_GRACE?"}},
		{"TYPEWRITER_SPAAD", []string{"did you mean TYPEWRITER_SPEED?"}},
		{"TYPEWRITER_SOMETHING_ELSE", []string{"unknown environment variable TYPEWRITER_SOMETHING_ELSE"}},
		{"TYPEWRITER_HELP", []string{"TYPEWRITER_HELP"}},
		{"TYPEWRITER_PAUSE", []string{"TYPEWRITER_PAUSE"}},
		{"TYPEWRITER_VERSION", []string{"TYPEWRITER_VERSION"}},
		{"TYPEWRITER_PORTS", []string{"TYPEWRITER_PORTS"}},
		{"TYPEWRITER_PORT=8080", []string{"TYPEWRITER_PORT"}},
		{"TYPEWRITER_ADMIN_PORT=8081", []string{"TYPEWRITER_ADMIN_PORT"}},
		{"TYPEWRITER_PORT_X_TCP", []string{"TYPEWRITER_PORT_X_TCP"}},
		{"TYPEWRITER_", []string{"TYPEWRITER_"}},
	} {
		t.Run(test.variable, func(t *testing.T) {
			variable, value, _ := strings.Cut(test.variable, "=")
			t.Setenv(variable, cmp.Or(value, "SECRET"))
			for _, args := range [][]string{nil, {"serve"}, {"chat", "hi"}} {
				_, err := Parse(args, &bytes.Buffer{})
				if test.names == nil {
					if err != nil {
						t.Errorf("%v: %v", args, err)
					}
					continue
				}
				checkError(t, err, test.names...)
				if err != nil && strings.Contains(err.Error(), "SECRET") {
					t.Errorf("%v: %v contains the value", args, err)
				}
			}
		})
	}
	t.Setenv("TYPEWRITER_SOMETHING_ELSE", "")
	if _, err := parse(); err == nil || strings.Contains(err.Error(), "did you mean") {
		t.Errorf("got %v, want no suggestion", err)
	}
}

// The version is printed even if the environment is invalid.
func TestVersion(t *testing.T) {
	t.Setenv("TYPEWRITER_SPEED", "quick")
	t.Setenv("TYPEWRITER_UNKNOWN", "1")
	for _, arg := range []string{"--version", "version"} {
		if c, err := Parse([]string{arg}, &bytes.Buffer{}); !errors.Is(err, ErrVersion) || c != nil {
			t.Errorf("%s: got %v, %v; want %v", arg, c, err, ErrVersion)
		}
	}
}

func TestHelpOfCommands(t *testing.T) {
	for _, test := range []struct {
		args []string
		want []string
	}{
		{[]string{"--help"}, []string{"serve", "chat [<message>", "version", "--version", "serve --help"}},
		{[]string{"chat", "--help"}, []string{"--url=", "($TYPEWRITER_URL)", "($TYPEWRITER_TOKEN)", "--speed=", "<message>"}},
	} {
		var out bytes.Buffer
		if _, err := Parse(test.args, &out); !errors.Is(err, ErrHelp) {
			t.Errorf("%v: %v", test.args, err)
		}
		for _, want := range test.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%v: %q is missing in %s", test.args, want, out.String())
			}
		}
		if strings.Contains(out.String(), "TYPEWRITER_MODE") {
			t.Errorf("%v: the server's variable is shown in %s", test.args, out.String())
		}
	}
}

// Each of the server's flags is in a section of the help.
func TestSections(t *testing.T) {
	var out bytes.Buffer
	if _, err := Parse([]string{"serve", "--help"}, &out); !errors.Is(err, ErrHelp) {
		t.Fatal(err)
	}
	help := out.String()
	at := 0
	for _, want := range []string{
		"Server and upstream:\n", "--config=", "--addr=", "Pacing:\n", "--mode=", "--seed=",
		"Authentication and limits:\n", "--api-keys=", "--rate-limit=",
		"Resuming:\n", "--store=", "Timeouts and sizes:\n", "--heartbeat=", "Logging:\n", "--log-level=",
	} {
		i := strings.Index(help[at:], want)
		if i < 0 {
			t.Fatalf("%q is missing or misplaced in %s", want, help)
		}
		at += i
	}
	if flags, _, _ := strings.Cut(help, "Server and upstream:"); strings.Contains(flags, "--addr") {
		t.Errorf("a setting precedes the sections: %s", flags)
	}
}
