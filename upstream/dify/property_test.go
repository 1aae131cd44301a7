package dify

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/upstream/split/splittest"
)

// message is what a client makes of a stream: the text of each channel, and everything else
// in turn. It implements [splittest.Message].
type message map[string]string

// Add adds an event.
func (m message) Add(e splittest.Event) {
	e.Data = jsontext.SingleLine(e.Data)
	data := gjson.Parse(e.Data)
	if !gjson.Valid(e.Data) {
		m["others"] += e.Data
		return
	}
	event, field := data.Get("event").Str, ""
	switch event {
	case eventMessage, eventAgentMessage:
		field = "answer"
	case eventTextChunk:
		field = "data.text"
	case eventReasoningChunk:
		field = "data.reasoning"
	}
	text := data.Get(field)
	if field == "" || text.Type != gjson.String {
		m["others"] += event
		return
	}
	at := strings.Join([]string{event, data.Get("message_id").Raw, data.Get("from_variable_selector").Raw, data.Get("data.from_variable_selector").Raw}, " ")
	m[at] += text.Raw[1 : len(text.Raw)-1]
	if data.Get("data.is_final").Bool() {
		m[at] += "|final|"
	}
	if extra := data.Get("metadata"); extra.IsObject() && extra.Raw != "{}" {
		m[at] += extra.Raw
	}
	m[at+" id"] = data.Get("id").Raw + data.Get("created_at").Raw
}

func newMessage() splittest.Message { return message{} }

// generate generates a stream.
func generate(r *rand.Rand) []splittest.Event {
	var stream []splittest.Event
	for range 1 + r.IntN(15) {
		text := `"` + splittest.Text(r) + `"`
		members := []string{`"task_id":"t"`, `"message_id":"` + []string{"m", "n"}[r.IntN(2)] + `"`, `"created_at":1`}
		inData := []string{`"from_variable_selector":["1","text"]`}
		event := []string{eventMessage, eventMessage, eventAgentMessage, eventTextChunk, eventReasoningChunk, "agent_thought", eventMessageReplace, "node_finished", "new"}[r.IntN(9)]
		members = append(members, `"event":"`+event+`"`)
		switch event {
		case eventTextChunk:
			inData = append(inData, `"text":`+text)
		case eventReasoningChunk:
			inData = append(inData, `"reasoning":`+text, `"is_final":`+fmt.Sprint(r.IntN(3) == 0))
		default:
			members = append(members, `"answer":`+text)
			if r.IntN(2) == 0 {
				members = append(members, `"from_variable_selector":["2","text"]`)
			}
			if r.IntN(6) == 0 {
				members = append(members, `"metadata":{"a":[1,2]}`)
			}
			inData = nil
		}
		if inData != nil {
			r.Shuffle(len(inData), func(i, j int) { inData[i], inData[j] = inData[j], inData[i] })
			members = append(members, `"data":{`+strings.Join(inData, ",")+`}`)
		}
		if r.IntN(3) == 0 {
			r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		}
		stream = append(stream, splittest.Event{Data: "{" + strings.Join(members, ",") + "}"})
	}
	return append(stream, splittest.Event{Data: `{"event":"message_end","task_id":"t"}`})
}

// Whatever a client makes of a stream it makes of the typed one.
func TestProperties(t *testing.T) {
	const cases = 1000
	for i := range uint64(cases) {
		r := rand.New(rand.NewPCG(2028, i))
		if !t.Run(fmt.Sprint("seed ", i), func(t *testing.T) { splittest.Check(t, r, New(Options{}), generate(r), newMessage) }) {
			return
		}
	}
}

// Whatever a client makes of a recorded stream it makes of the typed one.
func TestRecordings(t *testing.T) {
	const path = "../../../shared/recordings/dify/chatflow-excerpt.sse"
	content, err := os.ReadFile(path)
	if err != nil {
		t.Skip("there are no recordings")
	}
	stream := splittest.ParseStream(string(content))
	for seed := range uint64(9) {
		splittest.Check(t, rand.New(rand.NewPCG(seed, 0)), New(Options{}), stream, newMessage)
	}
	typed := 0
	for _, e := range stream {
		if (&decoder{}).Decode(e.Name, e.Data).Frame.IsText() {
			typed++
		}
	}
	if typed != 3 {
		t.Errorf("got %d events with text, want 3", typed)
	}
}

// Any event keeps its bytes, and its pieces are valid.
func FuzzSplit(f *testing.F) {
	for _, data := range []string{
		head + `"answer":"ab"}`, `{"event":"text_chunk","data":{"text":"\"\\","from_variable_selector":["1"]}}`, `{"event":"reasoning_chunk","data":{"is_final":true,"reasoning":"a"}}`,
		`{"event":"message","answer":"a","answer":"b"}`, "{\n\"event\" : \"message\" , \"answer\":\"\u2028a\" , \"x\":[1]}", `{"event":"message","answer":"`, `[]`, `{"event":"error"}`,
	} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data string) {
		e, want := (&decoder{}).Decode("", data), data
		if json.Valid([]byte(data)) {
			want = jsontext.SingleLine(data)
		}
		if got := e.Payload(); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
		if !e.Frame.IsText() {
			return
		}
		for _, piece := range splittest.Pieces(t, e) {
			if !json.Valid([]byte(piece)) {
				t.Errorf("got %q", piece)
			}
		}
	})
}
