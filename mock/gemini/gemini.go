// Package gemini is the stand-in's dialect for the Gemini API. The name of the model decides
// how the stand-in streams, and how it fails: see [Models].
package gemini

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"

	"github.com/tidwall/gjson"
)

// Dialect implements [mock.Dialect]. The zero value is ready to use.
type Dialect struct{}

const typeJSON = "application/json; charset=UTF-8"

// The ends of the paths of the API, behind the model.
const (
	streamMethod = ":streamGenerateContent"
	wholeMethod  = ":generateContent"
	countMethod  = ":countTokens"
)

// Matches implements [mock.Dialect].
func (Dialect) Matches(path string) bool {
	_, method := splitPath(path)
	return method == streamMethod || method == wholeMethod || method == countMethod
}

// splitPath returns the model and the method of a path.
func splitPath(path string) (model, method string) {
	last := path[strings.LastIndexByte(path, '/')+1:]
	model, _, found := strings.Cut(last, ":")
	if !found {
		return model, ""
	}
	return model, last[len(model):]
}

// IsUpload implements [mock.Dialect].
func (Dialect) IsUpload(string) bool { return false }

// RefuseBody implements [mock.Dialect].
func (Dialect) RefuseBody(err error) mock.Reply {
	return refuse(http.StatusBadRequest, "INVALID_ARGUMENT", err.Error())
}

// Answer implements [mock.Dialect].
func (Dialect) Answer(c *mock.Call) mock.Reply {
	reply := (&call{c}).answer()
	reply.Header.Set("X-Gemini-Service-Tier", "standard")
	return reply
}

// call is a request while it is answered.
type call struct{ *mock.Call }

func (c *call) answer() mock.Reply {
	model, method := splitPath(c.Path)
	contents := c.Field("contents").Array()
	switch {
	case c.Method != http.MethodPost:
		reply := refuse(http.StatusMethodNotAllowed, "UNIMPLEMENTED", "Method Not Allowed")
		reply.Header.Set("Allow", http.MethodPost)
		return reply
	case c.Header.Get("X-Goog-Api-Key") == "bad" || c.Query.Get("key") == "bad":
		return refuse(http.StatusBadRequest, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.")
	case !gjson.ValidBytes(c.Body):
		return refuse(http.StatusBadRequest, "INVALID_ARGUMENT", "Invalid JSON payload received.")
	case len(contents) == 0:
		return refuse(http.StatusBadRequest, "INVALID_ARGUMENT", "* GenerateContentRequest.contents: contents is not specified")
	case method == countMethod:
		return mock.Plain(http.StatusOK, typeJSON, fmt.Appendf(nil, `{"totalTokens":%d}`, len(c.Body)/4))
	}
	last := contents[len(contents)-1]
	m, question := c.pickModel(model, textOf(last))
	if m.refuse != nil {
		return m.refuse()
	}
	s := newScript(c, m, model, question)
	s.afterTool = last.Get("parts.#(functionResponse)").Exists()
	m.writeTo(s)
	switch {
	case method == wholeMethod:
		return mock.Plain(http.StatusOK, typeJSON, s.whole())
	case c.Query.Get("alt") != "sse":
		return mock.Plain(http.StatusOK, typeJSON, s.array())
	}
	steps, ending := m.send.Deliver(s.events, encode)
	return mock.Stream("text/event-stream", steps, ending)
}

// textOf returns the text of a content, or the result of a function.
func textOf(content gjson.Result) string {
	var parts []string
	for _, part := range content.Get("parts").Array() {
		parts = append(parts, part.Get("text").String()+part.Get("functionResponse.response").Raw)
	}
	return strings.ToValidUTF8(strings.Join(parts, "\n"), "\uFFFD")
}

// refuse returns an error reply.
func refuse(code int, status, msg string) mock.Reply {
	return mock.Plain(code, typeJSON, errorJSON(code, status, msg))
}

// errorJSON returns an error as a body or an event has it.
func errorJSON(code int, status, msg string) []byte {
	var body struct {
		Error struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
			Status  string `json:"status"`
		} `json:"error"`
	}
	body.Error.Code, body.Error.Message, body.Error.Status = code, msg, status
	return jsonx.Marshal(body)
}

// encode implements [mock.Encoder]: only data, with CRLF.
func encode(_ int, e mock.Event) []byte { return fmt.Appendf(nil, "data: %s\r\n\r\n", e.Data) }

// array returns the reply to a request without the parameter alt=sse.
func (s *script) array() []byte {
	var chunks [][]byte
	for _, e := range s.events {
		chunks = append(chunks, e.Data)
	}
	return append(append([]byte("["), bytes.Join(chunks, []byte(",\r\n"))...), ']')
}
