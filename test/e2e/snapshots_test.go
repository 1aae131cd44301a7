package e2e

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// A stream whose events repeat all text so far continues at another replica with all text.
func TestSnapshotsAcrossReplicas(t *testing.T) {
	t.Parallel()
	_, replicas := startReplicas(t)
	const body = `{"model":"qwen","input":{"messages":[{"role":"user","content":"hello"}]},"parameters":{"incremental_output":false}}`
	shown, id := "", ""
	for i, events := range []int{9, 12, 1 << 20} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, replicas[i%2].Base+"/api/v1/services/aigc/text-generation/generation", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"X-DashScope-SSE": "enable", "Typewriter-Event-Ids": "on", "Typewriter-Speed": "5"} {
			req.Header.Set(name, value)
		}
		if id != "" {
			req.Header.Set("Last-Event-ID", id)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		next, read := "", 0
		for lines := bufio.NewScanner(res.Body); read < events && lines.Scan(); {
			if value, ok := strings.CutPrefix(lines.Text(), "id:"); ok {
				next = value
			}
			data, ok := strings.CutPrefix(lines.Text(), "data:")
			if !ok {
				continue
			}
			text := gjson.Get(data, "output.choices.0.message.content").Str
			if !strings.HasPrefix(text, shown) {
				t.Errorf("replica %d: got %q after %q", i%2, text, shown)
			}
			shown, id = text, next
			read++
		}
		_ = res.Body.Close()
	}
	if !strings.HasPrefix(shown, "You said: hello") || !strings.HasSuffix(shown, "an article.") {
		t.Errorf("got %q", shown)
	}
}
