// Package agui is the wire format of AG-UI, the protocol between agents and their users'
// apps. The path of an agent is any; the first event of a reply tells the format.
package agui

import (
	"github.com/tidwall/gjson"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// Options are the settings of the format.
type Options struct {
	// SystemPrompt, if not empty, is the first message of each question.
	SystemPrompt string

	// BaseURL is the URL of the agent; empty for the built-in mock.
	BaseURL string
}

// mockPath is the path of the built-in mock's agent.
const mockPath = "/ag-ui"

// New returns the format.
func New(o Options) *upstream.Format {
	return &upstream.Format{
		Name:            "ag-ui",
		MatchEvent:      isRunStarted,
		Framing:         upstream.SSE,
		NewDecoder:      func() upstream.Decoder { return &decoder{} },
		ErrorEvents:     errorEvents,
		ErrorBody:       errorBody,
		ErrorType:       "text/plain; charset=utf-8", // the client shows the body as the message
		ReadError:       upstream.ReadAppError,
		RequestIDHeader: "X-Request-Id",
		ReplyHeaders:    []string{""}, // the agent's own, such as cookies
		Heartbeat:       "\n\n",
		Ask:             o.ask,
	}
}

// isRunStarted implements [upstream.Format.MatchEvent].
func isRunStarted(data string) bool {
	return gjson.Valid(data) && gjson.Get(data, "type").Str == eventRunStarted && gjson.Get(data, "threadId").Exists()
}

// errorEvents implements [upstream.Format.ErrorEvents]. The event ends the run. A connection
// that breaks after it throws an error in the client for Node which nobody can catch.
func errorEvents(err *upstream.Error, _ upstream.Sent) []typewriter.Event {
	return []typewriter.Event{upstream.Pass("", encodeError(err), nil).Event}
}
