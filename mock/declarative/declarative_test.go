package declarative

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"sse-typewriter/mock"

	"github.com/tidwall/gjson"
)

// requests are requests for streams of increments, and where events have their text.
var requests = []struct{ name, path, body, text string }{
	{"DashScope", "/api/v1/services/aigc/text-generation/generation", `{"model":"SCENARIO","input":{"messages":[{"role":"user","content":"hello"}]},"parameters":{"incremental_output":true}}`, "output.choices.0.message.content"},
	{"multimodal", "/api/v1/services/aigc/multimodal-generation/generation", `{"model":"SCENARIO","input":{"messages":[{"role":"user","content":[{"image":"x"},{"text":"hello"}]}]},"parameters":{"incremental_output":true}}`, "output.choices.0.message.content.0.text"},
	{"Bailian", "/api/v1/apps/7/completion", `{"model":"SCENARIO","input":{"prompt":"hello"},"parameters":{"incremental_output":true}}`, "output.text"},
	{"LKE", "/v1/qbot/chat/sse", `{"model":"SCENARIO","content":"hello","incremental":true}`, "payload.content"},
	{"AppBuilder", "/v2/app/conversation/runs", `{"model":"SCENARIO","query":"hello","stream":true}`, "answer"},
	{"Wenxin", "/rpc/2.0/ai_custom/v1/wenxinworkshop/chat/eb", `{"model":"SCENARIO","stream":true,"messages":[{"role":"user","content":"hello"}]}`, "result"},
}

// send sends a request to a stand-in, and returns the status and the body.
func send(t *testing.T, method, path, body string) (int, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://stand-in/upstream"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-DashScope-SSE", "enable")
	res, err := mock.New(1, Dialect{}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// dataOf returns the data of the events in a stream.
func dataOf(stream string) []string {
	var all []string
	for line := range strings.SplitSeq(stream, "\n") {
		if data, ok := strings.CutPrefix(line, "data:"); ok {
			all = append(all, data)
		}
	}
	return all
}

// Each service streams an answer in each scenario, whole or as the scenario says.
func TestScenarios(t *testing.T) {
	for _, r := range requests {
		for _, s := range Scenarios() {
			if s.Name == "hang" {
				continue
			}
			t.Run(r.name+"/"+s.Name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					status, body, err := send(t, http.MethodPost, r.path, strings.Replace(r.body, "SCENARIO", s.Name, 1))
					if (s.Name == "cut") != errors.Is(err, io.ErrUnexpectedEOF) || s.status > 0 && status != s.status || s.status == 0 && status != http.StatusOK {
						t.Fatalf("got status %d, %v", status, err)
					}
					if s.status > 0 || s.Name == "cut" {
						return
					}
					text := ""
					for _, data := range dataOf(body) {
						if !gjson.Valid(data) {
							t.Errorf("got %s, which is not JSON", data)
						}
						text += gjson.Get(data, r.text).Str
					}
					if s.fails != strings.Contains(body, "The model failed.") || !strings.HasPrefix(text, "You said: hello") || strings.HasSuffix(text, "an article.") == s.half {
						t.Errorf("got %q", text)
					}
				})
			})
		}
	}
}

// Without the request for increments, an event has all text so far.
func TestSnapshots(t *testing.T) {
	for _, r := range requests[:4] {
		t.Run(r.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, body, err := send(t, http.MethodPost, r.path, strings.Replace(r.body, "true", "false", 1))
				before := ""
				for _, data := range dataOf(body) {
					text := gjson.Get(data, r.text).Str
					if !strings.HasPrefix(text, before) {
						t.Errorf("got %q after %q", text, before)
					}
					before = text
				}
				if err != nil || !strings.HasSuffix(before, "an article.") {
					t.Errorf("got %q, %v", before, err)
				}
			})
		})
	}
}

func TestRefusals(t *testing.T) {
	for _, r := range requests {
		for _, test := range []struct {
			method, body string
			want         int
		}{{"GET", r.body, 405}, {"POST", "{", 400}, {"POST", "{}", 400}} {
			if status, body, _ := send(t, test.method, r.path, test.body); status != test.want || !gjson.Valid(body) {
				t.Errorf("%s %s %s: got %d %s, want %d", test.method, r.path, test.body, status, body, test.want)
			}
		}
	}
}

func TestScenariosAreDocumented(t *testing.T) {
	docs, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(docs), "\n## DashScope, LKE, AppBuilder, Wenxin\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, s := range Scenarios() {
		if !strings.Contains(section, "`"+s.Name+"`") {
			t.Errorf("docs/formats.md does not have %s", s.Name)
		}
	}
}
