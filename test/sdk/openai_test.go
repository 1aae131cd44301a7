package sdk

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/testenv"
)

// job is a request that a script sends with each of its SDKs.
type job struct {
	Case    string `json:"case"`
	Base    string `json:"base"`
	Model   string `json:"model"`
	Key     string `json:"key"`
	Legacy  bool   `json:"legacy"`
	Retries int    `json:"retries"`
}

// runner runs jobs with the SDKs of one language.
type runner struct {
	name  string
	start func(*testing.T) (program, script string)
	sdks  []string // of chat completions
}

var runners = []runner{
	{"node", func(t *testing.T) (string, string) {
		testenv.InstallNPM(t, ".")
		return "node", "openai.mjs"
	}, []string{"openai-node raw", "openai-node helper", "@ai-sdk/openai", "@ai-sdk/openai-compatible", "@ai-sdk/deepseek", "@langchain/openai"}},
	{"python", func(t *testing.T) (string, string) {
		return testenv.InstallPip(t, "requirements.txt"), "with_openai.py"
	}, []string{"openai-python raw", "openai-python helper"}},
	{"go", func(t *testing.T) (string, string) { return buildGo(t, "openai"), "" }, []string{"openai-go", "go-openai"}},
}

// results are the results of an SDK by case and name of the SDK.
type results map[string]map[string]json.RawMessage

// run runs jobs with all SDKs of the runner.
func (r runner) run(t *testing.T, jobs []job) results {
	t.Helper()
	list, err := json.Marshal(jobs)
	if err != nil {
		t.Fatal(err)
	}
	program, script := r.start(t)
	args := []string{string(list)}
	if script != "" {
		args = append([]string{script}, args...)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = environment()
	out, failed, code := testenv.Run(t, cmd)
	if code != 0 {
		t.Errorf("%s: exit code %d\n%s", r.name, code, failed)
	}
	all := make(results)
	for text := range strings.Lines(out) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Errorf("%s: printed %s", r.name, text)
			continue
		}
		if all[l.Case] == nil {
			all[l.Case] = make(map[string]json.RawMessage)
		}
		all[l.Case][l.Event] = l.Data
	}
	return all
}

// mockModels are the models of the stand-in whose streams are complete.
var mockModels = []string{"gpt-4o", "deepseek-chat", "deepseek-reasoner", "gemini-2.5-flash", "kimi-k2", "openrouter/auto", "qwen-think", "tool-call", "fastgpt"}

// mockStreams records a stream of each model of the stand-in: two requests do not get the
// same ids.
func mockStreams(t *testing.T) map[string]replayed {
	t.Helper()
	base := start(t).Base + "/upstream/v1/chat/completions"
	out := make(map[string]replayed)
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, model := range mockModels {
		all.Go(func() {
			body := fmt.Sprintf(`{"model":%q,"stream":true,"logprobs":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}`, model)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base, strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			out[model] = replayed{body: string(text)}
		})
	}
	all.Wait()
	return out
}

// The final results of the SDKs of OpenAI's Chat Completions are the same straight and
// through the program, and a truncated answer or an error within a stream is an error in
// each.
func TestChatCompletions(t *testing.T) {
	t.Parallel()
	streams := writtenStreams()
	maps.Copy(streams, recordedStreams(t))
	maps.Copy(streams, mockStreams(t))
	upstream := serveReplays(t, streams)
	args := []string{"--upstream=" + upstream, "--heartbeat=20ms"}
	servers := map[string]string{
		straight:   upstream,
		raw:        start(t, append(args, "--mode=raw")...).Base,
		typewriter: start(t, append(args, "--mode=typewriter", "--speed=10", "--max-lag=200ms")...).Base,
	}
	var jobs []job
	for server, base := range servers {
		for _, name := range slices.Sorted(maps.Keys(streams)) {
			jobs = append(jobs, job{Case: server + " " + name, Base: base + "/v1", Model: name, Key: "k", Legacy: streams[name].legacy})
		}
	}
	for _, r := range runners {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			all := r.run(t, jobs)
			for _, name := range slices.Sorted(maps.Keys(streams)) {
				compareResults(t, name, streams[name], all)
			}
		})
	}
}

