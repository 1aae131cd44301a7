// Package openai is the wire format of OpenAI's chat completions and legacy completions,
// which many other services and gateways speak too.
package openai

import (
	"net/http"
	"strings"

	"sse-typewriter/upstream"
)

// doneData is the data of the event that ends a stream.
const doneData = "[DONE]"

// suffixes are the ends of the paths of completions, the longest first. The prefix differs
// by service.
var suffixes = []string{pathChat, "/text/chatcompletion_v2", "/completions"}

const pathChat = "/chat/completions"

// New returns the format.
func New(o Options) *upstream.Format {
	format := Service()
	format.Name = "openai"
	format.Route = route
	format.NewDecoder = func() upstream.Decoder { return &decoder{} }
	format.EventNames = []string{"error"}
	format.Done = upstream.Pass("", doneData, done).Event
	format.ErrorEvents = errorEvents
	format.Ask = o.ask
	return format
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
