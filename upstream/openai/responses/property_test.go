package responses

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split/splittest"
)

// Whatever an SDK makes of a recorded stream it makes of the typed one, and each text is
// split.
func TestRecordings(t *testing.T) {
	for name, stream := range splittest.Recordings(t, "openai-responses") {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(3) {
				splittest.Check(t, rand.New(rand.NewPCG(seed, 0)), format, stream, newMessage)
			}
			d, texts := newDecoder(), 0
			for i, e := range stream {
				eventType, got := gjson.Get(e.Data, "type").Str, d.Decode(e.Name, e.Data)
				_, isText := deltas[eventType]
				if want := isText && gjson.Get(e.Data, "delta").Str != ""; got.Frame.IsText() != want {
					t.Errorf("got typed %t of %s", got.Frame.IsText(), e.Data)
				}
				if got.Frame.IsText() {
					texts++
				}
				isEnd := slices.Contains([]string{"response.completed", "response.failed", "error"}, eventType)
				if got := got.Meaning.Phase == upstream.Ended; got != isEnd || i == len(stream)-1 && !got {
					t.Errorf("got end %t of event %d of %d: %s", got, i, len(stream), eventType)
				}
			}
			t.Logf("%d events, %d with text", len(stream), texts)
		})
	}
}

const propertyCases = 1000

// Whatever an SDK makes of a stream it makes of the typed one.
func TestProperties(t *testing.T) {
	for i := range uint64(propertyCases) {
		r := rand.New(rand.NewPCG(17, i))
		ok := t.Run(fmt.Sprint("seed ", i), func(t *testing.T) { splittest.Check(t, r, format, generate(r), newMessage) })
		if !ok {
			return
		}
	}
}

// generate generates a stream. Some gateways send no names of events.
func generate(r *rand.Rand) []splittest.Event {
	isNamed := r.IntN(3) > 0
	var events []splittest.Event
	add := func(eventType string, members ...string) {
		members = append(members, `"type":"`+eventType+`"`, fmt.Sprintf(`"sequence_number":%d`, len(events)))
		r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		e := splittest.Event{Data: "{" + strings.Join(members, ",") + "}"}
		if isNamed {
			e.Name = eventType
		}
		switch r.IntN(20) {
		case 0:
			e.Data = strings.Replace(e.Data, ",", ",\n ", 1)
		case 1:
			e.Data = "not JSON"
		}
		events = append(events, e)
	}
	add("response.created", `"response":{"id":"resp_1","status":"in_progress"}`)
	types := []string{"response.output_text", "response.output_text", "response.refusal", "response.reasoning_text", "response.reasoning_summary_text", "response.function_call_arguments"}
	for range 1 + r.IntN(20) {
		place := []string{fmt.Sprintf(`"item_id":"i%d"`, r.IntN(2)), fmt.Sprintf(`"output_index":%d`, r.IntN(2)), fmt.Sprintf(`"content_index":%d`, r.IntN(2))}
		extra := [][]string{nil, {`"logprobs":[]`}, {`"logprobs":[{"token":"a"}]`}, {`"obfuscation":"aB3"`}, {`"x":{"y":[1]}`, `"z":null`}}[r.IntN(5)]
		switch partType := types[r.IntN(len(types))]; r.IntN(6) {
		case 0:
			add("response.output_text.annotation.added", append(place, `"annotation":{"type":"url_citation"}`)...)
		case 1:
			add(partType+".done", append(place, `"text":"`+splittest.Text(r)+`"`)...)
		default:
			add(partType+".delta", append(append(place, `"delta":"`+splittest.Text(r)+`"`), extra...)...)
		}
	}
	add("response.completed", `"response":{"id":"resp_1","status":"completed"}`)
	events[len(events)-1].Data = `{"type":"response.completed","response":{"id":"resp_1","status":"completed"}}`
	return events
}

// Valid JSON stays valid, whole or cut, and the pieces are joined to the same message.
func FuzzSplit(f *testing.F) {
	for _, data := range []string{
		delta("hi"), `{"type":"response.output_text.delta","output_index":-1e400,"delta":"\"\\\ud83d","logprobs":[1],"x":{"a":1} }`,
		"{\n\"type\" : \"response.refusal.delta\" , \"delta\":\"\u2028a\" , \"logprobs\" : [ ] }",
		`{"type":"response.reasoning_text.delta","d\u0065lta":"ab"}`, `{"type":"response.output_text.delta","delta":{}}`,
		`{"type":"response.output_text.delta","delta":"a","delta":"b"}`, `{"delta":"no type"}`, `{"type":7,"delta":"a"}`,
		`{"type":"response.completed","response":{"status":"completed"}}`, `{"type":"error","error":"x"}`, `{"error":{"message":1}}`, `[DONE]`, `{"type":"response.output_text.delta","delta":`,
		`{"type":"response.output_item.done","item":{"content":[{"type":"output_text","text":"a"}]}}`, `{"response":{"status":{}}}`, `[1]`, `"x"`,
	} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data string) {
		const name = "response.output_text.delta"
		e := newDecoder().Decode(name, data)
		want := data
		if json.Valid([]byte(data)) {
			want = jsontext.SingleLine(data)
		}
		if e.Payload() != want {
			t.Fatalf("got %q, want %q", e.Payload(), want)
		}
		if !e.Frame.IsText() || !utf8.ValidString(data) || repeatsKey(data) {
			return
		}
		whole, joined := message{}, message{}
		whole.Add(splittest.Event{Name: name, Data: data})
		for _, piece := range splittest.Pieces(t, e) {
			if !json.Valid([]byte(piece)) {
				t.Fatalf("got %q, which is not JSON", piece)
			}
			joined.Add(splittest.Event{Name: name, Data: piece})
		}
		if fmt.Sprint(joined) != fmt.Sprint(whole) {
			t.Errorf("got %q, want %q", joined, whole)
		}
	})
}

// repeatsKey reports whether encoding/json and gjson may read different values.
func repeatsKey(data string) bool {
	seen, repeats := map[string]bool{}, false
	gjson.Parse(data).ForEach(func(key, _ gjson.Result) bool {
		repeats = repeats || seen[key.Str]
		seen[key.Str] = true
		return true
	})
	return repeats
}
