package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"sse-typewriter/internal/testenv"
)

// A server that cannot start prints one clear line, without secrets, and exits with
// code 1.
func TestStartErrors(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	closed := unreachable()
	closedHost := strings.TrimPrefix(closed, "http://")
	plainHost := strings.TrimPrefix(serve(t, func(http.ResponseWriter, *http.Request) {}), "http://")
	const anyPort = "--addr=127.0.0.1:0"
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"used port", []string{"--addr", taken.Addr().String()}, "the port is in use"},
		{"no port", []string{"--addr", "localhost"}, `--addr "localhost": want host:port`},
		{"used admin port", []string{anyPort, "--admin-addr", taken.Addr().String()}, "cannot serve metrics on 127.0.0.1:"},
		{"unknown flag", []string{"--nothing"}, "unknown flag --nothing"},
		{"bad value", []string{"--max-lag", "3"}, "--max-lag"},
		{"bad mode", []string{"--mode", "fast"}, `--mode "fast": want typewriter, smooth or raw`},
		{"unreachable upstream", []string{anyPort, "--upstream-check=strict", "--upstream", closed}, "cannot reach upstream " + closed},
		{"unknown upstream", []string{anyPort, "--upstream-check=strict", "--upstream", "http://nowhere.invalid"}, "cannot reach upstream http://nowhere.invalid"},
		{"https to an http port", []string{anyPort, "--upstream-check=strict", "--upstream", "https://" + plainHost}, "the port does not speak TLS: did you mean http://" + plainHost + "?"},
		{"upstream without scheme", []string{"--upstream", "api.coze.com"}, `--upstream "api.coze.com": want a URL`},
		{"unreachable store", []string{anyPort, "--store", "redis://u:SECRET@" + closedHost}, "--store: cannot use Redis at " + closedHost},
		{"bad store", []string{anyPort, "--store", "redis://u:SECRET@h:1/x y"}, "--store: cannot read the Redis URL"},
		{"missing file", []string{"--config", "/nowhere.yaml"}, "/nowhere.yaml"},
		{"token for anyone", []string{"--addr=0.0.0.0:0", "--upstream-token=SECRET"}, "--allow-anonymous"},
		{"short key", []string{"--api-keys=" + oneKey + ",SECRET"}, "key 2 is shorter than 16 bytes"},
		{"bad origin", []string{"--api-keys=" + oneKey, "--cors-origins=page.example"}, `"page.example"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, got, code := testenv.Run(t, testenv.Command(t.Context(), t, test.args...))
			if code != 1 {
				t.Errorf("exit code is %d", code)
			}
			if !strings.HasPrefix(got, "sse-typewriter: ") || strings.Count(got, "\n") != 1 || !strings.Contains(got, test.want) {
				t.Errorf("printed %q, want one line with %q", got, test.want)
			}
			if strings.Contains(got, "SECRET") || strings.Contains(got, oneKey) {
				t.Errorf("printed a secret: %q", got)
			}
		})
	}
}

// Each invalid setting is printed on a line of its own.
func TestStartErrorLines(t *testing.T) {
	t.Parallel()
	_, got, code := testenv.Run(t, testenv.Command(t.Context(), t, "--addr=localhost", "--heartbeat=0s"))
	const want = "sse-typewriter: --addr \"localhost\": want host:port\nsse-typewriter: --heartbeat 0s: want more than 0\n"
	if got != want || code != 1 {
		t.Errorf("printed %q with exit code %d, want %q", got, code, want)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	out, failed, code := testenv.Run(t, testenv.Command(t.Context(), t, "--version"))
	if code != 0 || failed != "" || strings.Count(out, "\n") != 1 || len(out) < 2 {
		t.Errorf("printed %q and %q, exit code %d", out, failed, code)
	}
}

// A server that is started without a configuration names the built-in mock in its first log
// line and prints its address with commands to try. SIGTERM ends it with exit code 0.
func TestStartWithoutConfiguration(t *testing.T) {
	t.Parallel()
	p := testenv.StartCommand(t, testenv.Command(context.WithoutCancel(t.Context()), t, "--addr=127.0.0.1:0"))
	testenv.Eventually(t, "the first line is logged", func() bool { return strings.Contains(p.Log.String(), "\n") })
	line, _, _ := strings.Cut(p.Log.String(), "\n")
	if !strings.Contains(line, "built-in mock at "+p.Base) {
		t.Errorf("first line of the log: %q", line)
	}
	if _, body := send(t, "POST", p.Base+"/v3/chat?mode=raw"); !strings.Contains(body, "[DONE]") {
		t.Errorf("got %q", body)
	}
	p.Signal(syscall.SIGTERM)
	p.Stop(t)
	if printed := p.Stdout.String(); strings.Count(printed, "curl -N") != 2 {
		t.Errorf("printed %q", printed)
	}
}

// Tokens and content are in no log line and in no error.
func TestSecretsAreNotLogged(t *testing.T) {
	t.Parallel()
	up := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Break") != "" {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "event:conversation.message.delta\ndata:{\"id\":\"1\",\"content\":\"CONTENT\"}\n\n")
	})
	cmd := testenv.Command(context.WithoutCancel(t.Context()), t, "--addr=127.0.0.1:0", "--log-level=debug", "--bot-id=1", "--upstream", up)
	cmd.Env = append(cmd.Env, "TYPEWRITER_UPSTREAM_TOKEN=SERVERTOKEN")
	p := testenv.StartCommand(t, cmd)
	for _, path := range []string{"/v3/chat?message=CONTENT", "/v1/bot/x?a=CONTENT", "/v1/../CONTENT"} {
		for _, header := range [][]string{{"Authorization", "Bearer CLIENTTOKEN"}, {"X-Break", "1"}, nil} {
			_, body := send(t, "GET", p.Base+path, header...)
			if strings.Contains(body, "TOKEN") || strings.Contains(body, up) {
				t.Errorf("%s: client got %q", path, body)
			}
		}
	}
	p.Signal(syscall.SIGINT)
	p.Stop(t)
	if log := p.Log.String(); !strings.Contains(log, "outcome=cut") || strings.Contains(log, "TOKEN") || strings.Contains(log, "CONTENT") {
		t.Errorf("log is %s", log)
	}
}

// adminURL returns the base URL of a server's admin address.
func adminURL(t *testing.T, p *testenv.Program) string {
	t.Helper()
	var found []string
	testenv.Eventually(t, "the admin address is logged", func() bool {
		found = regexp.MustCompile(`address=(http://127[0-9.:]+)\n`).FindStringSubmatch(p.Log.String())
		return found != nil
	})
	return found[1]
}

