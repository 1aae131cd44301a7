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

// longest is how long a scenario may take: one that hangs is given up by its idle
// timeout before.
const longest = 4 * time.Minute

// Whatever the stand-in does, the proxy's stream has the same events with the same
// texts, and the strictest SDKs can read it.
func TestEveryScenario(t *testing.T) {
	for _, scenario := range cozemock.Scenarios() {
		var want []string
		t.Run(scenario.Name+"/direct", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { want = direct(t, scenario.Name) })
		})
		for _, mode := range []typewriter.Mode{typewriter.Typewriter, typewriter.Smooth, typewriter.Raw} {
			t.Run(scenario.Name+"/"+string(mode), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { checkScenario(t, scenario.Name, mode, want) })
			})
		}
	}
}

// direct returns what a client of the stand-in itself gets, as join writes it, and
// what the proxy is to add; nothing if it is no stream.
func direct(t *testing.T, scenario string) []string {
	ctx, cancel := context.WithTimeout(context.Background(), longest)
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
			break // what is to come of it stands below
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
	return join(events)
}

func checkScenario(t *testing.T, scenario string, mode typewriter.Mode, want []string) {
	_, engine := newTestHandler(t, mock.New(7, cozemock.New()))
	r := question("/" + scenario)
	r.header = map[string]string{"Typewriter-Mode": string(mode)}
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	a := engine.serve(ctx, t, r)
	if want == nil {
		return // no stream: see TestOtherRepliesPass
	}
	got := join(readStrict(t, a.text()))
	for i := range max(len(got), len(want)) {
		if i >= len(got) {
			t.Fatalf("event %d is missing: %.300q", i, want[i])
		}
		if i >= len(want) || got[i] != want[i] {
			t.Fatalf("event %d is %.300q\nwant %.300q", i, got[i], append(want, "none")[i])
		}
	}
}

// join writes events as text, with the deltas that differ in nothing but their text
// as one, and JSON in one canonical form.
func join(events []event) []string {
	var joined []string
	for _, r := range runs(events) {
		if !r.isText {
			joined = append(joined, r.around)
			continue
		}
		var s string
		_ = json.Unmarshal([]byte(`"`+r.text+`"`), &s) // valid: it was JSON
		joined = append(joined, r.around+" "+s)
	}
	return joined
}

// run is an event that is not text, or the deltas that differ in nothing but their
// text, which is joined as it stands in the JSON.
type run struct {
	around, text string
	isText       bool
}

func (r run) String() string { return r.around + " " + r.text }

func runs(events []event) []run {
	var joined []run
	var text strings.Builder
	for i, e := range events {
		around, t, isText := cutText(e)
		text.WriteString(t)
		if isText && i+1 < len(events) {
			if next, _, nextIsText := cutText(events[i+1]); nextIsText && next == around {
				continue
			}
		}
		joined = append(joined, run{around, text.String(), isText})
		text.Reset()
	}
	return joined
}

// cutText parts a delta into its text and the rest. For any other event, the rest is
// all of it. It remembers what it did: the same events are looked at again and again.
func cutText(e event) (around, text string, isText bool) {
	if known, ok := partsOf.Load(e); ok {
		r := known.(run)
		return r.around, r.text, r.isText
	}
	around, text, isText = splitDelta(e)
	if !isText {
		around = e.name + " " + canonical(e.data)
	}
	partsOf.Store(e, run{around, text, isText})
	return around, text, isText
}

var partsOf sync.Map

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

// canonical writes JSON with sorted keys and one way to escape.
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
