package declarative

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split/splittest"
)

// adder is what a client makes of increments: texts are joined, lists are appended, and other
// values replaced. A reason for the end counts each time.
type adder map[string]any

// Add implements [splittest.Message].
func (a adder) Add(e splittest.Event) {
	var value any
	if json.Unmarshal([]byte(e.Data), &value) != nil {
		value = e.Data
	}
	a.add("", value)
}

func (a adder) add(at string, value any) {
	before, _ := a[at].(string)
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			a.add(at+"."+name, member)
		}
	case []any:
		for i, element := range v {
			a.add(fmt.Sprint(at, " ", i), element)
		}
	case string:
		switch {
		case strings.HasSuffix(at, "content"), strings.HasSuffix(at, "reason") && v != "null":
			a[at] = before + v
		case !strings.HasSuffix(at, "reason"):
			a[at] = v
		}
	default:
		if strings.Contains(at, "tool_calls") {
			a[at] = fmt.Sprint(before, v, ",")
		} else {
			a[at] = v
		}
	}
}

// replacer is what a client makes of snapshots: the last event, and all reasons for the end.
type replacer struct {
	last any
	ends []string
}

// Add implements [splittest.Message].
func (r *replacer) Add(e splittest.Event) {
	if json.Unmarshal([]byte(e.Data), &r.last) != nil {
		r.last = e.Data
	}
	if strings.Contains(e.Data, `"stop"`) {
		r.ends = append(r.ends, fmt.Sprint(r.last))
	}
}

// generate returns a stream of DashScope, of snapshots or of increments.
func generate(r *rand.Rand, repeats bool) []splittest.Event {
	var events []splittest.Event
	texts := map[string]string{"content": "", "reasoning_content": ""}
	n := 1 + r.IntN(12)
	for i := range n {
		field := []string{"content", "content", "reasoning_content"}[r.IntN(3)]
		shown := map[string]string{}
		for _, name := range []string{"content", "reasoning_content"} {
			text, added := texts[name], ""
			if name == field || r.IntN(8) == 0 {
				added = randomText(r, repeats)
			}
			texts[name] = text + added
			if shown[name] = added; repeats {
				if r.IntN(15) == 0 {
					texts[name] = "x" + texts[name]
				}
				shown[name] = texts[name]
			}
		}
		finish := "null"
		if i == n-1 {
			finish = "stop"
		}
		tools := ""
		if r.IntN(6) == 0 {
			tools = fmt.Sprintf(`,"tool_calls":[%d]`, i)
		}
		data := fmt.Sprintf(`{"output":{"choices":[{"message":{"content":"%s","reasoning_content":"%s","role":"assistant"%s},"finish_reason":"%s"}]},"usage":{"output_tokens":%d}}`,
			shown["content"], shown["reasoning_content"], tools, finish, r.IntN(3))
		switch r.IntN(12) {
		case 0:
			data = strings.ReplaceAll(data, ",", " ,\n ")
		case 1:
			events = append(events, splittest.Event{Name: "ping", Data: `{"x":1}`})
		case 2:
			events = append(events, splittest.Event{Data: "no JSON"})
		}
		events = append(events, splittest.Event{Name: "result", Data: data})
	}
	return events
}

// randomText returns a text, perhaps empty, in a random spelling, and perhaps with halves of
// surrogate pairs: a client that joins increments sees a pair only if both halves are in one.
func randomText(r *rand.Rand, halves bool) string {
	parts := []string{"a", "b", " ", "你", "，", `\n`, `\"`, `\\`, "é", "👨‍👩‍👧", "\u2028", "🇨🇳", "}", `\u4f60`, "👩", "\u200d", "\u0301", `\ud83d\ude00`}
	if halves {
		parts = append(parts, `\ud83d`, `\ude00`)
	}
	var out strings.Builder
	for range r.IntN(9) {
		out.WriteString(parts[r.IntN(len(parts))])
	}
	return out.String()
}

// withSnapshots returns a built-in format with another setting of its snapshots.
func withSnapshots(t testing.TB, setting string) *upstream.Format {
	t.Helper()
	text, err := builtin.ReadFile("formats/dashscope.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d := parse(t, string(text))
	d.Snapshots, d.Incremental = setting, nil
	return d.New("dashscope", Options{})
}

// Whatever a client makes of a stream it makes of the typed one.
func TestProperties(t *testing.T) {
	const cases = 1000
	for i := range uint64(cases) {
		ok := t.Run(fmt.Sprint("seed ", i), func(t *testing.T) {
			for _, setting := range []string{"yes", "no", "auto"} {
				r := rand.New(rand.NewPCG(17, i))
				repeats := setting == "yes" || setting == "auto" && i%2 == 0
				newMessage := func() splittest.Message { return adder{} }
				if repeats {
					newMessage = func() splittest.Message { return &replacer{} }
				}
				splittest.Check(t, r, withSnapshots(t, setting), generate(r, repeats), newMessage)
			}
		})
		if !ok {
			return
		}
	}
}

// A recorded stream is typed like a generated one.
func TestRecording(t *testing.T) {
	path := "../../../shared/recordings/vendors/dashscope-native-doc-sample.sse"
	text, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Skip("there are no recordings")
	}
	var stream []splittest.Event
	for line := range strings.SplitSeq(string(text), "\n") {
		if data, ok := strings.CutPrefix(line, "data:"); ok {
			stream = append(stream, splittest.Event{Name: "result", Data: data})
		}
	}
	for seed := range uint64(5) {
		splittest.Check(t, rand.New(rand.NewPCG(seed, 0)), withSnapshots(t, "no"), stream, func() splittest.Message { return adder{} })
	}
	events, failure := splittest.Decode(t, builtinFormat(t, "dashscope"), splittest.Encode(stream))
	typed := slices.ContainsFunc(events, func(e upstream.Event) bool { return e.Frame.IsText() && !e.Frame.Snapshot })
	if failure != nil || !typed || len(events) != len(stream) {
		t.Errorf("got %d events, typed %t, %v", len(events), typed, failure)
	}
}
