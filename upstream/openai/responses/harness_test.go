package responses

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/upstream/openai"
	"sse-typewriter/upstream/split"
	"sse-typewriter/upstream/split/splittest"
)

// format is the format with its default options.
var format = New(openai.Options{Model: "test"})

// message is what an SDK makes of a stream: the texts of parts and the probabilities of their
// tokens, joined, the other fields of deltas, and all other events in their order.
type message map[string]any

func newMessage() splittest.Message { return message{} }

// Add implements [splittest.Message].
func (m message) Add(e splittest.Event) {
	var fields map[string]any
	decoder := json.NewDecoder(strings.NewReader(e.Data))
	decoder.UseNumber() // any number is valid
	eventType := e.Name
	if decoder.Decode(&fields) == nil {
		if t, _ := fields["type"].(string); t != "" {
			eventType = t
		}
	}
	data := jsontext.SingleLine(e.Data)
	text := split.RawString(gjson.Get(data, "delta")) // with the halves of characters
	if _, ok := deltas[eventType]; !ok || text == "" {
		all, _ := m["events"].([]splittest.Event)
		m["events"] = append(all, splittest.Event{Name: e.Name, Data: data})
		return
	}
	part, _ := json.Marshal([]any{e.Name, eventType, fields["item_id"], fields["output_index"], fields["content_index"], fields["summary_index"]})
	at := string(part) + " "
	for key, value := range fields {
		switch v := value.(type) {
		case string:
			if key == "delta" {
				before, _ := m[at+key].(string)
				m[at+key] = before + text
				continue
			}
			m[at+key] = v
		case []any:
			m.appendTo(at+key, v)
		case map[string]any:
			if len(v) > 0 {
				m.appendTo(at+key, []any{v})
			}
		default:
			m[at+key] = v
		}
	}
}

func (m message) appendTo(at string, values []any) {
	if before, _ := m[at].([]any); len(values) > 0 {
		m[at] = append(before, values...)
	}
}
