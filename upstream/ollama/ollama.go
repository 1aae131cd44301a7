// Package ollama is the wire format of Ollama's own chats and completions: lines of JSON.
package ollama

import (
	"net/http"
	"strings"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// Options are the settings of the format.
type Options struct {
	// Model is the model of questions. Without a model, Ask fails.
	Model string

	// SystemPrompt, if not empty, is the first message of each question.
	SystemPrompt string

	// BaseURL is the base URL of the service.
	BaseURL string
}

const (
	pathChat     = "/api/chat"
	pathGenerate = "/api/generate"
)

// New returns the format.
func New(o Options) *upstream.Format {
	return &upstream.Format{
		Name:            "ollama",
		Route:           route,
		Framing:         upstream.NDJSON,
		NewDecoder:      func() upstream.Decoder { return &decoder{} },
		Done:            upstream.Pass("", doneLine, completed).Event,
		ErrorEvents:     errorEvents,
		ErrorBody:       errorBody,
		ReadError:       readError,
		BreaksOff:       true, // the Go SDK takes a proper end in the middle for the end of the answer
		RequestIDHeader: "X-Request-Id",
		Heartbeat:       " ", // the Go and Python SDKs fail at a blank line
		Ask:             o.ask,
	}
}

// doneLine ends a stopped stream. It has the fields that SDKs require of a chat and of a
// completion.
const doneLine = `{"model":"","message":{"role":"assistant","content":""},"response":"","done":true,"done_reason":"stop"}`

var completed = &upstream.Meaning{Kind: upstream.KindCompleted, Phase: upstream.Done}

// route implements [upstream.Format.Route].
func route(r upstream.RequestHead) string {
	if r.Method != http.MethodPost {
		return ""
	}
	for _, suffix := range []string{pathChat, pathGenerate} {
		if strings.HasSuffix(r.Path, suffix) {
			return "*" + suffix
		}
	}
	return ""
}

// errorEvents implements [upstream.Format.ErrorEvents].
func errorEvents(err *upstream.Error, _ upstream.Sent) []typewriter.Event {
	return []typewriter.Event{upstream.Pass("", string(encodeError(err)), nil).Event}
}
