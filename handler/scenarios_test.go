package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"
	"github.com/tmaxmax/go-sse"

	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
	"sse-typewriter/typewriter"
)

// scenarioTimeout bounds a scenario. The idle timeout of a hanging upstream is shorter.
const scenarioTimeout = 4 * time.Minute

// In every scenario the proxy's stream has the same events with the same texts as the
// stand-in's, and the strictest SDKs can read the stream.
func TestEveryScenario(t *testing.T) {
	for _, scenario := range cozemock.Scenarios() {
		var want []string
		t.Run(scenario.Name+"/direct", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { want = expectedEvents(t, scenario.Name) })
		})
		for _, mode := range []typewriter.Mode{typewriter.Typewriter, typewriter.Smooth, typewriter.Raw} {
			t.Run(scenario.Name+"/"+string(mode), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { checkScenario(t, scenario.Name, mode, want) })
			})
		}
	}
}

// expectedEvents returns the normalized events of a direct request to the stand-in, and the
// proxy's additions. For other replies than streams the result is nil.
func expectedEvents(t *testing.T, scenario string) []string {
	ctx, cancel := context.WithTimeout(context.Background(), scenarioTimeout)
	defer cancel()
	body := strings.NewReader(question("/" + scenario).body)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://standin/v3/chat", body)
	if err != nil {
		t.Fatal(err)
	}
	res, err := mock.New(7, cozemock.New()).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return nil
	}
	var events []event
	for e, err := range sse.Read(res.Body, &sse.ReadConfig{MaxEventSize: 4 << 20}) {
		if err != nil {
			break // expected below
		}
		events = append(events, event{e.Type, e.Data})
	}
	switch scenario {
	case "cut", "cut-early", "no-done":
		return nil // the proxy's stream is not cut: see TestCutAnswersAreCompleted
	case "hang":
		events = append(events, event{"error", `{"code":5042,"msg":"upstream stalled mid-stream"}`})
	case "studio":
		events[len(events)-1] = event{"done", `"[DONE]"`}
	}
	return normalize(events)
}

func checkScenario(t *testing.T, scenario string, mode typewriter.Mode, want []string) {
	_, server := newTestHandler(t, mock.New(7, cozemock.New()))
	r := question("/" + scenario)
	r.header = map[string]string{"Typewriter-Mode": string(mode)}
	ctx, cancel := context.WithTimeout(context.Background(), scenarioTimeout)
	defer cancel()
	a := server.serve(ctx, t, r)
	if want == nil {
		return // no stream: see TestOtherRepliesPass
	}
	got := normalize(readStrict(t, a.text()))
	for i := range max(len(got), len(want)) {
		if i >= len(got) {
			t.Fatalf("event %d is missing: %.300q", i, want[i])
		}
		if i >= len(want) || got[i] != want[i] {
			t.Fatalf("event %d is %.300q\nwant %.300q", i, got[i], append(want, "none")[i])
		}
	}
}

// normalize formats events as strings. Deltas that differ only in their text are merged,
// and JSON is in canonical form.
func normalize(events []event) []string {
	var joined []string
	for _, r := range mergeDeltas(events) {
		if !r.isText {
			joined = append(joined, r.rest)
			continue
		}
		var s string
		_ = json.Unmarshal([]byte(`"`+r.text+`"`), &s) // valid JSON, as cut from the event
		joined = append(joined, r.rest+" "+s)
	}
	return joined
}

// mergedEvent is an event without text, or a sequence of deltas that differ only in their
// text. The text is the concatenation of the escaped texts.
type mergedEvent struct {
	rest, text string
	isText     bool
}

func (r mergedEvent) String() string { return r.rest + " " + r.text }

func mergeDeltas(events []event) []mergedEvent {
	var joined []mergedEvent
	var text strings.Builder
	for i, e := range events {
		around, t, isText := separateText(e)
		text.WriteString(t)
		if isText && i+1 < len(events) {
			if next, _, nextIsText := separateText(events[i+1]); nextIsText && next == around {
				continue
			}
		}
		joined = append(joined, mergedEvent{around, text.String(), isText})
		text.Reset()
	}
	return joined
}

// separateText separates a delta into the text and the rest. For other events the rest is
// the whole event. Results are cached, because the tests compare the same events
// repeatedly.
func separateText(e event) (around, text string, isText bool) {
	if known, ok := separated.Load(e); ok {
		r := known.(mergedEvent)
		return r.rest, r.text, r.isText
	}
	around, text, isText = splitDelta(e)
	if !isText {
		around = e.name + " " + canonical(e.data)
	}
	separated.Store(e, mergedEvent{around, text, isText})
	return around, text, isText
}

var separated sync.Map

func splitDelta(e event) (around, text string, isText bool) {
	if e.name != "conversation.message.delta" || !gjson.Valid(e.data) || gjson.Get(e.data, "content_type").Str == "card" {
		return "", "", false
	}
	for _, field := range []string{"content", "reasoning_content"} {
		if v := gjson.Get(e.data, field); v.Type == gjson.String && v.Str != "" {
			rest := e.data[:v.Index] + `""` + e.data[v.Index+len(v.Raw):]
			return e.name + " " + field + " " + canonical(rest), v.Raw[1 : len(v.Raw)-1], true
		}
	}
	return "", "", false
}

// canonical re-encodes JSON with sorted keys and uniform escapes.
func canonical(data string) string {
	decoder := json.NewDecoder(bytes.NewReader([]byte(data)))
	decoder.UseNumber()
	var v any
	if decoder.Decode(&v) != nil {
		return data
	}
	b, _ := json.Marshal(v)
	return string(b)
}
