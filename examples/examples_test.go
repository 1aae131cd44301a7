// Package examples contains example clients in several languages. The tests run each
// example against the program and its built-in mock.
package examples

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/testenv"
)

// timeout bounds each example. Tests do not measure its duration.
const timeout = 2 * time.Minute

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil { // the tests mostly wait
		panic(err)
	}
	os.Exit(testenv.Main(m))
}

// answer returns the mock's own answer to a question.
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

// command is an example with its requirements.
type command struct {
	name string
	args []string
	need func(*testing.T)
}

// program requires a program that exits with 0 for the arguments.
func program(name string, test ...string) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), name, test...).CombinedOutput(); err != nil {
			t.Skipf("%s %s: %v: this example is not tested\n%s", name, strings.Join(test, " "), err, out)
		}
	}
}

// python is the interpreter with the Python modules of Debian.
const python = "/usr/bin/python3"

func installed(t *testing.T) {
	t.Helper()
	testenv.InstallNPM(t, ".")
}

var commands = []command{
	{"fetch", []string{"node", "fetch.mjs"}, installed},
	{"@coze/api", []string{"node", "coze.mjs"}, installed},
	{"requests", []string{python, "with_requests.py"}, program(python, "-c", "import requests")},
	{"httpx", []string{python, "with_httpx.py"}, program(python, "-c", "import httpx")},
	{"go", []string{"go", "run", "./go"}, func(*testing.T) {}},
	{"curl", []string{"./curl.sh"}, program("sh", "-c", "curl --version && jq --version")},
}

// run runs an example and returns its output.
func (c command) run(t *testing.T, base, question string) (out, failed string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.args[0], append(c.args[1:], question)...)
	cmd.Env = append(os.Environ(), "BASE_URL="+base, "NO_PROXY=*", "no_proxy=*", "PYTHONIOENCODING=utf-8")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// Each example prints exactly the answer, or fails with the error of the server.
func TestCommands(t *testing.T) {
	base := testenv.Start(t, "--speed=100").Base
	const ask = `1:2 & "3" 👩‍👧 秋天`
	answers := map[string]string{}
	for _, scenario := range []string{"/fast ", "/escapes "} {
		answers[scenario] = answer(t, base, scenario+ask)
	}
	tests := []struct {
		name, scenario string
		fails          string // pattern of the error; empty if the example prints the answer
	}{
		{"answer", "/fast ", ""},
		{"escapes", "/escapes ", ""},
		{"error in the stream", "/error-event ", "5000|5001|busy"},
		{"stream that breaks off", "/failed ", "cut|chat.failed"},
		{"error instead of a stream", "/error-json ", "4101"},
	}
	for _, c := range commands {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.need(t)
			for _, test := range tests {
				t.Run(test.name, func(t *testing.T) {
					t.Parallel()
					out, failed, err := c.run(t, base, test.scenario+ask)
					if test.fails == "" {
						if want := answers[test.scenario] + "\n"; err != nil || out != want {
							t.Errorf("ended with %v and printed\n%s\nwant\n%s\n%s", err, out, want, failed)
						}
					} else if err == nil || !regexp.MustCompile(test.fails).MatchString(failed) {
						t.Errorf("ended with %v and said %q, want %q", err, failed, test.fails)
					}
				})
			}
		})
	}
}
