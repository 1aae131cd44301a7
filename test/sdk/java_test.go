package sdk

import (
	"encoding/json"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"sse-typewriter/internal/testenv"
)

// javaQuestions are the questions to the SDK for Java, each with a part of the expected
// error. The SDK drops the message of a 4xx or 5xx.
var javaQuestions = []struct{ name, question, err string }{
	{"content", "写一首诗", ""},
	{"reasoning", "/reasoning 写一首诗", ""},
	{"messages", "/messages 写一首诗", ""},
	{"failed", "/failed 写一首诗", ""},
	{"error-event", "/error-event 写一首诗", "the model is not available"},
	{"error-json", "/error-json", "code=4101"},
	{"error-401", "/error-401", "code=401"},
	{"workflow", "workflow: 写一首诗", ""},
	{"workflow with tokens at its end", "workflow: /template 写一首诗", ""},
	{"workflow that fails", "workflow: /error-event 写一首诗", "a node of the workflow failed"},
	{"workflow that is refused", "workflow: /error-json", "code=4101"},
}

// javaResult is the result of a question.
type javaResult struct {
	Answer string
	Events []string
	Usage  map[string]int
	Error  string
}

// The SDK for Java.
func TestJava(t *testing.T) {
	t.Parallel()
	const key = "0123456789abcdef"
	classPath := compileJava(t, "java", "WithCoze.java")
	upstream := start(t).Base + "/upstream"
	args := []string{"--upstream=" + upstream, "--upstream-token=pat_test", "--api-keys=" + key, "--heartbeat=50ms"}
	bases := map[string]string{
		straight:   atRoot(t, upstream),
		raw:        start(t, append(args, "--mode=raw")...).Base,
		typewriter: start(t, append(args, "--mode=typewriter", "--speed=20")...).Base,
	}
	questions := make([]string, len(javaQuestions))
	for i, q := range javaQuestions {
		questions[i] = q.question
	}
	outcomes := make(map[string][]javaResult)
	var mu sync.Mutex
	var all sync.WaitGroup
	for server, base := range bases {
		all.Go(func() {
			results := runJava(t, classPath, base, key, questions...)
			mu.Lock()
			defer mu.Unlock()
			outcomes[server] = results
		})
	}
	all.Wait()
	for server, results := range outcomes {
		if len(results) != len(questions) {
			t.Fatalf("%s: %d results, want %d", server, len(results), len(questions))
		}
	}
	for i, q := range javaQuestions {
		want := outcomes[straight][i]
		t.Run(q.name, func(t *testing.T) {
			checkJava(t, want, q.err)
			for _, mode := range []string{raw, typewriter} {
				checkSameJSON(t, mode, outcomes[mode][i], want)
			}
		})
	}
	t.Run("wrong key", func(t *testing.T) {
		for _, result := range runJava(t, classPath, bases[raw], "wrong", "hi") {
			checkJava(t, result, "code=401")
		}
	})
}

// checkJava checks that a result has the expected error, or else is complete.
func checkJava(t *testing.T, got javaResult, err string) {
	t.Helper()
	switch {
	case err != "":
		if !strings.Contains(got.Error, err) {
			t.Errorf("error %q, want one with %q", got.Error, err)
		}
	case got.Error != "" || got.Answer == "":
		t.Errorf("answer %q, error %q", got.Answer, got.Error)
	case !slices.Contains(got.Events, "conversation.chat.failed") && (!strings.EqualFold(got.Events[len(got.Events)-1], nameDone) || got.Usage["token_count"] == 0):
		t.Errorf("events %v, usage %v", got.Events, got.Usage)
	}
}

// checkSameJSON checks that a result through the program equals the one straight from the
// stand-in.
func checkSameJSON(t *testing.T, what string, got, want javaResult) {
	t.Helper()
	gotJSON, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	wantJSON, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if string(gotJSON) != string(wantJSON) {
		t.Errorf("%s: got:\n%s\nwant:\n%s", what, gotJSON, wantJSON)
	}
}

// atRoot serves a URL that has a path at the root of another server, because the SDK drops
// the path of its base URL.
func atRoot(t *testing.T, base string) string {
	t.Helper()
	target, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
	})
	t.Cleanup(server.Close)
	return server.URL
}

// compileJava compiles a program in a folder with a pom.xml and returns the class path.
func compileJava(t *testing.T, folder, program string) (classPath string) {
	t.Helper()
	libraries := testenv.InstallMaven(t, filepath.Join(folder, "pom.xml"))
	classes := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "javac", "-encoding", "UTF-8", "-cp", libraries, "-d", classes, filepath.Join(folder, program))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return classes + string(filepath.ListSeparator) + libraries
}

// runJava asks questions with the SDK and returns the results.
func runJava(t *testing.T, classPath, base, token string, questions ...string) (results []javaResult) {
	cmd := exec.CommandContext(t.Context(), "java", append([]string{"-cp", classPath, "WithCoze", base, token}, questions...)...)
	cmd.Env = append(environment(), "LC_ALL=C.UTF-8") // for the questions
	out, failed, code := testenv.Run(t, cmd)
	if code != 0 {
		t.Errorf("WithCoze %s: exit code %d\n%s", base, code, failed)
	}
	for text := range strings.Lines(out) {
		var result javaResult
		if err := json.Unmarshal([]byte(text), &result); err != nil {
			t.Errorf("WithCoze %s: printed %s", base, text)
		}
		result.Error = anyLogID.ReplaceAllString(result.Error, "LOGID")
		results = append(results, result)
	}
	return results
}
