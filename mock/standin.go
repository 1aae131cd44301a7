// Package mock is a stand-in for AI services that needs no network, no account and no
// model. The package has the engine: it decides a reply when the request arrives, as a
// script of timed writes, and plays the script on a Hertz server (Register), or as an
// http.RoundTripper for tests without a network (RoundTrip), with faults if asked to. The
// API of each service is a [Dialect] in a package below this one.
package mock

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"path"
	"sync/atomic"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/tidwall/gjson"
)

// ScenarioHeader is the request header that selects a scenario of a dialect.
const ScenarioHeader = "Stand-In-Scenario"

// Dialect is the API of one service. It is safe for concurrent use.
type Dialect interface {
	// Matches reports whether the API has a path. The path is clean, without the prefix
	// of the mount.
	Matches(path string) bool

	// IsUpload reports whether the bodies of a path are files of any size, which are
	// measured but not kept.
	IsUpload(path string) bool

	// Answer returns the reply to a request. It does not wait.
	Answer(*Call) Reply

	// RefuseBody returns the reply to a request whose body cannot be read.
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

// Step is one network write. The time is relative to the previous step, or to the
// request.
type Step struct {
	After time.Duration
	Bytes []byte
}

// Ending is what happens after the last step of a reply.
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

	// Chunked sends each step as it is due. Otherwise the steps are one body of known
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

// StandIn is a server of dialects. [New] returns one. It is safe for concurrent use.
type StandIn struct {
	// Watch makes the context of a handler end when the client disconnects, until stop
	// is called. It is nil if the server does so itself, and must be set before Register.
	Watch func(*app.RequestContext) (stop func())

	dialects []Dialect
	seed     uint64
	calls    atomic.Uint64
}

// New returns a stand-in. The first dialect that has a path serves its requests; the first
// one of all serves unknown paths. With the same seed, the same requests in the same
// order get the same replies, except for the times in them. Seed 0 is replaced by a
// random one.
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

// cleanPath returns a path without doubled slashes, which clients make when they join a
// base URL and a path.
func cleanPath(p string) string { return path.Clean("/" + p) }

// Answer returns the reply to a request. It does not wait, but reads the clock: chats
// that it opened continue in real time.
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

// Call is a request while it is answered. Each call has its own random numbers, so that
// concurrent requests do not affect each other.
type Call struct {
	Request
	Query url.Values
	Rand  *rand.Rand
	Now   time.Time
}

// Field returns a field of the body; it does not exist if the body is not JSON.
func (c *Call) Field(name string) gjson.Result {
	if !gjson.ValidBytes(c.Body) {
		return gjson.Result{}
	}
	return gjson.GetBytes(c.Body, name)
}
