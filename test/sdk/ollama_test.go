package sdk

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/testenv"
)

var ollamaRunners = []runner{
	{"node", func(t *testing.T) (string, string) {
		testenv.InstallNPM(t, ".")
		return "node", "ollama.mjs"
	}, []string{"ollama-js"}},
	{"python", func(t *testing.T) (string, string) {
		return testenv.InstallPip(t, "requirements.txt"), "with_ollama.py"
	}, []string{"ollama-python"}},
	{"go", func(t *testing.T) (string, string) { return buildGo(t, "ollama"), "" }, []string{"ollama-go"}},
}

// ollamaLines returns a stream of lines, each with a model and a time.
func ollamaLines(fields ...string) string {
	var b strings.Builder
	for i, f := range fields {
		fmt.Fprintf(&b, `{"model":"m","created_at":"2026-01-01T00:00:%02dZ",%s}`+"\n", i, f)
	}
	return b.String()
}

// ollamaStreams are streams with what the stand-in does not send.
func ollamaStreams() map[string]replayed {
	const (
		statistics = `"done":true,"done_reason":"stop","total_duration":7,"load_duration":1,"prompt_eval_count":3,"eval_count":5`
		hello      = `"message":{"role":"assistant","content":"Hello, wörld! 👩‍👩‍👧 "},"done":false`
		end        = `"message":{"role":"assistant","content":""},` + statistics
		call       = `"tool_calls":[{"function":{"name":"weather","arguments":{"city":"Oslo"}}}]`
	)
	return map[string]replayed{
		"text":          {body: ollamaLines(hello, `"message":{"role":"assistant","content":"\ud83d\ude00 \"quoted\" \u2028 text\n"},"done":false`, end)},
		"ends in text":  {body: ollamaLines(hello, `"message":{"role":"assistant","content":"and so on"},`+statistics)},
		"call and text": {body: ollamaLines(`"message":{"role":"assistant","content":"I will look",`+call+`},"done":false`, end)},
		"both":          {body: ollamaLines(`"message":{"role":"assistant","content":"So it is","thinking":"Hmm well"},"done":false`, end)},
		"logprobs":      {body: ollamaLines(`"message":{"role":"assistant","content":"Hello"},"done":false,"logprobs":[{"token":"Hello","logprob":-1}]`, end)},
		"completion":    {legacy: true, body: ollamaLines(`"response":"Once upon","done":false`, `"response":" a time","context":[1,2],`+statistics)},
		"error line":    {fails: true, body: ollamaLines(hello) + `{"error":"` + sorry + `"}` + "\n"},
		"cut":           {broken: true, body: ollamaLines(hello) + `{"model":"m","cre`},
		"no last line":  {broken: true, body: ollamaLines(hello)},
	}
}

// ollamaMockStreams records streams of the stand-in.
func ollamaMockStreams(t *testing.T) map[string]replayed {
	t.Helper()
	base, out := start(t).Base+"/upstream", map[string]replayed{}
	for _, model := range []string{"llama3.2", "qwen3", "ends-with-text", "tool-call", "lumps"} {
		for path, body := range map[string]string{"/api/chat": `"messages":[{"role":"user","content":"hi"}]`, "/api/generate": `"prompt":"hi"`} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+path, strings.NewReader(`{"model":"`+model+`",`+body+`}`))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			out[model+path] = replayed{body: string(text), legacy: path == "/api/generate"}
		}
	}
	return out
}

// serveLines starts an upstream that answers a request with the stream that is named like
// its model, and returns the base URL.
func serveLines(t *testing.T, all map[string]replayed) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Model string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("a request's body cannot be read: %v", err)
		}
		reply, ok := all[body.Model]
		if !ok {
			t.Errorf("a request is for model %q", body.Model)
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		for line := range strings.Lines(reply.body) {
			_, _ = w.Write([]byte(line))              // the client may have left
			_ = http.NewResponseController(w).Flush() // the client may have left
		}
		if reply.broken {
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// The final results of Ollama's SDKs are the same straight and through the program, and a
// truncated answer or an error within a stream is an error in each.
func TestOllama(t *testing.T) {
	t.Parallel()
	streams := ollamaStreams()
	maps.Copy(streams, ollamaMockStreams(t))
	upstream := serveLines(t, streams)
	args := []string{"--upstream=" + upstream, "--heartbeat=20ms"}
	servers := map[string]string{
		straight:   upstream,
		raw:        start(t, append(args, "--mode=raw")...).Base,
		typewriter: start(t, append(args, "--mode=typewriter", "--speed=10", "--max-lag=200ms")...).Base,
	}
	var jobs []job
	for server, base := range servers {
		for _, name := range slices.Sorted(maps.Keys(streams)) {
			jobs = append(jobs, job{Case: server + " " + name, Base: base, Model: name, Key: "k", Legacy: streams[name].legacy})
		}
	}
	for _, r := range ollamaRunners {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			all := r.run(t, jobs)
			for _, name := range slices.Sorted(maps.Keys(streams)) {
				compareResults(t, name, streams[name], all)
			}
		})
	}
}

// With nothing configured, the SDKs get an answer of the stand-in; a refusal of the server is
// an error with its message.
func TestOllamaAnswersAndRefusals(t *testing.T) {
	t.Parallel()
	upstream := serveLines(t, ollamaStreams())
	down := httptest.NewServer(http.NotFoundHandler())
	base := map[string]string{
		"stand-in":    start(t).Base,
		"keys":        start(t, "--upstream="+upstream, "--api-keys=0123456789abcdef").Base,
		"limit":       start(t, "--upstream="+upstream, "--rate-limit=1/h").Base,
		"unreachable": start(t, "--upstream="+down.URL).Base,
	}
	down.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base["limit"]+"/api/chat", strings.NewReader(`{"model":"text"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	tests := []struct {
		server, model string
		status        int64
		msg           string
	}{
		{"stand-in", "qwen3", 0, ""},
		{"keys", "text", http.StatusUnauthorized, "a valid key is needed"},
		{"limit", "text", http.StatusTooManyRequests, "too many requests"},
		{"unreachable", "text", http.StatusBadGateway, "upstream cannot be reached"},
	}
	for _, r := range ollamaRunners {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			var jobs []job
			for _, test := range tests {
				jobs = append(jobs, job{Case: test.server, Base: base[test.server], Model: test.model, Key: "k"})
			}
			all := r.run(t, jobs)
			for _, test := range tests {
				got := all[test.server][r.sdks[0]]
				msg := gjson.GetBytes(got, "error.message").Str
				if r.name == "go" && test.status == http.StatusUnauthorized {
					msg = test.msg // that SDK does not read the body
				}
				if gjson.GetBytes(got, "error.status").Int() != test.status || !strings.Contains(msg, test.msg) {
					t.Errorf("%s: got %s, want the message %q", test.server, got, test.msg)
				}
				if test.status == 0 && (!strings.HasPrefix(gjson.GetBytes(got, "content").Str, "You said: hi") || gjson.GetBytes(got, "thinking").Str == "") {
					t.Errorf("%s: got %s", test.server, got)
				}
			}
		})
	}
}
