package anthropic

import (
	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/upstream/split"
	"sse-typewriter/upstream/split/splittest"
)

// format is the format of the tests.
var format = New(Options{Model: "m"})

// message is the result of an SDK: the joined texts of each block, and all other
// values in turn.
type message map[string]string

func newMessage() splittest.Message { return message{} }

// Add implements [splittest.Message].
func (m message) Add(e splittest.Event) {
	delta := gjson.Get(e.Data, "delta")
	field, ok := textFields[delta.Get("type").Str]
	if gjson.Get(e.Data, "type").Str != eventBlockDelta || !ok {
		m["other"] += e.Name + " " + jsontext.SingleLine(e.Data) + "\n"
		return
	}
	at := e.Name + " " + gjson.Get(e.Data, "index").Raw + " "
	delta.ForEach(func(key, value gjson.Result) bool {
		switch {
		case key.Str == field.key:
			m[at+"text"] += jsontext.SingleLine(split.RawString(value))
		case key.Str != "type" && !split.IsEmpty(value):
			m[at+key.Str] += value.Raw
		}
		return true
	})
}

// text returns an event with a text delta.
func text(delta string) splittest.Event {
	return splittest.Event{Name: eventBlockDelta, Data: `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"` + delta + `"}}`}
}
