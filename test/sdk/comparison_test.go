package sdk

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/testenv"
)

// comparison runs the SDKs of a service straight and through the program.
type comparison struct {
	runners  []runner
	streams  map[string]replayed
	upstream string // replays the streams
	path     string // of the SDKs' base URL
}

// newRunners returns the runners of a service's scripts and of its program for Go, with the
// names of their SDKs.
func newRunners(service string, node, python, golang []string) []runner {
	return []runner{
		{"node", func(t *testing.T) (string, string) {
			testenv.InstallNPM(t, ".")
			return "node", service + ".mjs"
		}, node},
		{"python", func(t *testing.T) (string, string) {
			return testenv.InstallPip(t, "requirements.txt"), "with_" + service + ".py"
		}, python},
		{"go", func(t *testing.T) (string, string) { return buildGo(t, service), "" }, golang},
	}
}

// compare checks that the results of each stream are the same straight and through the
// program.
func (c comparison) compare(t *testing.T) {
	args := []string{"--upstream=" + c.upstream, "--heartbeat=20ms"}
	servers := map[string]string{
		straight:   c.upstream,
		raw:        start(t, append(args, "--mode=raw")...).Base,
		typewriter: start(t, append(args, "--mode=typewriter", "--speed=10", "--max-lag=200ms")...).Base,
	}
	names := slices.Sorted(maps.Keys(c.streams))
	var jobs []job
	for server, base := range servers {
		for _, name := range names {
			jobs = append(jobs, job{Case: server + " " + name, Base: base + c.path, Model: name, Key: "k", Legacy: c.streams[name].legacy})
		}
	}
	for _, r := range c.runners {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			all := r.run(t, jobs)
			for _, name := range names {
				compareResults(t, name, c.streams[name], all)
			}
		})
	}
}

// refuse checks that a refusal of the server is an error with its status, its message and its
// kind in each SDK. kindOf returns the kind of an error with a status; nil: SDKs show none. A
// stream of the comparison must have the name text.
func (c comparison) refuse(t *testing.T, kindOf func(status int64) string) {
	down := httptest.NewServer(http.NotFoundHandler())
	keys := start(t, "--upstream="+c.upstream, "--api-keys=0123456789abcdef").Base
	limit := start(t, "--upstream="+c.upstream, "--rate-limit=1/h").Base
	unreachable := start(t, "--upstream="+down.URL).Base
	down.Close() // after the program has checked at its start that it can connect
	spend(t, limit)
	refusals := []struct {
		name, base string
		status     int64
		msg        string
	}{
		{"401", keys, http.StatusUnauthorized, "a valid key is needed"},
		{"429", limit, http.StatusTooManyRequests, "too many requests"},
		{"502", unreachable, http.StatusBadGateway, "upstream cannot be reached"},
	}
	for _, r := range c.runners {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			var jobs []job
			for _, test := range refusals {
				jobs = append(jobs, job{Case: test.name, Base: test.base + c.path, Model: "text", Key: "k"})
			}
			all := r.run(t, jobs)
			for _, test := range refusals {
				for _, sdk := range r.sdks {
					failed := gjson.GetBytes(all[test.name][sdk], "error")
					if msg := failed.Get("message").Str; !strings.Contains(msg, test.msg) || failed.Get("status").Int() != test.status {
						t.Errorf("%s, %s: got %s, want the message %q", test.name, sdk, failed.Raw, test.msg)
					}
					if kind := failed.Get("type"); kindOf != nil && kind.Exists() && kind.Str != kindOf(test.status) {
						t.Errorf("%s, %s: got type %s, want %s", test.name, sdk, kind.Raw, kindOf(test.status))
					}
				}
			}
		})
	}
}

// recordedOf returns the recorded streams of a service, if there are any. encode returns the
// event with a payload, for recordings of payloads alone.
func recordedOf(t *testing.T, service string, encode func(data string) string) map[string]replayed {
	t.Helper()
	out := make(map[string]replayed)
	dir := filepath.Join("../../../shared/recordings", service)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		name := filepath.Base(path)
		if name == "SOURCES.txt" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		body := string(text)
		if !strings.HasSuffix(name, ".sse") { // a line has the data of an event
			body = ""
			for line := range strings.Lines(string(text)) {
				body += encode(strings.TrimSpace(line))
			}
		}
		out[name] = replayed{body: body}
	}
	if len(out) == 0 {
		t.Logf("no recordings: %s does not exist", dir)
	}
	return out
}

// ofMock records streams of the stand-in, given the request for each of them.
func ofMock(t *testing.T, requests map[string]*http.Request) map[string]replayed {
	t.Helper()
	out := make(map[string]replayed)
	var mu sync.Mutex
	var all sync.WaitGroup
	for name, req := range requests {
		all.Go(func() {
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("%s: got status %d, %v: %s", name, resp.StatusCode, err, text)
			}
			mu.Lock()
			defer mu.Unlock()
			out[name] = replayed{body: string(text)}
		})
	}
	all.Wait()
	return out
}
