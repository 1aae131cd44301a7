package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
)

// The server's own chats, summaries and terminal client work in front of each format, with
// the reasoning, the usage and the failures of the service.
func TestHouseFormats(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		format, reasoning string // with a model that reasons
		refused           string // the message of /error-401
		failed            string // the message of /error-event
	}{
		{"anthropic", "claude-thinking", "invalid x-api-key", "Overloaded"},
		{"ollama", "qwen3", "unauthorized", "the model runner has crashed"},
		{"gemini", "gemini-thinking", "Request had invalid authentication credentials.", "The model is overloaded. Please try again later."},
	} {
		t.Run(test.format, func(t *testing.T) {
			t.Parallel()
			base := testenv.Start(t, "--upstream-format="+test.format, "--model="+test.reasoning).Base
			status, stream := post(t, base, "", "application/json",
				`{"stream":true,"additional_messages":[{"role":"user","content":"Name a color."},{"role":"assistant","content":"Blue."},{"role":"user","content":"hi there"}]}`)
			if status != http.StatusOK || !strings.Contains(texts(stream), "You said: hi there") || !strings.Contains(stream, `"reasoning_content":"`) {
				t.Errorf("got %d %.600q", status, stream)
			}
			checkTranslated(t, stream)

			if status, reply := post(t, base, "", "text/plain", "/error-401 hi"); status != http.StatusUnauthorized || !strings.HasPrefix(reply, `{"code":5026,"msg":"`+test.refused+`"`) {
				t.Errorf("a refusal: got %d %s", status, reply)
			}
			for message, want := range map[string]string{
				"/error-event hi": `event:error` + "\n" + `data:{"code":5026,"msg":"` + test.failed + `"}` + "\n\n",
				"/cut hi":         "event:error\ndata:{\"code\":5023,\"msg\":\"upstream ended mid-stream\"}\n\n",
			} {
				if _, reply := post(t, base, "", "text/plain", message); !strings.HasSuffix(reply, want) {
					t.Errorf("%s: got %s, want %s at the end", message, reply, want)
				}
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
		})
	}
}
