// Package ollama is the stand-in's dialect for Ollama's own API: chats and completions in
// lines of JSON. The name of the model decides how a stream is, and how it fails: see
// [Models].
package ollama

import (
	"net/http"
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"
)

// Dialect implements [mock.Dialect]. The zero value is ready to use.
type Dialect struct{}

const (
	typeJSON  = "application/json; charset=utf-8"
	typeLines = "application/x-ndjson"
)

// endpoints are the paths of the API. Any prefix is served.
var endpoints = []struct {
	suffix, method string
	serve          func(*call) mock.Reply
}{
	{"/api/chat", http.MethodPost, (*call).chat},
	{"/api/generate", http.MethodPost, (*call).generate},
	{"/api/tags", http.MethodGet, (*call).listModels},
	{"/api/version", http.MethodGet, (*call).version},
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
func (Dialect) RefuseBody(err error) mock.Reply { return refuse(http.StatusBadRequest, err.Error()) }

// Answer implements [mock.Dialect].
func (Dialect) Answer(c *mock.Call) mock.Reply {
	if c.Header.Get("Authorization") == "Bearer bad" {
		return refuse(http.StatusUnauthorized, "unauthorized")
	}
	for _, e := range endpoints {
		switch {
		case !strings.HasSuffix(c.Path, e.suffix):
			continue
		case c.Method != e.method:
			return refuse(http.StatusMethodNotAllowed, "method not allowed")
		}
		return e.serve(&call{c})
	}
	return refuse(http.StatusNotFound, "not found")
}

// call is a request while it is answered.
type call struct{ *mock.Call }

// chat serves POST /api/chat. Without messages, a model is only loaded.
func (c *call) chat() mock.Reply {
	messages := c.Field("messages").Array()
	last := gjson.Result{}
	if len(messages) > 0 {
		last = messages[len(messages)-1]
	}
	return c.perform(last.Get("content").String(), len(messages) > 0, last.Get("role").Str == "tool")
}

// generate serves POST /api/generate. Without a prompt, a model is only loaded.
func (c *call) generate() mock.Reply {
	prompt := c.Field("prompt").String()
	return c.perform(prompt, prompt != "", false)
}

// perform plays the model that the request names. A question that is not asked is no
// question.
func (c *call) perform(question string, isAsked, afterTool bool) mock.Reply {
	name := c.Field("model").String()
	switch {
	case !gjson.ValidBytes(c.Body):
		return refuse(http.StatusBadRequest, "invalid character in request body")
	case name == "":
		return refuse(http.StatusBadRequest, "model is required")
	}
	m, question := c.pickModel(name, strings.ToValidUTF8(question, "\uFFFD"))
	if m.refuse != nil {
		return m.refuse()
	}
	s := newScript(c, m, name, question)
	s.afterTool = afterTool
	if isAsked {
		m.writeTo(s)
	} else {
		s.end("load")
	}
	if stream := c.Field("stream"); stream.Exists() && !stream.Bool() {
		return mock.Plain(http.StatusOK, typeJSON, s.whole())
	}
	steps, ending := m.send.Deliver(s.events, encode)
	return mock.Stream(typeLines, steps, ending)
}

// refuse returns an error reply.
func refuse(status int, msg string) mock.Reply {
	return mock.Plain(status, typeJSON, errorJSON(msg))
}

// errorJSON returns an error as a body or a line has it.
func errorJSON(msg string) []byte {
	return jsonx.Marshal(struct {
		Error string `json:"error"`
	}{msg})
}

// modelInfo describes a model.
type modelInfo struct {
	Name       string `json:"name"`
	Model      string `json:"model"`
	ModifiedAt string `json:"modified_at"`
	Size       int    `json:"size"`
	Digest     string `json:"digest"`
}

// listModels serves GET /api/tags.
func (c *call) listModels() mock.Reply {
	var list struct {
		Models []modelInfo `json:"models"`
	}
	for _, m := range Models() {
		list.Models = append(list.Models, modelInfo{m.Name, m.Name, "2026-01-01T00:00:00Z", 1, strings.Repeat("0", 64)})
	}
	return mock.Plain(http.StatusOK, typeJSON, jsonx.Marshal(list))
}

// version serves GET /api/version.
func (c *call) version() mock.Reply {
	return mock.Plain(http.StatusOK, typeJSON, []byte(`{"version":"0.17.4"}`))
}
