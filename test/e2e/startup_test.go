package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"sse-typewriter/internal/testenv"
)

// lines returns the lines of a log that contain a text.
func lines(log, text string) []string {
	var found []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// A server starts while its upstream is down, says so once, answers requests with errors in
// their formats, and serves as soon as the upstream is up.
func TestStartWithUpstreamDown(t *testing.T) {
	t.Parallel()
	reserved, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := reserved.Addr().String()
	_ = reserved.Close()
	p := testenv.Start(t, "--upstream=http://"+host)
	testenv.Eventually(t, "the upstream is reported", func() bool { return len(lines(p.Log.String(), "upstream is unreachable")) == 1 })
	if line := lines(p.Log.String(), "level=WARN")[0]; !strings.Contains(line, "url=http://"+host+" ") || !strings.Contains(line, "upstream=/ ") || !strings.Contains(line, "connection refused") {
		t.Errorf("the warning is %q", line)
	}
	for _, test := range []struct{ path, want string }{
		{"/v3/chat", `{"code":5021,"msg":"upstream cannot be reached",`},
		{"/v1/chat/completions", `{"error":{"message":"upstream cannot be reached",`},
		{"/v1/files", `{"code":5021,`},
	} {
		status, body := postJSON(t, p.Base+test.path, "", "{}")
		if status != http.StatusBadGateway || !strings.HasPrefix(body, test.want) {
			t.Errorf("%s: got %d %q, want %q", test.path, status, body, test.want)
		}
	}
	if status, _ := send(t, "GET", p.Base+"/readyz"); status != http.StatusOK {
		t.Errorf("/readyz: got %d", status)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", host)
	if err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	up := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up") })} //nolint:gosec // only for a moment
	go func() { _ = up.Serve(listener) }()                                                                                         // ends with Close
	defer up.Close()
	if status, body := postJSON(t, p.Base+"/v1/files", "", "{}"); status != http.StatusOK || body != "up" {
		t.Errorf("got %d %q from the upstream", status, body)
	}
	if n := len(lines(p.Log.String(), "upstream is unreachable")); n != 1 {
		t.Errorf("%d warnings, want 1", n)
	}
}

// Settings that are probably wrong are logged once each, with the likely value.
func TestStartHints(t *testing.T) {
	t.Parallel()
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	secure := httptest.NewTLSServer(nil)
	t.Cleanup(secure.Close)
	const model = "--model=m"
	for _, test := range []struct {
		name string
		args []string
		want string // in the only warning; empty: none
	}{
		{"base URL", []string{"--upstream=" + plain}, ""},
		{"base URL with a path", []string{"--upstream=" + plain + "/api/v1"}, ""},
		{"chat of Coze", []string{"--upstream=" + plain + "/v3/chat"}, "base_url=" + plain + "\n"},
		{"final slash", []string{"--upstream=" + plain + "/v3/chat/"}, "base_url=" + plain + "\n"},
		{"chat completions", []string{"--upstream=" + plain + "/v1/chat/completions", "--upstream-format=openai", model}, "base_url=" + plain + "/v1\n"},
		{"completions of another format", []string{"--upstream=" + plain + "/x/chat/completions"}, "base_url=" + plain + "/x\n"},
		{"https to an http port", []string{"--upstream=" + strings.Replace(plain, "http:", "https:", 1)}, "the port does not speak TLS: did you mean " + plain + "?"},
		{"certificate", []string{"--upstream=" + secure.URL}, "certificate"},
		{"no bot", []string{"--upstream=" + plain, "--bot-id="}, "no --bot-id"},
		{"no bot with the mock", []string{"--bot-id="}, ""},
		{"no bot with a model", []string{"--upstream=" + plain, "--bot-id=", "--upstream-format=openai", model}, ""},
		{"prefix", []string{configFile(t, "upstreams: {/a: {url: '"+plain+"/v3/chat'}}")}, "upstream=/a url=" + plain + "/v3/chat base_url=" + plain + "\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := testenv.Start(t, test.args...)
			if test.want != "" {
				testenv.Eventually(t, "the hint is logged", func() bool { return len(lines(p.Log.String(), "level=WARN")) > 0 })
			}
			p.Stop(t)
			got := lines(p.Log.String(), "level=WARN")
			if test.want == "" && len(got) == 0 || len(got) == 1 && test.want != "" && strings.Contains(strings.ReplaceAll(got[0], `\"`, `"`), test.want) {
				return
			}
			t.Errorf("got warnings %q, want one with %q", got, test.want)
		})
	}
}

// The commands that the server prints work, once the reader has put in the key, the token or
// the bot that the server does not know.
func TestPrintedCommands(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	standIn := testenv.Start(t).Base + "/upstream"
	for _, test := range []struct {
		name string
		args []string
		want string // in each command
	}{
		{"mock", nil, "/v3/chat"},
		{"mock with keys", []string{"--api-keys=" + oneKey}, "YOUR_KEY"},
		{"upstream", []string{"--upstream=" + standIn}, "YOUR_TOKEN"},
		{"upstream with a token", []string{"--upstream=" + standIn, "--upstream-token=t"}, "/v3/chat"},
		{"upstream with keys", []string{"--upstream=" + standIn, "--upstream-token=t", "--api-keys=" + oneKey}, "YOUR_KEY"},
		{"no bot", []string{"--upstream=" + standIn, "--bot-id="}, "bot_id=YOUR_BOT"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := testenv.Start(t, append([]string{"--speed=100"}, test.args...)...)
			testenv.Eventually(t, "the commands are printed", func() bool { return strings.Count(p.Stdout.String(), "curl") == 2 })
			for _, command := range regexp.MustCompile(`(?m)^ *curl .*$`).FindAllString(p.Stdout.String(), -1) {
				if !strings.Contains(command, test.want) {
					t.Errorf("printed %q, want %q in it", command, test.want)
				}
				command = strings.NewReplacer("YOUR_KEY", oneKey, "YOUR_TOKEN", "t", "YOUR_BOT", "7", "curl ", "curl --noproxy '*' -s ").Replace(command)
				out, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput()
				if err != nil || !strings.Contains(string(out), "[DONE]") {
					t.Errorf("%s: %v, printed %.300q", command, err, out)
				}
			}
		})
	}
}

