package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
)

// Each mistake in the settings prevents the start with a line that names the likely fix.
func TestSettingsMistakes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, file, env string
		want            []string // the lines
	}{
		{"misspelled class", "pauses: {sentense: {min: 200ms}}", "", []string{"pauses: sentense: no such class (a new one needs chars): did you mean sentence?"}},
		{"no unit", "pauses: {sentence: {min: 200}}", "", []string{"pauses: sentence: min: 200 has no unit: did you mean 200ms?"}},
		{"min above max", "pauses: {sentence: {min: 2s}}", "", []string{"pauses: sentence: min 2s is above max 500ms, the default: set max too"}},
		{"list", "cors-origins: [https://a.example]", "", []string{"line 1: cors-origins: want the values separated by commas, such as first,second, and not a list"}},
		{"misspelled keys", "max_lag: 3s\nupstrem: x", "", []string{`unknown setting "max_lag": did you mean max-lag?`, `unknown setting "upstrem": did you mean upstream?`}},
		{"misspelled setting of an upstream", "upstreams: {/a: {url: 'http://h', tokn: SECRET}}", "", []string{`upstreams: /a: unknown setting "tokn": did you mean token?`}},
		{"misspelled variable", "", "TYPEWRITER_UPSTREAM_TOKN=SECRET", []string{"unknown environment variable TYPEWRITER_UPSTREAM_TOKN: did you mean TYPEWRITER_UPSTREAM_TOKEN?"}},
		{"syntax in the environment", "", "TYPEWRITER_PAUSES={sentence: {min: 200ms}", []string{"TYPEWRITER_PAUSES: yaml: line 1: did not find expected ',' or '}'"}},
		{"pauses in the environment", "", `TYPEWRITER_PAUSES={"sentence": {"min": 200}}`, []string{"TYPEWRITER_PAUSES: sentence: min: 200 has no unit: did you mean 200ms?"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cmd := testenv.Command(t.Context(), t, "--addr=127.0.0.1:0", configFile(t, test.file))
			cmd.Env = append(cmd.Env, test.env)
			_, got, code := testenv.Run(t, cmd)
			lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
			fits := slices.EqualFunc(lines, test.want, func(line, want string) bool {
				return strings.HasPrefix(line, "sse-typewriter: ") && strings.HasSuffix(line, want)
			})
			if !fits || code != 1 || strings.Contains(got, "SECRET") {
				t.Errorf("printed %q with exit code %d, want %q", lines, code, test.want)
			}
		})
	}
}

// The variables that Kubernetes sets for Services of the namespace do not prevent the start.
func TestServiceLinks(t *testing.T) {
	t.Parallel()
	cmd := testenv.Command(context.WithoutCancel(t.Context()), t, "--addr=127.0.0.1:0")
	for _, name := range []string{"TYPEWRITER", "TYPEWRITER_REDIS", "TYPEWRITER_ADMIN"} {
		cmd.Env = append(
			cmd.Env, name+"_SERVICE_HOST=10.0.0.1", name+"_SERVICE_PORT=80", name+"_SERVICE_PORT_HTTP=80", name+"_PORT=tcp://10.0.0.1:80",
			name+"_PORT_80_TCP=tcp://10.0.0.1:80", name+"_PORT_80_TCP_PROTO=tcp", name+"_PORT_80_TCP_PORT=80", name+"_PORT_80_TCP_ADDR=10.0.0.1",
		)
	}
	if _, body := send(t, "GET", testenv.StartCommand(t, cmd).Base+"/healthz"); body != "ok" {
		t.Errorf("got %q", body)
	}
}
