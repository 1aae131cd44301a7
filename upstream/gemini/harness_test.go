package gemini

import (
	"fmt"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/upstream/split"
	"sse-typewriter/upstream/split/splittest"
)

// format is the format of the tests.
var format = New(Options{Model: "m"})

// message is the result of an SDK: the texts of each candidate, joined by kind, all
// other parts and fields in turn, and the last usage.
type message map[string]string

func newMessage() splittest.Message { return message{} }

// Add implements [splittest.Message].
func (m message) Add(e splittest.Event) {
	if !gjson.Valid(e.Data) || !gjson.Parse(e.Data).IsObject() {
		m["other"] += e.Data + "\n"
		return
	}
	gjson.Parse(e.Data).ForEach(func(key, value gjson.Result) bool {
		switch {
		case key.Str == "candidates" && value.IsArray():
			for _, candidate := range value.Array() {
				m.addCandidate(candidate)
			}
		case key.Str == "usageMetadata" || value.Type != gjson.JSON:
			m[key.Str] = jsontext.SingleLine(value.Raw)
		case !split.IsEmpty(value):
			m[key.Str] += jsontext.SingleLine(value.Raw)
		}
		return true
	})
}

func (m message) addCandidate(candidate gjson.Result) {
	index := candidate.Get("index").Raw
	if index == "" {
		index = "0"
	}
	candidate.ForEach(func(key, value gjson.Result) bool {
		if key.Str != "content" && key.Str != "index" && !split.IsEmpty(value) {
			m[index+" "+key.Str] += jsontext.SingleLine(value.Raw)
		}
		return true
	})
	content := candidate.Get("content")
	if content.Exists() && content.Get("role").Str != "model" {
		m["roleless"] += "x" // a chat session drops the whole answer
	}
	for _, part := range content.Get("parts").Array() {
		m.addPart(index, part)
	}
}

// addPart adds a part. A text continues the last one of its kind.
func (m message) addPart(index string, part gjson.Result) {
	if text := part.Get("text"); text.Type == gjson.String {
		kind := fmt.Sprint(" text, thought ", part.Get("thought").Bool())
		m[index+kind] += jsontext.SingleLine(split.RawString(text))
		if m[index+" last"] != kind && text.Str != "" {
			m[index+" parts"], m[index+" last"] = m[index+" parts"]+kind, kind
		}
		part.ForEach(func(key, value gjson.Result) bool {
			if key.Str != "text" && key.Str != "thought" && !split.IsEmpty(value) {
				m[index+" "+key.Str] += jsontext.SingleLine(value.Raw)
			}
			return true
		})
		return
	}
	m[index+" parts"], m[index+" last"] = m[index+" parts"]+jsontext.SingleLine(part.Raw), ""
}

// data returns an unnamed event.
func data(s string) splittest.Event { return splittest.Event{Data: s} }
