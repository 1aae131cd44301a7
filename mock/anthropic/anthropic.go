// Package anthropic is the stand-in's dialect for Anthropic's Messages API. The name of the
// model decides how the stand-in streams, and how it fails: see [Models].
package anthropic

import (
	"fmt"
	"net/http"
	"strings"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"

	"github.com/tidwall/gjson"
)

// Dialect implements [mock.Dialect]. The zero value is ready to use.
type Dialect struct{}

const typeJSON = "application/json"

// The ends of the paths of the API, below any prefix. Vertex AI names the model in the path.
const (
	pathMessages = "/messages"
	pathCount    = "/messages/count_tokens"
	pathVertex   = ":streamRawPredict"
)

// Matches implements [mock.Dialect].
func (Dialect) Matches(path string) bool {
	return strings.HasSuffix(path, pathMessages) || strings.HasSuffix(path, pathCount) || strings.HasSuffix(path, pathVertex)
}

// IsUpload implements [mock.Dialect].
func (Dialect) IsUpload(string) bool { return false }

// RefuseBody implements [mock.Dialect].
func (Dialect) RefuseBody(err error) mock.Reply {
	return refuse(http.StatusBadRequest, "invalid_request_error", err.Error())
}

// Answer implements [mock.Dialect].
func (Dialect) Answer(c *mock.Call) mock.Reply {
	reply := (&call{c}).answer()
	reply.Header.Set("Anthropic-Organization-Id", "stand-in")
	reply.Header.Set("Anthropic-Ratelimit-Requests-Remaining", "9999")
	reply.Header.Set("Request-Id", fmt.Sprintf("req_%016x", c.Rand.Uint64()))
	return reply
}

// call is a request while it is answered.
type call struct{ *mock.Call }

func (c *call) answer() mock.Reply {
	messages := c.Field("messages").Array()
	switch {
	case c.Method != http.MethodPost:
		reply := refuse(http.StatusMethodNotAllowed, "invalid_request_error", "Method Not Allowed")
		reply.Header.Set("Allow", http.MethodPost)
		return reply
	case c.Header.Get("X-Api-Key") == "bad" || c.Header.Get("Authorization") == "Bearer bad":
		return refuse(http.StatusUnauthorized, "authentication_error", "invalid x-api-key")
	case !gjson.ValidBytes(c.Body):
		return refuse(http.StatusBadRequest, "invalid_request_error", "The request body is not valid JSON.")
	case len(messages) == 0:
		return refuse(http.StatusBadRequest, "invalid_request_error", "messages: at least one message is required")
	case strings.HasSuffix(c.Path, pathCount):
		return mock.Plain(http.StatusOK, typeJSON, fmt.Appendf(nil, `{"input_tokens":%d}`, len(c.Body)/4))
	case strings.HasSuffix(c.Path, pathMessages) && c.Header.Get("Anthropic-Version") == "":
		return refuse(http.StatusBadRequest, "invalid_request_error", "anthropic-version: header is required")
	case c.Field("max_tokens").Int() < 1:
		return refuse(http.StatusBadRequest, "invalid_request_error", "max_tokens: Field required")
	}
	return c.perform(messages[len(messages)-1])
}

// perform plays the model that the request names. last is the last message.
func (c *call) perform(last gjson.Result) mock.Reply {
	name := c.Field("model").String()
	if vertex, ok := strings.CutSuffix(c.Path, pathVertex); ok {
		name = vertex[strings.LastIndexByte(vertex, '/')+1:]
	}
	if name == "" {
		return refuse(http.StatusBadRequest, "invalid_request_error", "model: Field required")
	}
	m, question := c.pickModel(name, textOf(last))
	if m.refuse != nil {
		return m.refuse()
	}
	s := newScript(c, m, name, question)
	s.afterTool = last.Get(`content.#(type=="tool_result")`).Exists()
	m.writeTo(s)
	if !c.Field("stream").Bool() {
		return mock.Plain(http.StatusOK, typeJSON, s.whole())
	}
	steps, ending := m.send.Deliver(s.events, mock.SSE)
	return mock.Stream("text/event-stream; charset=utf-8", steps, ending)
}

// textOf returns the text of a message, whose content is a string or a list of blocks.
func textOf(message gjson.Result) string {
	content := message.Get("content")
	text := content.String()
	if content.IsArray() {
		var parts []string
		for _, block := range content.Array() {
			switch block.Get("type").Str {
			case "text":
				parts = append(parts, block.Get("text").String())
			case "tool_result":
				parts = append(parts, block.Get("content").String())
			}
		}
		text = strings.Join(parts, "\n")
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// refuse returns an error reply.
func refuse(status int, errorType, msg string) mock.Reply {
	return mock.Plain(status, typeJSON, errorJSON(errorType, msg))
}

// errorJSON returns an error as a body or an event has it.
func errorJSON(errorType, msg string) []byte {
	var body struct {
		Type  string `json:"type"`
		Error struct {
			Type    string `json:"type"`
			Message string `json:"message"`
		} `json:"error"`
	}
	body.Type, body.Error.Type, body.Error.Message = "error", errorType, msg
	return jsonx.Marshal(body)
}
