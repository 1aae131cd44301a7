package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
)

// configFile writes a configuration file and returns its flag.
func configFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "typewriter.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "--config=" + name
}

// postJSON sends JSON with a key and returns the status and the body.
func postJSON(t *testing.T, url, key, body string) (status int, reply string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("api-key", key)
	status, _, reply = readReply(t, http.DefaultClient.Do, req)
	return status, reply
}

// Two services at once: SDKs and the server's own chats reach each one below its prefix, with
// its token, and the log and the metrics name the service.
func TestUpstreams(t *testing.T) {
	t.Parallel()
	main, standIn := newRecordingUpstream(t), testenv.Start(t).Base+"/upstream"
	recorded := newRecordingUpstream(t)
	p := testenv.Start(t, "--upstream="+main.URL, "--upstream-token=MAINTOKEN", "--bot-id=1", "--api-keys="+oneKey, "--log-level=debug", configFile(t, `
mode: raw
upstreams:
  /chat: {url: `+standIn+`, format: openai, token: CHATTOKEN, model: gpt-4o}
  /recorded: {url: `+recorded.URL+`/base, format: openai, token: RECORDEDTOKEN, model: gpt-4o}
`))
	const chunk = `"object":"chat.completion.chunk"`
	const ask = `{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hi"}],` +
		`"additional_messages":[{"role":"user","content":"hi","content_type":"text"}]}`
	for _, test := range []struct {
		name, path, want string
	}{
		{"SDK", "/chat/v1/chat/completions", chunk},
		{"own chat", "/chat/v3/chat", "event:conversation.message.delta\n"},
		{"main", "/v3/chat", "event:conversation.message.delta\n"},
		{"forwarded", "/recorded/openai/deployments/d/embeddings?api-version=1", ""},
	} {
		status, body := postJSON(t, p.Base+test.path, oneKey, ask)
		if status != http.StatusOK || !strings.Contains(body, test.want) {
			t.Errorf("%s: got %d %.300q, want %q", test.name, status, body, test.want)
		}
	}
	if got := main.requests(); len(got) != 1 || !strings.HasPrefix(got[0], "POST /v3/chat ") || !strings.Contains(got[0], "Authorization: Bearer MAINTOKEN\r\n") {
		t.Errorf("upstream got %q", got)
	}
	if got := recorded.requests(); len(got) != 1 || !strings.HasPrefix(got[0], "POST /base/openai/deployments/d/embeddings?api-version=1 ") ||
		!strings.Contains(got[0], "Authorization: Bearer RECORDEDTOKEN\r\n") || strings.Contains(got[0], oneKey) {
		t.Errorf("other upstream got %q", got)
	}
	_, scraped := send(t, "GET", p.Base+"/metrics", "x-api-key", oneKey)
	for _, want := range []string{
		`typewriter_streams_total{mode="raw",outcome="done",route="POST */chat/completions",upstream="/chat"} 1`,
		`typewriter_streams_total{mode="raw",outcome="done",route="POST /v3/chat",upstream="/chat"} 1`,
		`typewriter_streams_total{mode="raw",outcome="done",route="POST /v3/chat",upstream="/"} 1`,
		`typewriter_upstream_ttft_seconds_count{upstream="/chat"} 2`,
	} {
		if !strings.Contains(scraped, want) {
			t.Errorf("%s is missing in the metrics", want)
		}
	}
	log := p.Log.String()
	for want, n := range map[string]int{"upstream=/chat ": 2, "upstream=/ ": 1, "upstream=/recorded ": 1, "TOKEN": 0, oneKey: 0} {
		if got := strings.Count(log, want); got != n {
			t.Errorf("%q is %d times in the log, want %d: %s", want, got, n, log)
		}
	}
}

// After the loss of the recording replica, another one continues the chat at the upstream of
// the stream, whatever the path of the request.
func TestOwnerLossWithUpstreams(t *testing.T) {
	t.Parallel()
	want := poem(t)
	server, standIn := testenv.StartRedis(t), testenv.Start(t).Base+"/upstream"
	main := newRecordingUpstream(t)
	args := []string{"--upstream=" + main.URL, "--store=" + server.URL(), configFile(t, "upstreams: {/one: {url: "+standIn+", bot-id: 7}}")}
	first, second := testenv.Start(t, args...), testenv.Start(t, args...)
	c := &resumingClient{t: t}
	c.read(first.Base+"/one", poemQuestion+"&mode=raw", 10)
	c.read(second.Base, "mode=raw", 3)
	first.Kill()
	for !c.done {
		c.read(second.Base, "mode=raw", 0)
	}
	c.check(want)
	if got := main.requests(); len(got) != 0 {
		t.Errorf("the other upstream got %q", got)
	}
}

// Each invalid upstream is printed on a line of its own, without secrets.
func TestUpstreamErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, file, want string }{
		{
			"settings", "/a: {url: 'https://u:SECRET@h', format: opnai, token: SECRET, modell: m}",
			"sse-typewriter: upstreams: /a: unknown setting \"modell\": did you mean model?\n" +
				"sse-typewriter: upstreams: /a: url \"https://u:xxxxx@h\": want a URL such as https://api.coze.com\n" +
				"sse-typewriter: upstreams: /a: format \"opnai\": want one of coze, ",
		},
		{
			"prefixes", "{/typewriter: {url: 'http://h'}, /upstream: {url: 'http://h'}}",
			"sse-typewriter: upstreams: /typewriter: the prefix is a path of the server\n" +
				"sse-typewriter: upstreams: /upstream: the prefix is a path of the server\n",
		},
		{"unreachable", "/a: {url: '" + unreachable() + "'}", "sse-typewriter: cannot reach upstream "},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := "upstreams:\n  " + test.file + "\n"
			if strings.HasPrefix(test.file, "{") {
				text = "upstreams: " + test.file + "\n"
			}
			_, got, code := testenv.Run(t, testenv.Command(t.Context(), t, "--addr=127.0.0.1:0", "--upstream-check=strict", configFile(t, text)))
			if !strings.HasPrefix(got, test.want) || code != 1 {
				t.Errorf("printed %q with exit code %d, want %q", got, code, test.want)
			}
		})
	}
}
