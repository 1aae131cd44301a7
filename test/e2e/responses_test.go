package e2e

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/testenv"
)

// In front of the Responses API, every form of a question gets an answer in the events of
// /v3/chat, and a truncated answer ends with an error.
func TestTranslatedResponses(t *testing.T) {
	t.Parallel()
	base := testenv.Start(t, "--upstream-format=openai-responses").Base
	for _, test := range []struct{ name, contentType, body, want string }{
		{"plain text", "text/plain", "hi there", "You said: hi there"},
		{"JSON", "application/json", `{"stream":true,"additional_messages":[{"role":"user","content":"hi there","content_type":"text"}]}`, "You said: hi there"},
		{"without deltas", "text/plain", "/whole hi there", "You said: hi there"},
		{"a refusal", "text/plain", "/refusal", "I'm sorry"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			status, stream := post(t, base, "", test.contentType, test.body)
			if status != http.StatusOK || !strings.Contains(texts(stream), test.want) {
				t.Errorf("got %d %.300q, want %q", status, stream, test.want)
			}
			checkTranslated(t, stream)
		})
	}
	for model, want := range map[string]string{
		"cut": `"code":5023`, "error-event": "The model is overloaded.", "failed": "The model is overloaded.",
	} {
		if status, stream := post(t, base, "", "text/plain", "/"+model+" hi"); status != http.StatusOK || !strings.Contains(stream, "event:error\n") || !strings.Contains(stream, want) {
			t.Errorf("%s: got %d %.300q, want %s", model, status, stream, want)
		}
	}
}

// readResponse reads up to the given number of events of a response in the background, or
// all if it is 0, behind the event with an id. It returns the joined text, the id of the last
// event, and its type.
func readResponse(t *testing.T, base, lastID string, events int) (text, id, eventType string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*testenv.Patience)
	defer cancel()
	body := `{"model":"gpt-4o","stream":true,"background":true,"input":"write a poem"}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/openai/responses?api-version=1", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", token)
	req.Header.Set("Typewriter-Event-Ids", "on")
	if lastID != "" {
		req.Header.Set("Last-Event-Id", lastID)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("after %q: status %d", lastID, res.StatusCode)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	for n := 0; (events == 0 || n < events) && lines.Scan(); {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "id":
			id = value
		case "data":
			n++
			eventType = gjson.Get(value, "type").Str
			if eventType == "response.output_text.delta" {
				text += gjson.Get(value, "delta").Str
			}
		}
	}
	return text, id, eventType
}

// A response in the background outlives the replica that reads it: the other one reads the
// rest from the service, behind the last event that was stored.
func TestResponseOutlivesReplica(t *testing.T) {
	t.Parallel()
	_, replicas := startReplicas(t)
	whole, _, _ := readResponse(t, replicas[0].Base, "", 0)
	first, id, _ := readResponse(t, replicas[0].Base, "", 40)
	replicas[0].Kill()
	rest, _, last := readResponse(t, replicas[1].Base, id, 0)
	if first == "" || rest == "" || first+rest != whole || last != "response.completed" {
		t.Errorf("got %q and %q with the end %s, want %q", first, rest, last, whole)
	}
}
