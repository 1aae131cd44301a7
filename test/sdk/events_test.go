package sdk

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/tidwall/gjson"
)

// event is an event from an SDK in a form that can be compared between chats:
// consecutive deltas are joined, and ids, times and random values are masked.
type event struct{ name, data string }

func (e event) String() string { return e.name + " " + e.data }

// The names of events. The scripts print the last two.
const (
	nameDelta     = "conversation.message.delta"
	nameCompleted = "conversation.message.completed"
	nameAudio     = "conversation.audio.delta"
	nameError     = "error"
	nameDone      = "done"
	nameUnknown   = "unknown" // of cozepy
	nameEnd       = "end"
	nameThrow     = "throw"
)

// normalize converts the events from an SDK in one case into comparable form.
func normalize(lines []line) []event {
	var out []event
	mask := newMask()
	for len(lines) > 0 {
		n, field := runOfDeltas(lines)
		var data any
		if err := json.Unmarshal(lines[0].Data, &data); err != nil && len(lines[0].Data) > 0 {
			panic(err) // it is part of a line that was valid
		}
		if object, ok := data.(map[string]any); ok {
			switch {
			case field != "":
				object[field] = text(lines[:n], field)
			case lines[0].Event == nameAudio:
				object["content"] = fmt.Sprintf("%T", object["content"])
			case lines[0].Event == nameThrow:
				// Some messages end with the JSON that could not be parsed.
				object["message"], _, _ = strings.Cut(fmt.Sprint(object["message"]), "{")
			}
		}
		sorted, err := json.Marshal(data)
		if err != nil {
			panic(err) // it was JSON before
		}
		out = append(out, event{lines[0].Event, mask(string(sorted))})
		lines = lines[n:]
	}
	return out
}

// runOfDeltas returns the number of leading lines that are deltas of the same text, and
// the field with the text. Any other line is a run of its own, with an empty field.
func runOfDeltas(lines []line) (n int, field string) {
	channel := func(l line) (id, field string) {
		data := gjson.ParseBytes(l.Data)
		switch {
		case l.Event != nameDelta || data.Get("content_type").Str == "card":
			return "", ""
		case data.Get("reasoning_content").Str != "":
			return data.Get("id").Str, "reasoning_content"
		}
		return data.Get("id").Str, "content"
	}
	id, field := channel(lines[0])
	if field == "" {
		return 1, ""
	}
	for n = 1; n < len(lines); n++ {
		if nextID, nextField := channel(lines[n]); nextID != id || nextField != field {
			break
		}
	}
	return n, field
}

// text joins a field of deltas before it decodes JSON, because two deltas may hold the
// halves of a character.
func text(lines []line, field string) string {
	raw := ""
	for _, l := range lines {
		raw += strings.TrimSuffix(strings.TrimPrefix(gjson.GetBytes(l.Data, field).Raw, `"`), `"`)
	}
	var out string
	if err := json.Unmarshal([]byte(`"`+raw+`"`), &out); err != nil {
		panic(err) // these are strings of JSON
	}
	return out
}

var (
	anyLogID = regexp.MustCompile(`\b20\d{12}[0-9A-F]{20}\b`)
	anyID    = regexp.MustCompile(`\b7\d{18}\b`)
	anyTime  = regexp.MustCompile(`"(created|updated|completed)_at":\d+`)
)

// newMask returns a function that masks random values. It numbers ids in their order,
// so that equal ids remain recognizable.
func newMask() func(string) string {
	numbers := make(map[string]string)
	return func(data string) string {
		data = anyLogID.ReplaceAllString(data, "LOGID")
		data = anyTime.ReplaceAllString(data, `"${1}_at":0`)
		return anyID.ReplaceAllStringFunc(data, func(id string) string {
			if numbers[id] == "" {
				numbers[id] = fmt.Sprint("ID", len(numbers)+1)
			}
			return numbers[id]
		})
	}
}
