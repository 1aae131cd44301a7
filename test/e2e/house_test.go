package e2e

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/testenv"
)

// translating are arguments of a server that translates, in front of the stand-in.
const translating = "--upstream-format=openai"

// post sends a body to /v3/chat and reads the whole reply.
func post(t *testing.T, base, query, contentType, body string) (status int, reply string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v3/chat?mode=raw&"+query, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	status, _, reply = readReply(t, http.DefaultClient.Do, req)
	return status, reply
}

// Every form of a question gets an answer in the events of /v3/chat.
func TestTranslatedChat(t *testing.T) {
	t.Parallel()
	base := testenv.Start(t, translating).Base
	for _, test := range []struct {
		name, query, contentType, body string
		want                           string // in the answer
	}{
		{"nothing", "", "", "", "SSE"},
		{"a query", "message=hi+there", "", "", "You said: hi there"},
		{"plain text", "", "text/plain", "hi there", "You said: hi there"},
		{"JSON", "", "application/json", `{"stream":true,"additional_messages":[{"role":"user","content":"hi there","content_type":"text"}]}`, "You said: hi there"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			status, stream := post(t, base, test.query, test.contentType, test.body)
			if status != http.StatusOK || !strings.Contains(texts(stream), test.want) {
				t.Errorf("got %d %.300q, want %q", status, stream, test.want)
			}
			checkTranslated(t, stream)
		})
	}
}

// checkTranslated checks that a stream has deltas, the complete message with their text and
// the usage, and the final event.
func checkTranslated(t *testing.T, stream string) {
	t.Helper()
	var names []string
	var answer, reasoning, last string
	for block := range strings.SplitSeq(strings.TrimSpace(stream), "\n\n") {
		name, data, _ := strings.Cut(strings.TrimPrefix(block, "event:"), "\ndata:")
		if len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
		e := gjson.Parse(data)
		switch name {
		case "conversation.message.delta":
			answer += e.Get("content").Str
			reasoning += e.Get("reasoning_content").Str
			if e.Get("id").Str == "" || e.Get("role").Str != "assistant" || e.Get("type").Str != "answer" || e.Get("created_at").Int() == 0 {
				t.Errorf("got delta %s", data)
			}
		case "conversation.message.completed":
			last = data
		}
	}
	if got := strings.Join(names, " "); got != "conversation.message.delta conversation.message.completed done" {
		t.Errorf("got events %s", got)
	}
	whole := gjson.Parse(last)
	if whole.Get("content").Str != answer || whole.Get("reasoning_content").Str != reasoning || whole.Get("usage.token_count").Int() == 0 {
		t.Errorf("got message %s, want texts %q and %q, and the usage", last, answer, reasoning)
	}
}

func TestTranslatedReasoning(t *testing.T) {
	t.Parallel()
	_, stream := post(t, testenv.Start(t, translating, "--model=deepseek-reasoner").Base, "message=hi", "", "")
	if !strings.Contains(stream, `"type":"answer","reasoning_content":"`) {
		t.Errorf("got no reasoning in %.500q", stream)
	}
	checkTranslated(t, stream)
}

// Failures arrive as errors in the same format, before the stream and in it.
func TestTranslatedFailures(t *testing.T) {
	t.Parallel()
	base := testenv.Start(t, translating, "--recovery-timeout=0").Base
	for _, test := range []struct {
		name, contentType, body string
		status                  int
		want                    string // at the end of the reply, or its beginning
	}{
		{"refused", "text/plain", "/error-401 hi", 401, `{"code":5026,"msg":"Incorrect API key provided."`},
		{"busy", "text/plain", "/error-429 hi", 429, `{"code":5026,"msg":`},
		{"error event", "text/plain", "/error-event hi", 200, "event:error\ndata:{\"code\":5026,\"msg\":"},
		{"cut", "text/plain", "/cut hi", 200, "event:error\ndata:{\"code\":5023,\"msg\":\"upstream ended mid-stream\"}\n\n"},
		{"bad body", "application/json", `{"stream":false}`, 400, `{"code":4000,"msg":"stream is false`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			status, reply := post(t, base, "", test.contentType, test.body)
			if status != test.status || !strings.Contains(reply, test.want) || strings.Contains(reply, "event:done") {
				t.Errorf("got %d %s, want %d with %q", status, reply, test.status, test.want)
			}
		})
	}
	if status, body := send(t, http.MethodGet, base+"/ai/summarize"); status != 400 || !strings.HasPrefix(body, `{"code":4000,`) {
		t.Errorf("a summary without a text: got %d %s", status, body)
	}
}

