package gemini

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream/split/splittest"
)

// An SDK has the same result of a recorded stream and of the typed one, and each chunk with
// one text is split.
func TestRecordings(t *testing.T) {
	for name, stream := range splittest.Recordings(t, "gemini") {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(3) {
				splittest.Check(t, rand.New(rand.NewPCG(seed, 0)), format, stream, newMessage)
			}
			d := decoder{}
			for _, e := range stream {
				texts := 0
				for _, part := range gjson.Get(e.Data, "candidates.0.content.parts").Array() {
					if part.Get("text").Str != "" {
						texts++
					}
				}
				if got := d.Decode(e.Name, e.Data).Frame.IsText(); got != (texts == 1) {
					t.Errorf("got typed %t of %s", got, e.Data)
				}
			}
		})
	}
}

const propertyCases = 1000

// An SDK has the same result of a stream and of the typed one.
func TestProperties(t *testing.T) {
	for i := range uint64(propertyCases) {
		r := rand.New(rand.NewPCG(173, i))
		ok := t.Run(fmt.Sprint("seed ", i), func(t *testing.T) { splittest.Check(t, r, format, generate(r), newMessage) })
		if !ok {
			return
		}
	}
}

// generator generates the chunks of a stream.
type generator struct{ *rand.Rand }

func generate(r *rand.Rand) []splittest.Event {
	g := generator{r}
	var events []splittest.Event
	for range 1 + g.IntN(10) {
		chunk := g.object(append(g.some(`"usageMetadata":`+fmt.Sprintf(`{"totalTokenCount":%d}`, g.IntN(9)), `"modelVersion":"m\u2028"`, `"responseId":"r"`, `"promptFeedback":{"a":1}`, `"x":[]`), g.candidates()))
		switch g.IntN(16) {
		case 0:
			chunk = "not JSON"
		case 1:
			chunk = strings.Replace(chunk, ",", ",\n", 1)
		}
		events = append(events, data(chunk))
	}
	return events
}

// some returns some of the values, in any order.
func (g generator) some(values ...string) []string {
	var out []string
	for _, i := range g.Perm(len(values))[:g.IntN(len(values)+1)] {
		out = append(out, values[i])
	}
	return out
}

func (g generator) object(members []string) string {
	g.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return "{" + strings.Join(members, []string{",", ", "}[g.IntN(2)]) + "}"
}

func (g generator) candidates() string {
	var all []string
	for i := range []int{0, 1, 1, 1, 1, 2}[g.IntN(6)] {
		members := g.some(`"finishReason":"STOP"`, `"groundingMetadata":{"a":[1]}`, `"citationMetadata":{}`, `"avgLogprobs":-1.5`, `"safetyRatings":[{"b":1}]`)
		var parts []string
		for range g.IntN(4) {
			parts = append(parts, g.part())
		}
		content := g.object([]string{`"role":"model"`, `"parts":[` + strings.Join(parts, ",") + `]`})
		all = append(all, g.object(append(members, `"content":`+content, fmt.Sprintf(`"index":%d`, i))))
	}
	return `"candidates":[` + strings.Join(all, ",") + `]`
}

func (g generator) part() string {
	switch g.IntN(4) {
	case 0:
		return `{"functionCall":{"name":"f","args":{"text":"a"}},"thoughtSignature":"s"}`
	case 1:
		return `{"text":""}`
	default:
		return g.object(append(g.some(`"thought":true`, `"thoughtSignature":"s"`), `"text":"`+splittest.Text(g.Rand)+`"`))
	}
}

// Valid JSON stays valid, whole or cut, and the pieces are joined to the same message.
func FuzzSplit(f *testing.F) {
	for _, data := range []string{
		`{"candidates": [{"content": {"parts": [{"text": "hi"}],"role": "model"},"finishReason": "STOP","index": 0}],"usageMetadata": {"a": 1}}`,
		`{"candidates":[{"content":{"parts":[{"executableCode":{"code":"x"}},{"text":"\"\\\ud83d","thought":true,"thoughtSignature":"s"},{"text":""}]},"index":-1e400}]}`,
		"{\n\"candidates\" : [ { \"content\":{\"parts\" : [ {\"text\" : \"\u2028a\"}]}} ] }", `{"candidates":[{"content":{"parts":[{"t\u0065xt":"ab"}]}},{"index":1}]}`,
		`{"candidates":{"content":{"parts":{"text":"a"}}}}`, `{"candidates":[[{"content":"a"}]]}`, `{"error":"x"}`, `{"candidates":[{"content":{"parts":[{"text":"`,
	} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data string) {
		d := decoder{}
		e := d.Decode("", data)
		want := data
		if json.Valid([]byte(data)) {
			want = jsontext.SingleLine(data)
		}
		if e.Payload() != want {
			t.Fatalf("got %q, want %q", e.Payload(), want)
		}
		if !e.Frame.IsText() || !utf8.ValidString(data) {
			return
		}
		whole, joined := message{}, message{}
		whole.Add(splittest.Event{Data: data})
		for _, piece := range splittest.Pieces(t, e) {
			if !json.Valid([]byte(piece)) {
				t.Fatalf("got %q, which is not JSON", piece)
			}
			joined.Add(splittest.Event{Data: piece})
		}
		delete(whole, "roleless") // counts pieces
		delete(joined, "roleless")
		if fmt.Sprint(joined) != fmt.Sprint(whole) && !mayDiffer(data) {
			t.Errorf("got %q, want %q", joined, whole)
		}
	})
}

// mayDiffer reports whether an object that contains a text has a key twice, or an escape in a
// key, which the accumulator of the test reads in another way than the decoder.
func mayDiffer(data string) bool {
	return strings.Contains(data, `\u00`) || strings.Count(data, `"index"`) > 1 || !gjson.Get(data, "candidates").IsArray()
}

// chunkOf returns a chunk with a text, as the service sends it.
func chunkOf(text string) string {
	return `{"candidates": [{"content": {"parts": [{"text": "` + text + `"}],"role": "model"},"index": 0}],"usageMetadata": {"promptTokenCount": 15,"candidatesTokenCount": 29,"totalTokenCount": 1556,"promptTokensDetails": [{"modality": "TEXT","tokenCount": 15}],"thoughtsTokenCount": 742},"modelVersion": "gemini-2.5-pro","responseId": "6hkqaYC5BbGEz7IPwb3ggA8"}`
}

// A chunk is decoded with a fixed number of allocations, whatever the length of its text.
func TestDecodeAllocations(t *testing.T) {
	allocations := func(size int) float64 {
		d := decoder{}
		chunks := []string{chunkOf(strings.Repeat("你好", size)), strings.Replace(chunkOf(strings.Repeat("再见", size)), "1556", "1557", 1)}
		n := 0
		return testing.AllocsPerRun(100, func() {
			d.Decode("", chunks[n%2]) // the usage differs, so that each chunk has a frame of its own
			n++
		})
	}
	if short, long := allocations(2), allocations(200); short != long || short > 40 {
		t.Errorf("got %v allocations of a short text and %v of a long one", short, long)
	}
}

// One operation is the decoding of a chunk with a text of 40 clusters.
func BenchmarkDecode(b *testing.B) {
	text := strings.Repeat("你好，世界。", 7)[:40*3]
	chunks := []string{chunkOf(text), strings.Replace(chunkOf(text), "1556", "1557", 1)}
	b.ReportAllocs()
	d := decoder{}
	n := 0
	for b.Loop() {
		e := d.Decode("", chunks[n%2])
		if e.Frame.Kind != typewriter.Answer {
			b.Fatal("got no answer")
		}
		n++
	}
}
