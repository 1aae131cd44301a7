package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
)

// The server's own chats, summaries and terminal client work in front of apps, which choose no
// model and report no usage.
func TestHouseApps(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"ai-sdk", "ag-ui"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			base := testenv.Start(t, "--upstream-format="+format).Base
			for _, test := range []struct {
				question string
				status   int
				want     string
			}{
				{"/thinking hi there", 200, "event:done\ndata:\"[DONE]\"\n\n"},
				{"/error-event hi", 200, "event:error\ndata:{\"code\":5026,\"msg\":\"the model is overloaded\"}\n\n"},
				{"/cut hi", 200, "event:error\ndata:{\"code\":5023,\"msg\":\"upstream ended mid-stream\"}\n\n"},
				{"/error-429 hi", 429, `{"code":5026,"msg":"too many chats"`},
			} {
				status, reply := post(t, base, "", "text/plain", test.question)
				if status != test.status || !strings.Contains(reply, test.want) {
					t.Errorf("%s: got %d %s, want %d with %q", test.question, status, reply, test.status, test.want)
				}
				if isThinking := strings.HasPrefix(test.question, "/thinking"); isThinking && (!strings.Contains(texts(reply), "You said: hi there") || !strings.Contains(reply, `"reasoning_content":"`)) {
					t.Errorf("%s: got %s", test.question, reply)
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