// A signal says what the server waits for, and how not to wait.
func TestShutdownSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	up := newRecordingUpstream(t)
	cmd := testenv.Command(context.WithoutCancel(t.Context()), t, "--addr=127.0.0.1:0", "--drain-timeout=1h", "--bot-id=1", "--upstream="+up.URL)
	p := testenv.StartCommand(t, cmd)
	res := start(t, p.Base+"/v3/chat?message=HOLD&mode=raw")
	defer res.Body.Close()
	p.Signal(syscall.SIGINT)
	testenv.Eventually(t, "the shutdown is logged", func() bool { return strings.Contains(p.Log.String(), "shutting down") })
	if line := lines(p.Log.String(), "shutting down")[0]; !strings.Contains(line, "answers=1 requests=1 timeout=1h0m0s") || !strings.Contains(line, "another signal exits at once") {
		t.Errorf("logged %q", line)
	}
	p.Signal(syscall.SIGINT)
	if err := p.Cmd.Wait(); err == nil || p.Cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
		t.Errorf("the second signal ended with %v", p.Cmd.ProcessState)
	}

	idle := testenv.Start(t, "--drain-timeout=1h")
	idle.Stop(t)
	if line := lines(idle.Log.String(), "shutting down"); len(line) != 1 || !strings.HasSuffix(line[0], "msg=\"shutting down\"\n") {
		t.Errorf("an idle server logged %q", line)
	}
}

// start sends a GET and reads the reply up to the first byte.
func start(t *testing.T, url string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(res.Body, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return res
}

// The first run on a laptop, with few descriptors, prints no warning. A server for others
// does.
func TestDescriptorWarning(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		args []string
		want int
	}{
		{"first run", []string{"--addr=127.0.0.1:0"}, 0},
		{"public address", []string{"--addr=0.0.0.0:0"}, 1},
		{"a number of connections", []string{"--addr=127.0.0.1:0", "--max-connections=1000"}, 1},
		{"few connections", []string{"--addr=127.0.0.1:0", "--max-connections=10"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cmd := testenv.Command(context.WithoutCancel(t.Context()), t)
			cmd = exec.CommandContext(context.WithoutCancel(t.Context()), "sh", append([]string{"-c", `ulimit -n 256; exec "$0" "$@"`, cmd.Path}, test.args...)...) //nolint:gosec // arguments of the test
			cmd.Env = []string{"NO_PROXY=*"}
			var log testenv.Output
			cmd.Stderr = &log
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			testenv.Eventually(t, "the server serves", func() bool { return strings.Contains(log.String(), "msg=serving") })
			_ = cmd.Process.Signal(syscall.SIGTERM)
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			if got := len(lines(log.String(), "descriptor limit is too low")); got != test.want {
				t.Errorf("%d warnings, want %d: %s", got, test.want, log.String())
			}
		})
	}
}
