// Package responses is the stand-in's dialect for OpenAI's Responses API. The name of the
// model decides whose stream the stand-in imitates, and how it fails: see [Models]. Responses
// in the background can be streamed again.
package responses

import (
	"net/http"
	"regexp"
	"strconv"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"
	"sse-typewriter/mock/openai"
)

// Dialect implements [mock.Dialect], and keeps responses. The zero value is ready to use.
type Dialect struct{ stored store }

const (
	typeJSON   = "application/json"
	typeStream = "text/event-stream; charset=utf-8"
)

// endpoints are the ends of the paths of the API. Any prefix is served.
var endpoints = []struct {
	path   *regexp.Regexp
	method string
	serve  func(c *call, id string) mock.Reply
}{
	{regexp.MustCompile(`/responses()$`), http.MethodPost, (*call).create},
	{regexp.MustCompile(`/responses/([^/]+)$`), http.MethodGet, (*call).retrieve},
	{regexp.MustCompile(`/responses/([^/]+)/cancel$`), http.MethodPost, (*call).cancel},
}

// Matches implements [mock.Dialect].
func (*Dialect) Matches(path string) bool {
	for _, e := range endpoints {
		if e.path.MatchString(path) {
			return true
		}
	}
	return false
}

// IsUpload implements [mock.Dialect].
func (*Dialect) IsUpload(string) bool { return false }

// RefuseBody implements [mock.Dialect].
func (*Dialect) RefuseBody(err error) mock.Reply { return openai.RefuseRequest(err.Error()) }

// Answer implements [mock.Dialect].
func (d *Dialect) Answer(c *mock.Call) mock.Reply {
	return openai.Serve(c, (&call{c, &d.stored}).answer)
}

// call is a request while it is answered.
type call struct {
	*mock.Call
	stored *store
}

func (c *call) answer() mock.Reply {
	for _, e := range endpoints {
		switch match := e.path.FindStringSubmatch(c.Path); {
		case match == nil:
			continue
		case c.Method != e.method:
			return openai.RefuseMethod(c.Call, e.method)
		default:
			return e.serve(c, match[1])
		}
	}
	return refuseUnknown("path " + c.Path)
}

// create serves POST /responses.
func (c *call) create(string) mock.Reply {
	input, name := c.Field("input"), c.Field("model").String()
	switch {
	case !gjson.ValidBytes(c.Body):
		return openai.RefuseRequest("We could not parse the JSON body of your request.")
	case name == "":
		return openai.RefuseRequest("you must provide a model parameter")
	case !input.Exists():
		return openai.RefuseRequest("Missing required parameter: 'input'.")
	}
	last := input
	if items := input.Array(); input.IsArray() && len(items) > 0 {
		last = items[len(items)-1]
	}
	m, question := c.pickModel(name, textOf(last))
	if refuse, ok := openai.Refusals[m.Name]; ok {
		return refuse()
	}
	s := newScript(c, m, name, question)
	s.afterTool = last.Get("type").Str == "function_call_output"
	m.writeTo(s)
	c.stored.add(s.record())
	if !c.Field("stream").Bool() {
		return mock.Plain(http.StatusOK, typeJSON, jsonx.Marshal(s.response))
	}
	steps, ending := m.send.Deliver(s.events, openai.Encode)
	return mock.Stream(typeStream, steps, ending)
}

// retrieve serves GET /responses/{id}, with a stream on request.
func (c *call) retrieve(id string) mock.Reply {
	r, ok := c.stored.get(id)
	switch {
	case !ok:
		return refuseUnknown("response with id '" + id + "'")
	case c.Query.Get("stream") != "true":
		return mock.Plain(http.StatusOK, typeJSON, jsonx.Marshal(r.at(c.Now)))
	case !r.response.Background:
		return openai.RefuseRequest("This response cannot be streamed: it was not created with background=true.")
	}
	after, err := strconv.Atoi(c.Query.Get("starting_after"))
	if err != nil {
		after = -1
	}
	steps, ending := r.model.resend.Deliver(r.after(after, c.Now), openai.Encode)
	return mock.Stream(typeStream, steps, ending)
}

// cancel serves POST /responses/{id}/cancel.
func (c *call) cancel(id string) mock.Reply {
	r, ok := c.stored.get(id)
	switch {
	case !ok:
		return refuseUnknown("response with id '" + id + "'")
	case !r.response.Background:
		return openai.RefuseRequest("Cannot cancel a synchronous response.")
	}
	r = c.stored.cancel(id, c.Now)
	return mock.Plain(http.StatusOK, typeJSON, jsonx.Marshal(r.at(c.Now)))
}

func refuseUnknown(what string) mock.Reply {
	return openai.Refuse(http.StatusNotFound, "invalid_request_error", "", "Unknown "+what+".")
}
