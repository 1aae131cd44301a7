package openai

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"sse-typewriter/upstream/split/splittest"

	"github.com/tidwall/gjson"
)

// message is what an SDK has made of a stream: each field of a delta with all its values
// joined, and each object or list with the values that it had in turn.
type message map[string]any

func newMessage() splittest.Message { return message{} }

// Add implements [splittest.Message]. An SDK concatenates strings, except for those that it
// overwrites.
func (m message) Add(e event) {
	var chunk map[string]any
	decoder := json.NewDecoder(strings.NewReader(e.Data))
	decoder.UseNumber() // any number is valid
	if decoder.Decode(&chunk) != nil {
		m.append("other", e.Data)
		return
	}
	for key, value := range chunk {
		if key != "choices" {
			m.addValue(key, value)
		}
	}
	choices, _ := chunk["choices"].([]any)
	for i, value := range choices {
		choice, _ := value.(map[string]any)
		at := fmt.Sprint("choice ", i, " ")
		if index, ok := choice["index"]; ok {
			at = fmt.Sprint("choice ", index, " ")
		}
		delta, _ := choice["delta"].(map[string]any)
		for key, value := range choice {
			if text, ok := value.(string); ok && key == "text" {
				m.join(at+key, text)
			} else if key != "delta" && key != "content_filter_results" {
				m.addValue(at+key, value)
			}
		}
		m.addDelta(at+"delta ", delta)
	}
}

func (m message) addDelta(at string, delta map[string]any) {
	for key, value := range delta {
		switch v := value.(type) {
		case string:
			if key == "type" {
				m[at+key] = v
			} else {
				m.join(at+key, v)
			}
		case []any:
			if key != "reasoning_details" {
				m.addValue(at+key, v)
				continue
			}
			for _, element := range v {
				detail, _ := element.(map[string]any)
				m.addDelta(fmt.Sprint(at, key, " ", detail["type"], " "), detail)
			}
		default:
			if key != "index" {
				m.addValue(at+key, v)
			}
		}
	}
}

// addValue adds a value that is not text. Empty values do not count.
func (m message) addValue(at string, value any) {
	switch v := value.(type) {
	case nil:
	case []any:
		if len(v) > 0 {
			m.append(at, v)
		}
	case map[string]any:
		if len(v) > 0 {
			m.append(at, v)
		}
	case string:
		if strings.HasSuffix(at, "_reason") {
			m.append(at, v)
		} else {
			m[at] = v // an id and the like, which is overwritten
		}
	default:
		if strings.Contains(at, "delta") {
			m.append(at, v)
		} else {
			m[at] = v
		}
	}
}

func (m message) append(at string, value any) {
	all, _ := m[at].([]any)
	m[at] = append(all, value)
}

func (m message) join(at, text string) {
	before, _ := m[at].(string)
	if text != "" {
		m[at] = before + text
	}
}

// Whatever an SDK makes of a recorded stream it makes of the typed one.
func TestRecordings(t *testing.T) {
	for _, folder := range []string{"openai-chat", "openai-completions", "vendors"} {
		t.Run(folder, func(t *testing.T) {
			for name, stream := range splittest.Recordings(t, folder) {
				t.Run(name, func(t *testing.T) {
					for seed := range uint64(3) {
						splittest.Check(t, rand.New(rand.NewPCG(seed, 0)), format, stream, newMessage)
					}
					checkTyped(t, stream)
				})
			}
		})
	}
}

// checkTyped checks that each chunk of a stream with one text is split.
func checkTyped(t *testing.T, stream []event) {
	t.Helper()
	d := decoder{}
	for _, e := range stream {
		delta, want := gjson.Get(e.Data, "choices.0.delta"), 0
		for _, text := range []gjson.Result{
			delta.Get("content"), delta.Get("reasoning"), delta.Get("reasoning_content"), gjson.Get(e.Data, "choices.0.text"),
		} {
			if text.Type == gjson.String && text.Str != "" {
				want++
			}
		}
		if got := d.Decode(e.Name, e.Data).Frame.IsText(); got != (want > 0) && !delta.Get("reasoning_details").Exists() {
			t.Errorf("got typed %t of %s", got, e.Data)
		}
	}
}

const propertyCases = 2000

// Whatever an SDK makes of a stream it makes of the typed one.
func TestProperties(t *testing.T) {
	for i := range uint64(propertyCases) {
		r := rand.New(rand.NewPCG(20261, i))
		ok := t.Run(fmt.Sprint("seed ", i), func(t *testing.T) { splittest.Check(t, r, format, generateStream(r), newMessage) })
		if !ok {
			return
		}
	}
}
