package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
)

// The server's own chats, summaries and terminal client work in front of Dify, which takes a
// conversation as a single text, and completes a chatflow whose stream was cut.
func TestHouseDify(t *testing.T) {
	t.Parallel()
	base := testenv.Start(t, "--upstream-format=dify", "--speed=20").Base
	status, stream := post(t, base, "", "application/json",
		`{"stream":true,"additional_messages":[{"role":"user","content":"Name a color."},{"role":"assistant","content":"Blue."},{"role":"user","content":"hi there"}]}`)
	if status != http.StatusOK || !strings.Contains(texts(stream), "You said: user: Name a color.") || !strings.Contains(texts(stream), "user: hi there") {
		t.Errorf("got %d %.600q", status, stream)
	}
	checkTranslated(t, stream)
	if _, stream := post(t, base, "", "text/plain", "/reasoning hi"); !strings.Contains(stream, `"reasoning_content":"`) || !strings.Contains(stream, `"usage":{"token_count":`) {
		t.Errorf("got %.600q", stream)
	}
	if _, stream := post(t, base, "", "text/plain", "/cut-chatflow hi"); !strings.Contains(texts(stream), "You said: hi") || !strings.HasSuffix(texts(stream), " /") || !strings.HasSuffix(stream, "event:done\ndata:\"[DONE]\"\n\n") {
		t.Errorf("a cut chatflow: got %q", stream)
	}
	if status, reply := post(t, base, "", "text/plain", "/error-401 hi"); status != http.StatusUnauthorized || !strings.HasPrefix(reply, `{"code":5026,"msg":"Access token is invalid"`) {
		t.Errorf("a refusal: got %d %s", status, reply)
	}
	for message, want := range map[string]string{
		"/error-event hi": `{"code":5026,"msg":"The model is overloaded."}`,
		"/failed hi":      `{"code":5026,"msg":"the node LLM failed"}`,
		"/paused hi":      `{"code":5026,"msg":"the workflow waits for a human"}`,
		"/cut hi":         `{"code":5023,"msg":"upstream ended mid-stream"}`,
	} {
		t.Run(message, func(t *testing.T) {
			t.Parallel()
			if _, reply := post(t, base, "", "text/plain", message); !strings.HasSuffix(reply, "event:error\ndata:"+want+"\n\n") {
				t.Errorf("got %s, want %s at the end", reply, want)
			}
		})
	}
	if _, body := send(t, http.MethodGet, base+"/ai/summarize?text=one+two+three"); !strings.Contains(body, `"status":"done","progress":100`) {
		t.Errorf("a summary: got %s", body)
	}
	client := startTerminal(t, base, "--mode=raw", "hi there")
	out, err := io.ReadAll(client.out)
	if err != nil || !strings.Contains(string(out), "You said: hi there") {
		t.Errorf("the terminal got %q, %v; stderr %s", out, err, client.stderr.String())
	}
	if err := client.Wait(); err != nil {
		t.Errorf("the terminal client failed: %v", err)
	}
}
