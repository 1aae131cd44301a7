package sdk

import (
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/testenv"
)

// The SDK reads, continues and cancels a stored response as at the service. A response in the
// background whose stream is cut is complete through the program, and an error straight.
func TestStoredResponses(t *testing.T) {
	t.Parallel()
	testenv.InstallNPM(t, ".")
	base := start(t, "--mode=typewriter", "--speed=10", "--max-lag=200ms").Base
	for name, lines := range runScript(t, "node", "responses_stored.mjs", base+"/upstream/v1", base+"/v1") {
		results := make(map[string]string)
		for _, l := range lines {
			results[l.Event] = string(l.Data)
		}
		before, after := results["straight"], results["through"]
		switch name {
		case "cut":
			if gjson.Get(before, "error").Exists() == gjson.Get(after, "error").Exists() || !strings.Contains(after, "response.completed") || !strings.Contains(after, "with care.") {
				t.Errorf("cut: got %s straight, and %s through the program", before, after)
			}
		case "cancel":
			if before != `{"status":"cancelled"}` || after != before {
				t.Errorf("cancel: got %s straight, and %s through the program", before, after)
			}
		case "unknown":
			if gjson.Get(after, "error.status").Int() != 404 || after != before {
				t.Errorf("unknown: got %s straight, and %s through the program", before, after)
			}
		default:
			if after != before || gjson.Get(after, "error").IsObject() {
				t.Errorf("%s: got %s\nwant %s", name, after, before)
			}
		}
	}
}
