// Package mock is the stand-in AI service: a believable Coze that needs no network, no
// account and no model. It answers the chat API and its neighbours (retrieve, message
// list, cancel, tool outputs, conversations, files, a workflow's chat), and it can be
// told to misbehave in all the ways the real service and the network have been seen to:
// see Scenarios. A reply is decided in full when the request comes: it is a script of
// timed writes, which is played on a Hertz server (Register), or as an http.RoundTripper
// (RoundTrip) for tests without a network. It never asks anything of anybody, and knows
// none of our other packages.
package mock

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/tidwall/gjson"
)

// Request is one request to the stand-in.
type Request struct {
	Method string

	// Path has the mount prefix removed: "" or "/" is the bare stream, "/v3/chat"
	// the chat.
	Path     string
	RawQuery string
	Header   http.Header
	Body     []byte

	upload *upload // what receive made of an upload's body
}

// Step is one network write: Bytes leave After the step before, the first one
// After the request.
type Step struct {
	After time.Duration
	Bytes []byte
}

// Ending is what happens after the last step of a reply.
type Ending int

const (
	// EndWell ends the response as HTTP has it.
	EndWell Ending = iota
	// EndCut breaks the connection instead.
	EndCut
	// EndHang leaves the connection open and silent until the client goes.
	EndHang
)

// Reply is a whole answer, decided when its request comes.
type Reply struct {
	Status int
	Header http.Header
	Steps  []Step
	Ending Ending
}

// isStream reports whether the steps leave one by one and not as one body, whose
// length is known.
func (r Reply) isStream() bool {
	kind := r.Header.Get("Content-Type")
	return kind == typeEvents || kind == typeFile
}

// body is the reply's content as one piece.
func (r Reply) body() []byte {
	var all []byte
	for _, step := range r.Steps {
		all = append(all, step.Bytes...)
	}
	return all
}

// StandIn is the service. Make it with New; it is safe for concurrent use.
type StandIn struct {
	// Watch has the context of a handler end when the client leaves, until stop is
	// called; nil: the server does so by itself. It is called when the request has been
	// read, and to be set before Register.
	Watch func(*app.RequestContext) (stop func())

	seed          uint64
	calls         atomic.Uint64
	chats         chatStore
	conversations conversationStore
}

// New returns a stand-in with no chats. With the same seed, the same requests in
// the same order get the same replies, but for the times written in them. Seed 0
// picks a random one.
func New(seed uint64) *StandIn {
	if seed == 0 {
		seed = rand.Uint64()
	}
	return &StandIn{seed: seed}
}

// Answer decides the reply to a request. It waits for nothing. It reads the
// clock, because chats run on in real time, and remembers the chats it opens.
func (s *StandIn) Answer(r Request) Reply {
	c := &call{
		Request:       r,
		chats:         &s.chats,
		conversations: &s.conversations,
		rng:           rand.New(rand.NewPCG(s.seed, s.calls.Add(1))),
		now:           time.Now(),
	}
	c.query, _ = url.ParseQuery(r.RawQuery) // what cannot be read counts as missing
	c.logid = c.now.UTC().Format("20060102150405") + fmt.Sprintf("%020X", c.rng.Uint64())
	reply := c.answer()
	reply.Header.Set("X-Tt-Logid", c.logid)
	return reply
}

// call is a request while it is being answered. Each has random numbers of its
// own, so that requests which run at the same time do not disturb each other.
type call struct {
	Request
	query         url.Values
	chats         *chatStore
	conversations *conversationStore
	rng           *rand.Rand
	now           time.Time
	logid         string
}

// endpoint is one path of the API.
type endpoint struct {
	methods []string
	serve   func(*call) Reply
}

var (
	onGet  = []string{http.MethodGet}
	onPost = []string{http.MethodPost}

	// either holds for paths that the documentation calls with GET and some of the
	// official clients with POST.
	either = []string{http.MethodGet, http.MethodPost}
)

var endpoints = map[string]endpoint{
	"/": {onGet, func(*call) Reply { return bareStream() }},

	"/v3/chat":                     {onPost, (*call).chat},
	"/v3/chat/retrieve":            {either, (*call).retrieve},
	"/v3/chat/message/list":        {either, (*call).listMessages},
	"/v3/chat/cancel":              {onPost, (*call).cancel},
	"/v3/chat/submit_tool_outputs": {onPost, (*call).submitToolOutputs},
	"/v1/workflows/chat":           {onPost, (*call).workflowChat},

	"/v1/conversation/create":           {onPost, (*call).createConversation},
	"/v1/conversation/retrieve":         {onGet, (*call).retrieveConversation},
	"/v1/conversation/message/create":   {onPost, (*call).createMessage},
	"/v1/conversation/message/list":     {onPost, (*call).listPosts},
	"/v1/conversation/message/retrieve": {onGet, (*call).retrieveMessage},

	"/v1/bot/get_online_info": {onGet, (*call).onlineInfo},
	uploadPath:                {onPost, (*call).uploadFile},
	"/v1/files/content":       {onGet, (*call).content},
}

func (c *call) answer() Reply {
	// Clean, because clients join a base URL and a path as strings: //v3/chat.
	p := path.Clean("/" + c.Path)
	at, ok := endpoints[p]
	switch {
	case !ok:
		return c.refuse(http.StatusNotFound, codeNotFound, "no such path: "+p)
	case !slices.Contains(at.methods, c.Method):
		reply := c.refuse(http.StatusMethodNotAllowed, codeBadRequest, c.Method+" is not allowed on "+p)
		reply.Header.Set("Allow", strings.Join(at.methods, ", "))
		return reply
	case c.Header.Get("Authorization") == "Bearer bad":
		return c.refuse(http.StatusOK, codeBadToken, "authentication is invalid")
	}
	return at.serve(c)
}

// param is a parameter of the query.
func (c *call) param(name string) string { return c.query.Get(name) }

// field is a field of the body; it does not exist when the body is not JSON.
func (c *call) field(name string) gjson.Result {
	if !gjson.ValidBytes(c.Body) {
		return gjson.Result{}
	}
	return gjson.GetBytes(c.Body, name)
}

// newID returns an id as Coze's are: 19 digits.
func newID(rng *rand.Rand) string {
	const first, span = 7_300_000_000_000_000_000, 300_000_000_000_000_000
	return fmt.Sprint(first + rng.Int64N(span))
}
