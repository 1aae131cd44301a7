// Package openai is the stand-in's dialect for OpenAI's chat completions and legacy
// completions. The name of the model decides whose stream the stand-in imitates, and how it
// fails: see [Models].
package openai

import (
	"net/http"
	"strings"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"

	"github.com/tidwall/gjson"
)

// Dialect implements [mock.Dialect]. The zero value is ready to use.
type Dialect struct{}

const typeJSON = "application/json"

// endpoints are the ends of the paths of the API, the longest first. Any prefix is served.
var endpoints = []struct {
	suffix, method string
	serve          func(*call) mock.Reply
}{
	{"/chat/completions", http.MethodPost, (*call).chat},
	{"/completions", http.MethodPost, (*call).complete},
	{"/models", http.MethodGet, (*call).listModels},
}

// Matches implements [mock.Dialect].
func (Dialect) Matches(path string) bool {
	for _, e := range endpoints {
		if strings.HasSuffix(path, e.suffix) {
			return true
		}
	}
	return false
}

// IsUpload implements [mock.Dialect].
func (Dialect) IsUpload(string) bool { return false }

// RefuseBody implements [mock.Dialect].
func (Dialect) RefuseBody(err error) mock.Reply {
	return RefuseRequest(err.Error())
}

// Answer implements [mock.Dialect].
func (Dialect) Answer(c *mock.Call) mock.Reply {
	return Serve(c, (&call{c}).answer)
}

// call is a request while it is answered.
type call struct{ *mock.Call }

func (c *call) answer() mock.Reply {
	for _, e := range endpoints {
		switch {
		case !strings.HasSuffix(c.Path, e.suffix):
			continue
		case c.Method != e.method:
			return RefuseMethod(c.Call, e.method)
		}
		return e.serve(c)
	}
	return Refuse(http.StatusNotFound, typeInvalid, "", "Unknown request URL: "+c.Method+" "+c.Path+".")
}

// chat serves POST /chat/completions.
func (c *call) chat() mock.Reply {
	messages := c.Field("messages").Array()
	switch {
	case !gjson.ValidBytes(c.Body):
		return RefuseRequest("We could not parse the JSON body of your request.")
	case len(messages) == 0:
		return RefuseRequest("Missing required parameter: 'messages'.")
	}
	return c.perform(messages[len(messages)-1])
}

// complete serves POST /completions.
func (c *call) complete() mock.Reply {
	prompt := c.Field("prompt")
	if prompt.IsArray() {
		prompt = prompt.Get("0")
	}
	if !prompt.Exists() {
		return RefuseRequest("Missing required parameter: 'prompt'.")
	}
	return c.perform(prompt)
}

// perform plays the model that the request names. last is the last message, or the prompt.
func (c *call) perform(last gjson.Result) mock.Reply {
	name := c.Field("model").String()
	if name == "" {
		return RefuseRequest("you must provide a model parameter")
	}
	m, question := c.pickModel(name, textOf(last))
	if m.refuse != nil {
		return m.refuse()
	}
	s := newScript(c, m, name, question)
	s.afterTool = last.Get("role").Str == "tool"
	m.writeTo(s)
	if !c.Field("stream").Bool() {
		return mock.Plain(http.StatusOK, typeJSON, s.whole())
	}
	steps, ending := m.send.Deliver(s.events, Encode)
	return mock.Stream("text/event-stream; charset=utf-8", steps, ending)
}

// textOf returns the text of a message, whose content is a string or a list of parts, or of
// a prompt.
func textOf(message gjson.Result) string {
	content := message
	if message.IsObject() {
		content = message.Get("content")
	}
	text := content.String()
	if content.IsArray() {
		var parts []string
		for _, part := range content.Get(`#(type=="text")#.text`).Array() {
			parts = append(parts, part.String())
		}
		text = strings.Join(parts, "\n")
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// modelInfo describes a model.
type modelInfo struct {
	ID          string `json:"id"`
	Object      string `json:"object"`
	Created     int64  `json:"created"`
	OwnedBy     string `json:"owned_by"`
	Description string `json:"description"`
}

// listModels serves GET /models.
func (c *call) listModels() mock.Reply {
	const created = 1_715_367_049
	var list struct {
		Object string      `json:"object"`
		Data   []modelInfo `json:"data"`
	}
	list.Object = "list"
	for _, m := range Models() {
		list.Data = append(list.Data, modelInfo{m.Name, "model", created, "stand-in", m.About})
	}
	return mock.Plain(http.StatusOK, typeJSON, jsonx.Marshal(list))
}
