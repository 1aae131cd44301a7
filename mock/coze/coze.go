// Package coze is the stand-in's dialect for Coze: the chat API with retrieve, message
// list, cancel and tool outputs, conversations, files, and workflows.
// [Scenarios] and [WorkflowScenarios] include the faults of the real service and of networks.
package coze

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"

	"sse-typewriter/mock"
)

// Dialect implements [mock.Dialect], and remembers chats and conversations. [New] returns a
// dialect.
type Dialect struct {
	chats         chatStore
	conversations conversationStore
}

// New returns a dialect without chats.
func New() *Dialect { return &Dialect{} }

// Matches implements [mock.Dialect].
func (d *Dialect) Matches(path string) bool {
	_, ok := endpoints[path]
	return ok
}

// IsUpload implements [mock.Dialect].
func (d *Dialect) IsUpload(path string) bool { return path == uploadPath }

// RefuseBody implements [mock.Dialect].
func (d *Dialect) RefuseBody(err error) mock.Reply {
	return mock.Plain(http.StatusBadRequest, typeJSON, envelope{Code: codeBadRequest, Msg: err.Error()}.encode())
}

// Answer implements [mock.Dialect].
func (d *Dialect) Answer(c *mock.Call) mock.Reply {
	call := &call{
		Call:          c,
		chats:         &d.chats,
		conversations: &d.conversations,
		logid:         c.Now.UTC().Format("20060102150405") + fmt.Sprintf("%020X", c.Rand.Uint64()),
	}
	reply := call.answer()
	reply.Header.Set("X-Tt-Logid", call.logid)
	return reply
}

// call is a request while it is answered.
type call struct {
	*mock.Call
	chats         *chatStore
	conversations *conversationStore
	logid         string
}

// endpoint is one path of the API.
type endpoint struct {
	methods []string
	serve   func(*call) mock.Reply
}

var (
	onGet  = []string{http.MethodGet}
	onPost = []string{http.MethodPost}

	// either is for paths on which the documentation uses GET, and some official clients
	// use POST.
	either = []string{http.MethodGet, http.MethodPost}
)

var endpoints = map[string]endpoint{
	"/": {onGet, func(*call) mock.Reply { return bareStream() }},

	"/v3/chat":                     {onPost, (*call).chat},
	"/v3/chat/retrieve":            {either, (*call).retrieve},
	"/v3/chat/message/list":        {either, (*call).listMessages},
	"/v3/chat/cancel":              {onPost, (*call).cancel},
	"/v3/chat/submit_tool_outputs": {onPost, (*call).submitToolOutputs},
	"/v1/workflows/chat":           {onPost, (*call).workflowChat},
	"/v1/workflow/stream_run":      {onPost, (*call).runWorkflow},
	"/v1/workflow/stream_resume":   {onPost, (*call).resumeWorkflow},

	"/v1/conversation/create":           {onPost, (*call).createConversation},
	"/v1/conversation/retrieve":         {onGet, (*call).retrieveConversation},
	"/v1/conversation/message/create":   {onPost, (*call).createMessage},
	"/v1/conversation/message/list":     {onPost, (*call).listPosts},
	"/v1/conversation/message/retrieve": {onGet, (*call).retrieveMessage},

	"/v1/bot/get_online_info": {onGet, (*call).onlineInfo},
	uploadPath:                {onPost, (*call).uploadFile},
	"/v1/files/content":       {onGet, (*call).content},
}

func (c *call) answer() mock.Reply {
	at, ok := endpoints[c.Path]
	switch {
	case !ok:
		return c.refuse(http.StatusNotFound, codeNotFound, "no such path: "+c.Path)
	case !slices.Contains(at.methods, c.Method):
		reply := c.refuse(http.StatusMethodNotAllowed, codeBadRequest, c.Method+" is not allowed on "+c.Path)
		reply.Header.Set("Allow", strings.Join(at.methods, ", "))
		return reply
	case c.Header.Get("Authorization") == "Bearer bad":
		return c.refuse(http.StatusOK, codeBadToken, "authentication is invalid")
	}
	return at.serve(c)
}

// newID returns an id in the form of Coze's: 19 digits.
func newID(rng *rand.Rand) string {
	const first, span = 7_300_000_000_000_000_000, 300_000_000_000_000_000
	return fmt.Sprint(first + rng.Int64N(span))
}
