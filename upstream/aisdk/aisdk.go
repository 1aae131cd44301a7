// Package aisdk is the wire format of apps with Vercel's AI SDK: the UI message stream of
// useChat. The path of a chat is the app's; the reply tells the format.
package aisdk

import (
	"net/http"
	"strings"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// Options are the settings of the format.
type Options struct {
	// SystemPrompt, if not empty, is the first message of each question.
	SystemPrompt string

	// BaseURL is the base URL of the service. Questions go to the path of the base URL
	// or, without one, to [DefaultPath].
	BaseURL string
}

// DefaultPath is the path of chats by the convention of the AI SDK.
const DefaultPath = "/api/chat"

// The header of streams in the format, and the header's value.
const (
	header  = "X-Vercel-Ai-Ui-Message-Stream"
	version = "v1"
)

// doneData is the data of the last event of a stream.
const doneData = "[DONE]"

// New returns the format.
func New(o Options) *upstream.Format {
	return &upstream.Format{
		Name:            "ai-sdk",
		Route:           route,
		MatchHeader:     func(h http.Header) bool { return h.Get(header) == version },
		Framing:         upstream.SSE,
		NewDecoder:      func() upstream.Decoder { return &decoder{} },
		Done:            upstream.Pass("", doneData, done).Event,
		ErrorEvents:     errorEvents,
		ErrorBody:       errorBody,
		ErrorType:       "text/plain; charset=utf-8", // useChat shows the body as the message
		ReadError:       upstream.ReadAppError,
		RequestIDHeader: "X-Request-Id",
		ReplyHeaders:    []string{""}, // the app's own, such as cookies
		Heartbeat:       "\n\n",
		Ask:             o.ask,
	}
}

// route implements [upstream.Format.Route]. Streams of the format are recognized at any path;
// at this one, errors before the reply have the form of the format, too.
func route(r upstream.RequestHead) string {
	if r.Method == http.MethodPost && strings.HasSuffix(r.Path, DefaultPath) {
		return "*" + DefaultPath
	}
	return ""
}

// errorEvents implements [upstream.Format.ErrorEvents]. The AI SDK rejects an error with
// other fields than these.
func errorEvents(err *upstream.Error, _ upstream.Sent) []typewriter.Event {
	return []typewriter.Event{upstream.Pass("", encodeError(err), nil).Event, upstream.Pass("", doneData, nil).Event}
}
