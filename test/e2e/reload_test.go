package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"sse-typewriter/internal/testenv"
)

// reloadable is a server with a file of settings.
type reloadable struct {
	*testenv.Program
	t    *testing.T
	file string
}

// startReloadable starts a server with settings and further arguments.
func startReloadable(t *testing.T, settings string, args ...string) *reloadable {
	t.Helper()
	s := &reloadable{t: t, file: filepath.Join(t.TempDir(), "settings.yaml")}
	s.write(settings)
	s.Program = testenv.Start(t, append([]string{"--admin-addr=127.0.0.1:0", "--config=" + s.file}, args...)...)
	return s
}

func (s *reloadable) write(settings string) {
	s.t.Helper()
	if err := os.WriteFile(s.file, []byte(settings), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// reply is the reply to POST /reload.
type reply struct {
	Reloaded        bool
	Restart, Errors []string
}

// reload writes settings and asks the admin address to read them.
func (s *reloadable) reload(settings string) (status int, got reply) {
	s.t.Helper()
	s.write(settings)
	status, body := send(s.t, "POST", adminURL(s.t, s.Program)+"/reload")
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		s.t.Errorf("got %q: %v", body, err)
	}
	return status, got
}

// status returns the status of a chat with a key.
func (s *reloadable) status(key string) int {
	s.t.Helper()
	status, _ := send(s.t, "GET", s.Base+"/v3/chat?message=hi&mode=raw", "Authorization", "Bearer "+key)
	return status
}

// A reload changes keys, limits, pauses, origins and tokens. Running streams go on, also
// those of removed keys.
func TestReload(t *testing.T) {
	t.Parallel()
	up, other := newRecordingUpstream(t), newRecordingUpstream(t)
	hash := sha256.Sum256([]byte(otherKey))
	keys := filepath.Join(t.TempDir(), "keys")
	writeKeys := func(text string) {
		if err := os.WriteFile(keys, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writeKeys("alice " + oneKey + "\n")
	upstreams := func(token string) string {
		return "upstreams: {/other: {url: '" + other.URL + "', bot-id: 1, token: " + token + "}}\n"
	}
	s := startReloadable(t, "upstream-token: OLD\n"+upstreams("OTHEROLD"), "--upstream="+up.URL, "--api-keys=@"+keys)
	held, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(held, http.MethodGet, s.Base+"/v3/chat?message=HOLD&mode=raw", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+oneKey)
	running, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer running.Body.Close()
	if _, err := io.ReadFull(running.Body, make([]byte, 100)); err != nil { // the first delta
		t.Fatal(err)
	}

	writeKeys("# bob only\nbob sha256:" + hex.EncodeToString(hash[:]) + "\n")
	if status, got := s.reload("upstream-token: NEW\ncors-origins: https://page.example\nrate-limit: 3/m\npauses: {other: {min: 1ms, max: 1ms}}\n" + upstreams("OTHERNEW")); status != 200 || !got.Reloaded || got.Restart != nil || got.Errors != nil {
		t.Fatalf("got %d %+v", status, got)
	}
	if got := s.status(oneKey); got != http.StatusUnauthorized {
		t.Errorf("the removed key: got %d", got)
	}
	if got := s.status(otherKey); got != http.StatusOK {
		t.Errorf("the new key: got %d", got)
	}
	status, _ := send(t, "GET", s.Base+"/other/v3/chat?message=hi&mode=raw", "Authorization", "Bearer "+otherKey)
	if last := other.requests(); status != 200 || len(last) != 1 || !strings.Contains(last[0], "Authorization: Bearer OTHERNEW\r\n") {
		t.Errorf("got %d, the other upstream got %q", status, last)
	}
	if last := up.requests(); !strings.Contains(last[0], "Bearer OLD\r\n") || !strings.Contains(last[1], "Bearer NEW\r\n") || len(last) != 2 {
		t.Errorf("the upstream got %q", last)
	}
	_, header, _ := readReply(t, http.DefaultClient.Do, corsRequest(t, s.Base))
	if got := header.Get("Access-Control-Allow-Origin"); got != "https://page.example" {
		t.Errorf("the page is allowed as %q", got)
	}
	if a, b := s.status(otherKey), s.status(otherKey); a != 200 || b != http.StatusTooManyRequests {
		t.Errorf("the rate limit: got %d and %d", a, b)
	}
	cancel()
	testenv.Eventually(t, "the streams have ended", func() bool { return len(lines(s.Log.String(), "stream ended")) == 4 })
	log := s.Log.String()
	if strings.Count(log, "key=bob") != 3 || strings.Count(log, "settings reloaded") != 1 || !strings.Contains(log, "key=alice") || !strings.Contains(log, "outcome=left") {
		t.Errorf("the log is %s", log)
	}
	for _, secret := range []string{oneKey, otherKey, "OLD", "NEW", hex.EncodeToString(hash[:])} {
		if strings.Contains(log, secret) {
			t.Errorf("%s is in the log", secret)
		}
	}
}

// corsRequest returns a preflight request of a page.
func corsRequest(t *testing.T, base string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, base+"/v3/chat", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "https://page.example")
	req.Header.Set("Access-Control-Request-Method", "POST")
	return req
}

// Invalid settings change nothing and are reported in one line. Settings that need a restart
// are named in one line, and the others are applied.
func TestReloadErrors(t *testing.T) {
	t.Parallel()
	s := startReloadable(t, "api-keys: "+oneKey+"\n", "--upstream="+newRecordingUpstream(t).URL)
	for _, test := range []struct {
		name, settings string
		restart        []string
		errors         []string
		log            string
	}{
		{"syntax", "api-keys: [", nil, []string{s.file + ": yaml: line 1: did not find expected node content"}, "cannot reload the settings; the old ones stay"},
		{"several", "api-keys: SECRET\nheartbeat: 0s\n", nil, []string{"--api-keys: key 1 is shorter than 16 bytes"}, "key 1 is shorter than 16 bytes"},
		{"pauses", "pauses: {sentense: {min: 1ms}}\nmax-streams: 0\n", nil, []string{"pauses: sentense: no such class (a new one needs chars): did you mean sentence?", "--max-streams 0: want more than 0"}, "did you mean sentence?; --max-streams 0"},
		{"restart", "api-keys: " + oneKey + "\naddr: :1\nheartbeat: 1s\nupstreams: {/new: {url: 'http://h'}}\n", []string{"addr", "heartbeat", "upstreams: /new"}, nil, `msg="changed settings need a restart" settings="addr, heartbeat, upstreams: /new"`},
	} {
		status, got := s.reload(test.settings)
		want := http.StatusOK
		if test.errors != nil {
			want = http.StatusUnprocessableEntity
		}
		// Addr is a flag of the test's program, which wins over the file.
		test.restart = slices.DeleteFunc(test.restart, func(name string) bool { return name == "addr" })
		test.log = strings.Replace(test.log, "addr, ", "", 1)
		if status != want || got.Reloaded != (test.errors == nil) || !slices.Equal(got.Errors, test.errors) || !slices.Equal(got.Restart, test.restart) {
			t.Errorf("%s: got %d %+v, want %q and %q", test.name, status, got, test.errors, test.restart)
		}
		testenv.Eventually(t, test.name+" is logged", func() bool { return len(lines(s.Log.String(), test.log)) == 1 })
		if got := s.status(oneKey); got != http.StatusOK {
			t.Errorf("%s: the key has the status %d", test.name, got)
		}
	}
	if log := s.Log.String(); strings.Contains(log, "SECRET") || strings.Contains(log, oneKey) {
		t.Errorf("a secret is in the log: %s", log)
	}
	admin := adminURL(t, s.Program)
	if status, _ := send(t, "GET", admin+"/reload"); status != http.StatusMethodNotAllowed {
		t.Errorf("GET: got %d", status)
	}
	if status, _ := send(t, "POST", admin+"/reload", "Origin", "https://page.example", "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden {
		t.Errorf("from a page: got %d", status)
	}
}

// SIGHUP reloads a file. Without a file, it ends the server like SIGTERM, unless hangups are
// ignored.
func TestHangup(t *testing.T) {
	t.Parallel()
	s := startReloadable(t, "api-keys: "+oneKey+"\n", "--upstream="+newRecordingUpstream(t).URL)
	s.write("api-keys: " + otherKey + "\n")
	s.Signal(syscall.SIGHUP)
	testenv.Eventually(t, "the file is read", func() bool { return strings.Contains(s.Log.String(), "settings reloaded") })
	if a, b := s.status(oneKey), s.status(otherKey); a != http.StatusUnauthorized || b != http.StatusOK {
		t.Errorf("got %d with the old key and %d with the new key", a, b)
	}
	s.write("max_streams: 1\n")
	s.Signal(syscall.SIGHUP)
	testenv.Eventually(t, "the mistake is reported", func() bool {
		return len(lines(s.Log.String(), `unknown setting \"max_streams\": did you mean max-streams?`)) == 1
	})

	plain := testenv.Start(t)
	plain.Signal(syscall.SIGHUP)
	if err := plain.Cmd.Wait(); err != nil || !strings.Contains(plain.Log.String(), "shutting down") {
		t.Errorf("without a file: %v, %s", err, plain.Log.String())
	}

	cmd := testenv.Command(context.WithoutCancel(t.Context()), t, "--addr=127.0.0.1:0")
	cmd.Args = append([]string{"sh", "-c", `trap "" HUP; exec "$0" "$@"`}, cmd.Args...)
	cmd.Path = "/bin/sh"
	ignoring := testenv.StartCommand(t, cmd)
	ignoring.Signal(syscall.SIGHUP)
	if status, _ := send(t, "GET", ignoring.Base+"/healthz"); status != http.StatusOK {
		t.Errorf("with nohup: got %d", status)
	}
}

// A file that has lost its keys, as one that is being written, does not open the server, also
// if an earlier reload has brought the keys.
func TestReloadKeepsKeys(t *testing.T) {
	t.Parallel()
	s := startReloadable(t, "", "--upstream="+newRecordingUpstream(t).URL)
	if status, got := s.reload("api-keys: " + oneKey + "\n"); status != http.StatusOK {
		t.Fatalf("keys: got %d %+v", status, got)
	}
	if status, got := s.reload(""); status != http.StatusUnprocessableEntity || len(got.Errors) != 1 || !strings.Contains(got.Errors[0], "all keys are removed") {
		t.Errorf("no keys: got %d %+v", status, got)
	}
	if without, with := s.status(""), s.status(oneKey); without != http.StatusUnauthorized || with != http.StatusOK {
		t.Errorf("got %d without a key and %d with it", without, with)
	}
}
