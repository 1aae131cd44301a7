// Package anthropic is the wire format of Anthropic's Messages API, which other services and
// gateways offer too.
package anthropic

import (
	"net/http"
	"strings"

	"sse-typewriter/upstream"
)

// Options are the settings of the format.
type Options struct {
	// Model is the model of questions. Without a model, Ask fails.
	Model string

	// SystemPrompt, if not empty, begins the system prompt of each question.
	SystemPrompt string

	// BaseURL is the base URL of the service. The path of a question begins with a version
	// unless BaseURL ends with one.
	BaseURL string
}

// The names of events. The data of an event has the name in the field type.
const (
	eventMessageStart = "message_start"
	eventBlockStart   = "content_block_start"
	eventBlockDelta   = "content_block_delta"
	eventBlockStop    = "content_block_stop"
	eventMessageDelta = "message_delta"
	eventMessageStop  = "message_stop"
	eventPing         = "ping"
	eventError        = "error"
)

// headerVersion is a header that each request needs at Anthropic.
const headerVersion = "Anthropic-Version"

// headerKey is the header with the credential.
const headerKey = "X-Api-Key"

// The ends of the paths of requests. The prefix differs by service. Vertex AI has the
// version in the body instead of the header, and serves the models of other publishers at
// other paths.
const (
	pathMessages = "/messages"

	vertexPublisher = "/publishers/anthropic/models/"
	vertexStream    = ":streamRawPredict"
)

// heartbeat is an event that the service itself sends. SDKs hide the event, and clients that
// watch for events see that the stream is alive.
const heartbeat = "event: " + eventPing + "\ndata: {\"type\": \"" + eventPing + "\"}\n\n"

// New returns the format.
func New(o Options) *upstream.Format {
	return &upstream.Format{
		Name:       "anthropic",
		Route:      route,
		Framing:    upstream.SSE,
		NewDecoder: func() upstream.Decoder { return &decoder{} },
		EventNames: []string{
			eventMessageStart, eventBlockStart, eventBlockDelta, eventBlockStop,
			eventMessageDelta, eventMessageStop, eventPing, eventError,
		},
		Stopped:         stopped,
		ErrorEvents:     errorEvents,
		ErrorBody:       errorBody,
		ReadError:       readError,
		BreaksOff:       true, // few SDKs notice a proper end in the middle of an answer
		RetryHeader:     "x-should-retry",
		RequestIDHeader: "Request-Id",
		ReplyHeaders:    []string{"Anthropic-"},
		Heartbeat:       heartbeat,
		Credentials:     []upstream.Credential{{Header: headerKey}, {Header: "Authorization", Prefix: "Bearer "}},
		BrowserHeaders: []string{
			"anthropic-beta", "anthropic-dangerous-direct-browser-access", "anthropic-version", "idempotency-key",
			"x-stainless-arch", "x-stainless-helper", "x-stainless-helper-method", "x-stainless-lang", "x-stainless-os",
			"x-stainless-package-version", "x-stainless-retry-count", "x-stainless-runtime", "x-stainless-runtime-version",
			"x-stainless-timeout",
		},
		Ask: o.ask,
	}
}

// route implements [upstream.Format.Route]. Other services have paths with the same end, so
// that a header decides.
func route(r upstream.RequestHead) string {
	switch {
	case r.Method != http.MethodPost:
		return ""
	case strings.HasSuffix(r.Path, pathMessages) && (r.Header(headerVersion) != "" || r.Header(headerKey) != ""):
		return "*" + pathMessages
	case strings.HasSuffix(r.Path, vertexStream) && strings.Contains(r.Path, vertexPublisher):
		return "*" + vertexPublisher + "*" + vertexStream
	default:
		return ""
	}
}
