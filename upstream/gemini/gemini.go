// Package gemini is the wire format of streamed content of the Gemini API and of Vertex AI.
package gemini

import (
	"net/http"
	"strings"
	"time"

	"sse-typewriter/upstream"
)

// Options are the settings of the format.
type Options struct {
	// Model is the model of questions. Without a model, Ask fails.
	Model string

	// SystemPrompt, if not empty, begins the system instruction of each question.
	SystemPrompt string

	// BaseURL is the base URL of the service. The path of a question begins with a version
	// unless BaseURL ends with one, or with a publisher of Vertex AI.
	BaseURL string
}

// pathSuffix ends the paths of requests. The prefix has the version and the model.
const pathSuffix = ":streamGenerateContent"

// minInterval is the minimum time between two events. The chat sessions of the SDKs keep an
// entry for each event, and send all of them with the next question.
const minInterval = 50 * time.Millisecond

// New returns the format. Nothing but data may be on the wire: the SDKs fail at names of
// events, ids and comments, or lose the text behind them.
func New(o Options) *upstream.Format {
	return &upstream.Format{
		Name:            "gemini",
		Route:           route,
		Framing:         upstream.SSE,
		NewDecoder:      func() upstream.Decoder { return &decoder{} },
		ErrorEvents:     errorEvents,
		ErrorBody:       errorBody,
		ReadError:       readError,
		BreaksOff:       true, // no SDK notices a proper end in the middle of an answer
		RequestIDHeader: "X-Request-Id",
		ReplyHeaders:    []string{"X-Gemini-"},
		Heartbeat:       "\n\n", // a single line end breaks the SDK for Go
		MinInterval:     minInterval,
		Credentials:     []upstream.Credential{{Header: "X-Goog-Api-Key"}, {Header: "Authorization", Prefix: "Bearer "}, {Query: "key"}},
		BrowserHeaders:  []string{"x-goog-api-client", "x-goog-user-project", "x-server-timeout"},
		Ask:             o.ask,
	}
}

// route implements [upstream.Format.Route]. Without the parameter alt=sse the reply is a JSON
// array, which passes unchanged.
func route(r upstream.RequestHead) string {
	if r.Method == http.MethodPost && strings.HasSuffix(r.Path, pathSuffix) {
		return "*" + pathSuffix
	}
	return ""
}
