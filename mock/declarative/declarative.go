// Package declarative is the stand-in's dialects of the services whose formats are described
// in YAML: DashScope, LKE, AppBuilder and Wenxin. A scenario decides how a stream is sent and
// how it fails: see [Scenarios].
package declarative

import (
	"fmt"
	"net/http"
	"strings"

	"sse-typewriter/mock"

	"github.com/tidwall/gjson"
)

// Dialect implements [mock.Dialect] for all of the services. The zero value is ready to use.
type Dialect struct{}

const typeJSON = "application/json"

// service is the API of a service.
type service struct {
	// has reports whether the API has a path.
	has func(path string) bool

	// question returns the question of a request, or "".
	question func(*mock.Call) string

	// streams reports whether a request asks for a stream, and repeats whether each event
	// has all text so far.
	streams, repeats func(*mock.Call) bool

	// event returns an event.
	event func(part) mock.Event

	// failure returns an error as an event, and as the body of a reply.
	failure func(code, msg string) (event mock.Event, body []byte)

	encode mock.Encoder
}

// part is the part of an answer that an event has.
type part struct {
	id             string // of the answer
	number         int    // of the event
	path           string // of the request
	text, thinking string
	written        int // characters of the answer so far
	isLast         bool
}

// services are the services, none of which has the path of another one.
var services = []service{dashScope, lke, appBuilder, wenxin}

// find returns the service with a path, or nil.
func find(path string) *service {
	for i := range services {
		if services[i].has(path) {
			return &services[i]
		}
	}
	return nil
}

// Matches implements [mock.Dialect].
func (Dialect) Matches(path string) bool { return find(path) != nil }

// IsUpload implements [mock.Dialect].
func (Dialect) IsUpload(string) bool { return false }

// RefuseBody implements [mock.Dialect].
func (Dialect) RefuseBody(err error) mock.Reply {
	_, body := dashScope.failure("InvalidParameter", err.Error())
	return mock.Plain(http.StatusBadRequest, typeJSON, body)
}

// Answer implements [mock.Dialect].
func (Dialect) Answer(c *mock.Call) mock.Reply {
	s := find(c.Path)
	reply := s.answer(c)
	reply.Header.Set("X-Request-Id", fmt.Sprintf("%016x", c.Rand.Uint64()))
	return reply
}

func (s *service) answer(c *mock.Call) mock.Reply {
	question := strings.ToValidUTF8(s.question(c), "\uFFFD")
	scenario, question := pickScenario(c, question)
	switch {
	case c.Method != http.MethodPost:
		reply := s.refuse(http.StatusMethodNotAllowed, "MethodNotAllowed", "Not allowed.")
		reply.Header.Set("Allow", http.MethodPost)
		return reply
	case c.Header.Get("Authorization") == "Bearer bad":
		return s.refuse(http.StatusUnauthorized, "InvalidApiKey", "Invalid API-key provided.")
	case !gjson.ValidBytes(c.Body) || question == "" && scenario.status == 0:
		return s.refuse(http.StatusBadRequest, "InvalidParameter", "The question is missing.")
	case scenario.status > 0:
		return s.refuse(scenario.status, scenario.Name, scenario.About)
	}
	return s.play(c, scenario, question)
}

// refuse returns an error reply.
func (s *service) refuse(status int, code, msg string) mock.Reply {
	_, body := s.failure(code, msg)
	return mock.Plain(status, typeJSON, body)
}