func compareResults(t *testing.T, name string, stream replayed, all results) {
	t.Helper()
	if len(all[straight+" "+name]) == 0 {
		t.Errorf("%s: no results", name)
	}
	for _, mode := range []string{raw, typewriter} {
		if got, want := len(all[mode+" "+name]), len(all[straight+" "+name]); got != want {
			t.Errorf("%s %s: %d results, want %d", mode, name, got, want)
		}
		for sdk, before := range all[straight+" "+name] {
			after := all[mode+" "+name][sdk]
			switch msg := gjson.GetBytes(after, "error.message").Str; {
			case stream.broken:
				if !strings.Contains(msg, "upstream ended mid-stream") {
					t.Errorf("%s %s, %s: got %s, want the server's error", mode, name, sdk, after)
				}
			case stream.fails && !strings.Contains(msg, sorry):
				t.Errorf("%s %s, %s: got %s, want the service's error", mode, name, sdk, after)
			default:
				for _, d := range differences(before, after) {
					if !isKnown(sdk, name, d) {
						t.Errorf("%s %s, %s: %s", mode, name, sdk, d)
					}
				}
			}
		}
	}
}

// knownDifferences depend on the number of chunks or on a single one, so that a split
// changes them. Each matches the name of an SDK, a case and a member of the result.
var knownDifferences = []struct{ sdk, stream, path string }{
	// Of a field that it does not know, it keeps the value of the last chunk.
	{"openai-node helper", ".*", `choices\.0\.(text|message\.reasoning|message\.reasoning_content|message\.reasoning_details.*)`},
	// It counts the logprobs of a choice's first chunk twice, if there are any.
	{"openai-node helper", "in one chunk|gemini-2.5-flash|openrouter/auto", `choices\.0\.logprobs\..*`},
	// Of a field that it does not know, it keeps the value of the first chunk.
	{"openai-python helper", "together", `choices\.0\.text`},
	// It adds up the indexes of the choices.
	{"@langchain/openai", "choices", `response_metadata\.completion`},
}

func isKnown(sdk, stream string, d difference) bool {
	for _, k := range knownDifferences {
		if k.sdk == sdk && matches(k.stream, stream) && matches(`\.final\.`+k.path, d.path) {
			return true
		}
	}
	return false
}

func matches(pattern, text string) bool {
	return regexp.MustCompile("^(" + pattern + ")$").MatchString(text)
}

// difference is a member of two results that differs. An absent one is empty.
type difference struct{ path, want, got string }

func (d difference) String() string { return fmt.Sprintf("%s: got %q, want %q", d.path, d.got, d.want) }

// differences lists the members of two results that differ.
func differences(want, got json.RawMessage) []difference {
	before, after := flatten(want), flatten(got)
	paths := maps.Clone(before)
	maps.Copy(paths, after)
	var out []difference
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if before[path] != after[path] {
			out = append(out, difference{path, before[path], after[path]})
		}
	}
	return out
}

// flatten returns the texts, numbers and other simple values in JSON by their paths.
func flatten(data json.RawMessage) map[string]string {
	out := make(map[string]string)
	var walk func(path string, value gjson.Result)
	walk = func(path string, value gjson.Result) {
		if !value.IsObject() && !value.IsArray() {
			out[path] = value.Raw
			return
		}
		out[path] = value.Type.String()
		n := 0
		value.ForEach(func(key, value gjson.Result) bool {
			walk(fmt.Sprintf("%s.%v", path, cmp.Or(key.String(), fmt.Sprint(n))), value)
			n++
			return true
		})
	}
	walk("", gjson.ParseBytes(data))
	return out
}