// An admin address takes /metrics from the public address and adds profiles.
func TestAdminAddress(t *testing.T) {
	t.Parallel()
	p := testenv.Start(t, "--admin-addr=127.0.0.1:0")
	admin, public := adminURL(t, p), testenv.Start(t).Base
	for _, test := range []struct {
		method, url string
		status      int
		want        string // in the body
	}{
		{"GET", public + "/metrics", 200, "\ntypewriter_streams_active 0\n"},
		{"HEAD", public + "/metrics", 200, ""},
		{"POST", public + "/metrics", 405, `"code":4000`},
		{"GET", p.Base + "/metrics", 404, `"code":4200`},
		{"HEAD", p.Base + "/metrics", 404, ""},
		{"GET", p.Base + "/healthz", 200, "ok"},
		{"HEAD", p.Base + "/healthz", 200, ""},
		{"POST", p.Base + "/healthz", 405, `"code":4000`},
		{"GET", p.Base + "/readyz", 200, `{"status":"ready","store":"available"}`},
		{"HEAD", p.Base + "/readyz", 200, ""},
		{"GET", p.Base + "/debug/pprof/", 404, `"code":4200`},
		{"GET", p.Base + "/debug/pprof/heap", 404, `"code":4200`},
		{"GET", admin + "/metrics", 200, "\ngo_goroutines "},
		{"GET", admin + "/debug/pprof/", 200, "goroutine"},
		{"GET", admin + "/debug/pprof/goroutine?debug=1", 200, "goroutine profile"},
		{"GET", admin + "/debug/pprof/cmdline", 404, ""}, // the command line may hold a token
		{"GET", admin + "/v3/chat", 404, ""},
		{"POST", admin + "/metrics", 405, ""},
	} {
		status, body := send(t, test.method, test.url)
		if status != test.status || !strings.Contains(body, test.want) || test.method == "HEAD" && body != "" {
			t.Errorf("%s %s: got %d %.300s", test.method, test.url, status, body)
		}
	}
}
