package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
)

// tokenCounts returns the counters of tokens of a server.
func tokenCounts(t *testing.T, base string) []string {
	t.Helper()
	_, scraped := send(t, "GET", base+"/metrics")
	return regexp.MustCompile(`(?m)^typewriter_tokens_total.*$`).FindAllString(scraped, -1)
}

// The tokens that a service reports are in the log line of the request and in the counters of
// its upstream and model, in each format.
func TestTokensOfFormats(t *testing.T) {
	t.Parallel()
	streams := map[string]string{
		"/v3/chat": "event:conversation.message.delta\ndata:{\"id\":\"1\",\"content\":\"x\"}\n\n" +
			"event:conversation.chat.completed\ndata:{\"id\":\"1\",\"conversation_id\":\"2\",\"status\":\"completed\",\"usage\":{\"input_count\":3,\"output_count\":4,\"token_count\":7}}\n\nevent:done\ndata:\"[DONE]\"\n\n",
		"/v1/chat/completions": "data: {\"id\":\"1\",\"model\":\"gpt-x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\n" +
			"data: {\"id\":\"1\",\"model\":\"gpt-x\",\"choices\":[],\"usage\":{\"prompt_tokens\":30,\"completion_tokens\":40,\"total_tokens\":70}}\n\ndata: [DONE]\n\n",
		"/v1/messages": "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"1\",\"model\":\"claude-x\",\"usage\":{\"input_tokens\":300,\"output_tokens\":1}}}\n\n" +
			"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}\n\n" +
			"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":400}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
	}
	up := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, streams[r.URL.Path])
	})
	p := testenv.Start(t, "--upstream="+up, "--api-keys=alice "+oneKey)
	for range 2 {
		for path := range streams {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.Base+path, strings.NewReader(`{"stream":true}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+oneKey)
			req.Header.Set("Anthropic-Version", "2023-06-01")
			if status, _, body := readReply(t, http.DefaultClient.Do, req); status != http.StatusOK || !strings.Contains(body, "x") {
				t.Errorf("%s: got %d %q", path, status, body)
			}
		}
	}
	_, scraped := send(t, "GET", p.Base+"/metrics", "x-api-key", oneKey)
	got := regexp.MustCompile(`(?m)^typewriter_tokens_total.*$`).FindAllString(scraped, -1)
	want := []string{
		`typewriter_tokens_total{model="claude-x",type="input",upstream="/"} 600`,
		`typewriter_tokens_total{model="claude-x",type="output",upstream="/"} 800`,
		`typewriter_tokens_total{model="gpt-x",type="input",upstream="/"} 60`,
		`typewriter_tokens_total{model="gpt-x",type="output",upstream="/"} 80`,
		`typewriter_tokens_total{model="unknown",type="input",upstream="/"} 6`,
		`typewriter_tokens_total{model="unknown",type="output",upstream="/"} 8`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("counted %q, want %q", got, want)
	}
	testenv.Eventually(t, "all streams are logged", func() bool { return len(lines(p.Log.String(), "stream ended")) == 6 })
	// In the line of the view, or in a line of their own if the view was over first.
	for _, want := range []string{" model=gpt-x input_tokens=30 output_tokens=40\n", " model=claude-x input_tokens=300 output_tokens=400\n", " input_tokens=3 output_tokens=4\n"} {
		if n := strings.Count(p.Log.String(), want); n != 2 {
			t.Errorf("%q is in %d lines, want 2: %s", want, n, p.Log.String())
		}
	}
}

// The tokens of an answer that was stopped, of one completed after a cut, and of one whose
// client has left, are counted once.
func TestTokensOfOtherEnds(t *testing.T) {
	t.Parallel()
	p := testenv.Start(t, "--speed=100", "--recovery-timeout=30s")
	location := func(question string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.Base+"/v3/chat?message="+question, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Prefer", "respond-async")
		_, header, _ := readReply(t, http.DefaultClient.Do, req)
		return p.Base + header.Get("Location")
	}
	used := func() int {
		return len(regexp.MustCompile(`(?m) input_tokens=\d+( output_tokens=\d+)?$`).FindAllString(p.Log.String(), -1))
	}
	stopped := location("/slow")
	res := start(t, stopped+"?mode=raw")
	for line, in := "", bufio.NewReader(res.Body); !strings.Contains(line, "conversation.chat.created"); { // the chat is known
		var err error
		if line, err = in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	if status, body := send(t, "DELETE", stopped); status != http.StatusNoContent {
		t.Fatalf("got %d %q", status, body)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	testenv.Eventually(t, "the tokens of the stopped answer are logged", func() bool { return used() == 1 })
	counts := tokenCounts(t, p.Base)
	if len(counts) == 0 || !strings.Contains(counts[0], `{model="unknown",type="input",upstream="/"}`) {
		t.Errorf("counted %q", counts)
	}
	cut := location("/cut")
	if _, body := send(t, "GET", cut+"?mode=raw"); !strings.Contains(body, "[DONE]") {
		t.Fatalf("the cut answer is not completed: %.300q", body)
	}
	if _, body := send(t, "GET", cut+"?mode=raw"); !strings.Contains(body, "[DONE]") { // a second view
		t.Fatalf("got %.300q", body)
	}
	testenv.Eventually(t, "the tokens of the cut answer are logged", func() bool { return used() == 2 })
	var total int
	for _, count := range tokenCounts(t, p.Base) {
		var n int
		_, _ = fmt.Sscan(count[strings.LastIndexByte(count, ' ')+1:], &n)
		total += n
	}
	logged := 0
	for _, m := range regexp.MustCompile(`(?:input|output)_tokens=(\d+)`).FindAllStringSubmatch(p.Log.String(), -1) {
		var n int
		_, _ = fmt.Sscan(m[1], &n)
		logged += n
	}
	if total == 0 || total != logged {
		t.Errorf("counted %d tokens, and logged %d", total, logged)
	}
}

// After the loss of a replica, the one that completes the answer counts the tokens.
func TestTokensAfterTakeOver(t *testing.T) {
	t.Parallel()
	_, replicas := startReplicas(t)
	c := &resumingClient{t: t}
	c.read(replicas[0].Base, poemQuestion+"&mode=raw", 10)
	c.read(replicas[1].Base, "mode=raw", 3)
	replicas[0].Kill()
	for !c.done {
		c.read(replicas[1].Base, "mode=raw", 0)
	}
	if counts := tokenCounts(t, replicas[1].Base); len(counts) != 2 {
		t.Errorf("counted %q", counts)
	}
	testenv.Eventually(t, "the tokens are logged", func() bool { return len(lines(replicas[1].Log.String(), "output_tokens=")) == 1 })
	if line := lines(replicas[1].Log.String(), "output_tokens=")[0]; !strings.Contains(line, "stream ended") {
		t.Errorf("the tokens are in the line %s", line)
	}
}
