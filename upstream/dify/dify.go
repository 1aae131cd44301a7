// Package dify is the wire format of Dify's apps: chats, agents, chatflows, completions and
// workflows, at the paths of the service API, of web apps and of the console.
package dify

import (
	"net/http"
	"regexp"

	"sse-typewriter/upstream"
)

// Options are the settings of the format.
type Options struct {
	// UserID is the default user of questions, which the service requires.
	UserID string

	// SystemPrompt, if not empty, precedes each question.
	SystemPrompt string

	// BaseURL is the base URL of the service. The path of a question begins with a version
	// unless BaseURL ends with one.
	BaseURL string
}

// The names of events, which the data has in the field event.
const (
	eventMessage          = "message"
	eventAgentMessage     = "agent_message"
	eventTextChunk        = "text_chunk"
	eventReasoningChunk   = "reasoning_chunk"
	eventMessageReplace   = "message_replace"
	eventTextReplace      = "text_replace"
	eventMessageEnd       = "message_end"
	eventWorkflowStarted  = "workflow_started"
	eventWorkflowFinished = "workflow_finished"
	eventWorkflowPaused   = "workflow_paused"
	eventError            = "error"
)

// heartbeat is the event without data that the service itself sends during silence.
const heartbeat = "event: ping\n\n"

// New returns the format.
func New(o Options) *upstream.Format {
	return &upstream.Format{
		Name:            "dify",
		Route:           route,
		Framing:         upstream.SSE,
		NewDecoder:      func() upstream.Decoder { return &decoder{} },
		Stopped:         stopped,
		ErrorEvents:     errorEvents,
		ErrorBody:       errorBody,
		ReadError:       readError,
		BreaksOff:       true, // clients take a proper end in the middle for the end of the answer
		RequestIDHeader: "X-Request-Id",
		Heartbeat:       heartbeat,
		BrowserHeaders:  []string{"x-app-code", "x-app-passport", "x-csrf-token"},
		Ask:             o.ask,
		Note:            note,
		Cancel:          cancel,
		NewRecovery:     newRecovery,
	}
}

// The paths of requests. The prefix differs: /v1 for the service API, /api for web apps,
// /console/api/apps/ID and others for the console.
const (
	pathChat       = "/chat-messages"
	pathCompletion = "/completion-messages"
	pathRun        = "/workflows/run"
	pathRunVersion = "/workflows/*/run"
	pathEvents     = "/workflow/*/events"
)

// paths match the paths of requests with the prefix.
var paths = []struct {
	method, pattern string
	path            *regexp.Regexp
}{
	{http.MethodPost, pathChat, regexp.MustCompile(`^(.*)/chat-messages$`)},
	{http.MethodPost, pathCompletion, regexp.MustCompile(`^(.*)/completion-messages$`)},
	{http.MethodPost, pathRun, regexp.MustCompile(`^(.*)/workflows/run$`)},
	{http.MethodPost, pathRunVersion, regexp.MustCompile(`^(.*)/workflows/[^/]+/run$`)},
	{http.MethodGet, pathEvents, regexp.MustCompile(`^(.*)/workflow/[^/]+/events$`)},
}

// matchPath returns the prefix of the path of a request and the pattern of the rest, or "".
func matchPath(method, path string) (prefix, pattern string) {
	for _, p := range paths {
		if method != p.method {
			continue
		}
		if match := p.path.FindStringSubmatch(path); match != nil {
			return match[1], p.pattern
		}
	}
	return "", ""
}

// route implements [upstream.Format.Route].
func route(r upstream.RequestHead) string {
	_, pattern := matchPath(r.Method, r.Path)
	if pattern == "" {
		return ""
	}
	return "*" + pattern
}
