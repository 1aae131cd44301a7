// Package responses is the wire format of OpenAI's Responses API, which other services and
// gateways speak too.
package responses

import (
	"net/http"
	"regexp"
	"strings"

	"sse-typewriter/upstream"
	"sse-typewriter/upstream/openai"
)

// The ends of the paths of the API. The prefix differs by service.
const (
	pathCreate = "/responses"
	pathCancel = "/cancel" // behind the path of a response
)

// doneData is the data of the event that ends a stream of some gateways.
const doneData = "[DONE]"

// eventNames are the types of the most frequent events.
var eventNames = []string{
	"error", "response.created", "response.queued", "response.in_progress",
	"response.completed", "response.incomplete", "response.failed",
	"response.output_item.added", "response.output_item.done", "response.content_part.added", "response.content_part.done",
	"response.output_text.delta", "response.output_text.done", "response.output_text.annotation.added",
	"response.refusal.delta", "response.refusal.done",
	"response.reasoning_text.delta", "response.reasoning_text.done",
	"response.reasoning_summary_part.added", "response.reasoning_summary_part.done",
	"response.reasoning_summary_text.delta", "response.reasoning_summary_text.done",
	"response.function_call_arguments.delta", "response.function_call_arguments.done",
}

// New returns the format.
func New(o openai.Options) *upstream.Format {
	format := openai.Service()
	format.Name = "openai-responses"
	format.Route = route
	format.Owns = func(path string) bool { return strings.Contains(path, pathCreate+"/") }
	format.NewDecoder = newDecoder
	format.EventNames = eventNames
	format.ErrorEvents = errorEvents
	format.Stopped = stopped
	format.Ask = asker{o}.ask
	format.Note = note
	format.Cancel = cancel
	format.NewRecovery = newRecovery
	return format
}

// onResponse matches the path of a stored response.
var onResponse = regexp.MustCompile(pathCreate + `/[^/]+$`)

// route implements [upstream.Format.Route]. A stored response is a stream on request only.
func route(r upstream.RequestHead) string {
	switch {
	case r.Method == http.MethodPost && isCreate(r.Path):
		return "*" + pathCreate
	case r.Method == http.MethodGet && onResponse.MatchString(r.Path) && r.Query("stream") == "true":
		return "*" + pathCreate + "/:id"
	default:
		return ""
	}
}