func TestTranslatedSummary(t *testing.T) {
	t.Parallel()
	base := testenv.Start(t, translating).Base
	if _, body := send(t, http.MethodGet, base+"/ai/summarize?text=one+two+three"); !strings.Contains(body, `"status":"done","progress":100`) {
		t.Errorf("got %s", body)
	}
}

func TestTranslatedTerminal(t *testing.T) {
	t.Parallel()
	client := startTerminal(t, testenv.Start(t, translating).Base, "--mode=raw", "hi there")
	out, err := io.ReadAll(client.out)
	if err != nil || !strings.Contains(string(out), "You said: hi there") {
		t.Errorf("got %q, %v; stderr %s", out, err, client.stderr.String())
	}
	if err := client.Wait(); err != nil {
		t.Errorf("the client failed: %v", err)
	}
}

// startTranslating starts a Redis, a stand-in and two translating replicas.
func startTranslating(t *testing.T) [2]*testenv.Program {
	t.Helper()
	server := testenv.StartRedis(t)
	args := []string{
		"--upstream=" + testenv.Start(t).Base + "/upstream", translating, "--model=gpt-4o", "--store=" + server.URL(),
		"--drain-timeout=1s", "--recovery-timeout=2s",
	}
	return [2]*testenv.Program{testenv.Start(t, args...), testenv.Start(t, args...)}
}

// Another replica continues a translated stream at the next character.
func TestTranslatedResume(t *testing.T) {
	t.Parallel()
	replicas := startTranslating(t)
	c := &resumingClient{t: t}
	c.read(replicas[0].Base, "message=hi+there&speed=5", 6)
	first := c.text.String()
	c.read(replicas[1].Base, "mode=raw", 0)
	if got := c.text.String(); !c.done || first == got || !strings.HasPrefix(got, "You said: hi there") || strings.Count(got, "You said") != 1 {
		t.Errorf("got %q after %q, done %t", got, first, c.done)
	}
}

// After the loss of a replica, a translated stream ends with an error: the service keeps no
// answers.
func TestTranslatedLoss(t *testing.T) {
	t.Parallel()
	replicas := startTranslating(t)
	c := &resumingClient{t: t}
	c.read(replicas[0].Base, "message=/slow+hi+there", 4)
	replicas[0].Kill()
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, replicas[1].Base+"/v3/chat?mode=raw", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", token)
	req.Header.Set("Last-Event-ID", c.lastID)
	status, _, body := readReply(t, http.DefaultClient.Do, req)
	if status != http.StatusOK || !strings.Contains(body, "event:error\n") || !strings.Contains(body, `data:{"code":5023,"msg":"upstream ended mid-stream"}`) {
		t.Errorf("got %d %s, want an error", status, body)
	}
}

// An upstream with a prefix translates on its own; the stream is that of the native format
// elsewhere.
func TestTranslatedPrefix(t *testing.T) {
	t.Parallel()
	settings := "upstreams: {/other: {url: '" + testenv.Start(t).Base + "/upstream', format: openai, model: deepseek-reasoner}}"
	base := testenv.Start(t, configFile(t, settings)).Base
	_, translated := post(t, base+"/other", "message=hi", "", "")
	checkTranslated(t, translated)
	if _, native := post(t, base, "message=hi", "", ""); !strings.HasPrefix(native, "event:conversation.chat.created\n") {
		t.Errorf("got %.300q, want the native stream", native)
	}
}

// Another replica stops a translated stream for its reader.
func TestTranslatedStop(t *testing.T) {
	t.Parallel()
	replicas := startTranslating(t)
	c := &resumingClient{t: t}
	stream := c.read(replicas[0].Base, "message=/slow+hi+there", 4).Get("Typewriter-Stream")
	if status, body := send(t, http.MethodDelete, replicas[1].Base+"/typewriter/streams/"+stream, "Authorization", token); status != http.StatusNoContent {
		t.Errorf("got %d %s", status, body)
	}
	c.read(replicas[0].Base, "mode=raw", 0)
	if got := c.text.String(); !c.done || strings.Contains(got, "for an article.") {
		t.Errorf("got %q, done %t, want an answer that was stopped", got, c.done)
	}
}
