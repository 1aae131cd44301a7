// Package openai is the wire format of OpenAI's chat completions and legacy completions,
// which many other services and gateways speak too.
package openai

import (
	"net/http"
	"strings"

	"sse-typewriter/upstream"
)

// Options are the settings of the format.
type Options struct {
	// Model is the model of questions. Without a model, Ask fails.
	Model string

	// SystemPrompt, if not empty, is the first message of each question.
	SystemPrompt string

	// BaseURL is the base URL of the service. The path of a question begins with a version
	// unless BaseURL ends with one.
	BaseURL string
}

// doneData is the data of the event that ends a stream.
const doneData = "[DONE]"

// suffixes are the ends of the paths of completions, the longest first. The prefix differs
// by service.
var suffixes = []string{pathChat, "/text/chatcompletion_v2", "/completions"}

const pathChat = "/chat/completions"

// New returns the format.
func New(o Options) *upstream.Format {
	return &upstream.Format{
		Name:            "openai",
		Route:           route,
		Framing:         upstream.SSE,
		NewDecoder:      func() upstream.Decoder { return &decoder{} },
		EventNames:      []string{"error"},
		Done:            upstream.Pass("", doneData, done).Event,
		ErrorEvents:     errorEvents,
		ErrorBody:       errorBody,
		ReadError:       readError,
		BreaksOff:       true, // few SDKs notice a proper end in the middle of an answer
		RetryHeader:     "x-should-retry",
		RequestIDHeader: "X-Request-Id",
		ReplyHeaders:    []string{"X-Ratelimit-", "Openai-"},
		Heartbeat:       "\n\n",
		Credentials:     []upstream.Credential{{Header: "Authorization", Prefix: "Bearer "}, {Header: "api-key"}},
		BrowserHeaders: []string{
			"api-key", "openai-organization", "openai-project",
			"x-stainless-arch", "x-stainless-helper-method", "x-stainless-lang", "x-stainless-os", "x-stainless-package-version",
			"x-stainless-retry-count", "x-stainless-runtime", "x-stainless-runtime-version", "x-stainless-timeout",
		},
		Ask: o.ask,
	}
}

// route implements [upstream.Format.Route].
func route(r upstream.RequestHead) string {
	if r.Method != http.MethodPost {
		return ""
	}
	for _, suffix := range suffixes {
		if strings.HasSuffix(r.Path, suffix) {
			return "*" + suffix
		}
	}
	return ""
}
