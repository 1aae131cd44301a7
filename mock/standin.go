// Package mock is a stand-in for AI services, without a network, an account or a model. The
// package contains the engine: a reply is a script of timed writes, determined when the
// request arrives, and played on a Hertz server (Register), or as an http.RoundTripper for
// tests without a network (RoundTrip), with faults on request. The API of each service is a
// [Dialect] in a sub-package.
package mock

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/tidwall/gjson"
)

// ScenarioHeader is the request header that selects a scenario of a dialect.
const ScenarioHeader = "Stand-In-Scenario"

// Dialect is the API of a service. A Dialect is safe for concurrent use.
type Dialect interface {
	// Matches reports whether the API has a path. The path is clean, without the prefix
	// of the mount.
	Matches(path string) bool

	// IsUpload reports whether the bodies of a path are files of any size, to be measured
	// and not kept.
	IsUpload(path string) bool

	// Answer returns the reply to a request, without waiting.
	Answer(*Call) Reply

	// RefuseBody returns the reply to a request with an unreadable body.
	RefuseBody(error) Reply
}

// Request is a request to the stand-in.
type Request struct {
	Method string

	// Path has no mount prefix.
	Path     string
	RawQuery string
	Header   http.Header
	Body     []byte

	// Upload replaces the body on the paths of [Dialect.IsUpload].
	Upload *Upload
}

// Step is a network write. The time is relative to the previous step, or to the
// request.
type Step struct {
	After time.Duration
	Bytes []byte
}

// Ending is the fate of the connection after the last step of a reply.
type Ending int

const (
	// EndWell ends the response properly.
	EndWell Ending = iota
	// EndCut breaks the connection.
	EndCut
	// EndHang keeps the connection open and silent until the client disconnects.
	EndHang
)

// Reply is a complete reply.
type Reply struct {
	Status int
	Header http.Header
	Steps  []Step
	Ending Ending

	// Chunked sends each step when due. Otherwise the steps are one body of known
	// length.
	Chunked bool
}

// Plain returns a reply that consists of a body.
func Plain(status int, contentType string, body []byte) Reply {
	return Reply{
		Status: status,
		Header: http.Header{"Content-Type": {contentType}},
		Steps:  []Step{{Bytes: body}},
	}
}

// Stream returns a reply that consists of steps.
func Stream(contentType string, steps []Step, ending Ending) Reply {
	return Reply{
		Status:  http.StatusOK,
		Header:  http.Header{"Content-Type": {contentType}, "Cache-Control": {"no-cache"}},
		Steps:   steps,
		Ending:  ending,
		Chunked: true,
	}
}

// Body returns the bytes of all steps.
func (r Reply) Body() []byte {
	var all []byte
	for _, step := range r.Steps {
		all = append(all, step.Bytes...)
	}
	return all
}

// StandIn is a server of dialects. [New] returns a StandIn. Methods are safe for concurrent
// use.
type StandIn struct {
	// Watch ends the context of a handler when the client disconnects, until stop is
	// called; nil if the server does so. Set Watch before Register.
	Watch func(*app.RequestContext) (stop func())

	dialects []Dialect
	seed     uint64
	calls    atomic.Uint64
}

// New returns a stand-in. The first dialect with a path serves the path; the first dialect
// also serves unknown paths. With the same seed, the same requests in the same order get the
// same replies, apart from times. Seed 0 stands for a random seed.
func New(seed uint64, dialects ...Dialect) *StandIn {
	if seed == 0 {
		seed = rand.Uint64()
	}
	return &StandIn{seed: seed, dialects: dialects}
}

// dialect returns the dialect of a path.
func (s *StandIn) dialect(clean string) Dialect {
	for _, d := range s.dialects {
		if d.Matches(clean) {
			return d
		}
	}
	return s.dialects[0]
}

// cleanPath returns a path without doubled slashes, as in a joined base URL and path.
func cleanPath(p string) string { return path.Clean("/" + p) }

// Answer returns the reply to a request, without waiting. Answer reads the clock, because
// chats continue in real time.
func (s *StandIn) Answer(r Request) Reply {
	query, _ := url.ParseQuery(r.RawQuery) // malformed parameters count as missing
	r.Path = cleanPath(r.Path)
	return s.dialect(r.Path).Answer(&Call{
		Request: r,
		Query:   query,
		Rand:    rand.New(rand.NewPCG(s.seed, s.calls.Add(1))),
		Now:     time.Now(),
	})
}

// Call is a request in progress. Concurrent requests do not share random numbers.
type Call struct {
	Request
	Query url.Values
	Rand  *rand.Rand
	Now   time.Time
}

// Field returns a field of the body; without a JSON body, no field exists.
func (c *Call) Field(name string) gjson.Result {
	if !gjson.ValidBytes(c.Body) {
		return gjson.Result{}
	}
	return gjson.GetBytes(c.Body, name)
}

// Pick returns the name of the model, or the like, that a request selects, and the text to
// answer. The header selects first, then a name behind a slash at the start of the text, then
// the request's own name. A name that is not known selects nothing.
func (c *Call) Pick(own, text string, isKnown func(name string) bool) (name, rest string) {
	if name := c.Header.Get(ScenarioHeader); isKnown(name) {
		return name, text
	}
	command, rest, _ := strings.Cut(text, " ")
	if name, ok := strings.CutPrefix(command, "/"); ok && isKnown(name) {
		return name, strings.TrimSpace(rest)
	}
	return own, text
}
