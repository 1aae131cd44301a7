// Package examples contains example clients in several languages. The tests run each
// example against the program and its built-in mock.
package examples

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/testenv"
	"sse-typewriter/internal/testenv/chromium"
)

func TestMain(m *testing.M) {
	code := testenv.Main(m)
	chromium.Close()
	os.Exit(code)
}

// answer returns the stand-in's answer to a question.
func answer(t *testing.T, base, question string) string {
	t.Helper()
	body := fmt.Sprintf(`{"bot_id":"1","user_id":"1","stream":true,"additional_messages":[{"role":"user","content":%q,"content_type":"text"}]}`, question)
	reply, err := http.Post(base+"/upstream/v3/chat", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	stream, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq(string(stream), "\n\n") {
		data, ok := strings.CutPrefix(block, "event:conversation.message.completed\ndata:")
		if ok && gjson.Get(data, "type").String() == "answer" {
			return gjson.Get(data, "content").String()
		}
	}
	t.Fatalf("the mock has no answer to %q: %s", question, stream)
	return ""
}

// command is an example that is run in a process.
type command struct {
	name string
	args []string
	need func(*testing.T) // skips the test if a dependency is missing
}

// program returns the need of a program, which the given arguments test.
func program(name string, test ...string) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), name, test...).CombinedOutput(); err != nil {
			t.Skipf("%s %s: %v: run scripts/install-test-deps\n%s", name, strings.Join(test, " "), err, out)
		}
	}
}

// python is the interpreter that Debian's modules belong to.
const python = "/usr/bin/python3"

// npm is the need of packages from npm.
func npm(t *testing.T) {
	t.Helper()
	testenv.InstallNPM(t, ".")
}

var commands = []command{
	{"fetch", []string{"node", "fetch.mjs"}, npm},
	{"@coze/api", []string{"node", "coze.mjs"}, npm},
	{"requests", []string{python, "with_requests.py"}, program(python, "-c", "import requests")},
	{"httpx", []string{python, "with_httpx.py"}, program(python, "-c", "import httpx")},
	{"go", []string{"go", "run", "./go"}, func(*testing.T) {}},
	{"curl", []string{"./curl.sh"}, program("sh", "-c", "curl --version && jq --version")},
}

// run runs an example and returns its output.
func (c command) run(t *testing.T, base, question string) (out, failed string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), c.args[0], append(slices.Clone(c.args[1:]), question)...)
	cmd.Env = append(os.Environ(), "BASE_URL="+base, "NO_PROXY=*", "no_proxy=*", "PYTHONIOENCODING=utf-8")
	return testenv.Run(t, cmd)
}

// Each example prints the whole answer and nothing else, or fails with the server's
// error.
func TestCommands(t *testing.T) {
	t.Parallel()
	base := testenv.Start(t, "--speed=100").Base
	const ask = `1:2 & "3" 👩‍👧 秋天`
	answers := map[string]string{}
	for _, scenario := range []string{"/fast ", "/escapes "} {
		answers[scenario] = answer(t, base, scenario+ask)
	}
	tests := []struct {
		name, scenario string
		fails          string // matches the error; "": the example prints the answer
	}{
		{"answer", "/fast ", ""},
		{"escapes", "/escapes ", ""},
		{"error in the stream", "/error-event ", "5000|5001|busy"},
		{"truncated stream", "/failed ", "cut|chat.failed"},
		{"error instead of a stream", "/error-json ", "4101"},
	}
	for _, c := range commands {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.need(t)
			for _, test := range tests {
				t.Run(test.name, func(t *testing.T) {
					t.Parallel()
					out, failed, code := c.run(t, base, test.scenario+ask)
					if test.fails == "" {
						if want := answers[test.scenario] + "\n"; code != 0 || out != want {
							t.Errorf("exit code %d, printed\n%s\nwant\n%s\n%s", code, out, want, failed)
						}
					} else if code == 0 || !regexp.MustCompile(test.fails).MatchString(failed) {
						t.Errorf("exit code %d, printed %q, want %q", code, failed, test.fails)
					}
				})
			}
		})
	}
}
