package upstream

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"strings"

	"sse-typewriter/typewriter"
)

// Format is the wire format of one AI service: how to recognize its requests, read its
// streams, write them to clients, and report errors in a way that its SDKs understand.
// Functions are nil where the service lacks the feature, unless noted otherwise. A Format
// must not be changed after its first use.
type Format struct {
	// Name identifies the format. It is stored with each stream, so that another replica
	// can continue the stream.
	Name string

	// Paths are the paths of POST requests to which the service may reply with a stream of
	// this format.
	Paths []string

	// Route recognizes such requests by more than a fixed path. It returns the pattern
	// that the decoded path matches, for metrics and logs, or "". A pattern contains
	// nothing that a client can choose. Nil if Paths are all.
	Route func(method, path string) (pattern string)

	// Framing is how events are delimited, from the service and to the client.
	Framing Framing

	// NewDecoder returns a decoder for the events of one stream. Required.
	NewDecoder func() Decoder

	// EventNames are the names of the events that the service is known to send, for
	// metrics.
	EventNames []string

	// Dataless are the names of events that are complete without data.
	Dataless []string

	// Done is the event that ends a stream in order; the zero value if streams of this
	// format just end.
	Done typewriter.Event

	// ErrorEvents returns the events that report a failure within a stream. Required.
	ErrorEvents func(*Error) []typewriter.Event

	// ErrorBody returns the JSON body of a response that consists of an error. requestID
	// is for the client to quote to support. Required.
	ErrorBody func(err *Error, requestID string) []byte

	// ReadError decodes the body of a reply that is not the stream that was asked for.
	// Required.
	ReadError func(status int, body []byte) *Error

	// RequestIDHeader is the response header with the service's id of a request.
	RequestIDHeader string

	// Heartbeat is written when a stream is silent. All SDKs of the format must ignore
	// it.
	Heartbeat string

	// Credentials are the places in which clients may send their credential. The first
	// is used for a token of the server's.
	Credentials []Credential

	// BrowserHeaders are headers that the service's SDKs send from browsers, in lower
	// case, in addition to the common ones.
	BrowserHeaders []string

	// RetryAsGet are the paths of POST requests that are repeated as GET if the service
	// rejects the POST with 404 or 405.
	RetryAsGet []string

	// Unpaced are the paths of streams that are forwarded unchanged.
	Unpaced []string

	// OmitEmpty are query parameters that are not forwarded if they are empty.
	OmitEmpty []string

	// Ask returns the request that asks a question. The request has a path, a body, and
	// a header with a Content-Type.
	Ask func(Question) (Request, error)

	// Cancel stops a chat at the service. header is that of the request that opened the
	// chat.
	Cancel func(ctx context.Context, c *Client, header http.Header, chat Chat) error

	// NewRecovery returns the recovery of one stream. header is that of the request that
	// opened the chat, and is not changed.
	NewRecovery func(c *Client, header http.Header) Recovery
}

// Decoder decodes the events of one stream in their order. It is not safe for concurrent
// use.
type Decoder interface {
	// Decode returns the event with a name, which may be empty, and data. It never fails:
	// an event that it does not understand passes unchanged, as an event of KindOther.
	Decode(name, data string) Event
}

// Framing is how the events of a stream are delimited.
type Framing int

const (
	// SSE is a stream of server-sent events. A space follows the colon of each field.
	SSE Framing = iota

	// CompactSSE is SSE without the spaces.
	CompactSSE
)

// ContentType returns the media type of a stream.
func (f Framing) ContentType() string { return "text/event-stream" }

// Credential is a place for a credential in a request: a header, with a prefix before the
// credential, or a query parameter.
type Credential struct{ Header, Prefix, Query string }

// Question is a question in terms of this server's own API.
type Question struct {
	// Messages are the conversation so far; the last one is the question. Without any,
	// the format asks a question of its own.
	Messages []Message

	// Bot and User are ids that the service may need. If they are empty, the format uses
	// its defaults.
	Bot, User string
}

// Message is one message of a conversation. Role is "user", "assistant" or "system".
type Message struct{ Role, Text string }

// Formats are the formats that a server knows. The first one is the default.
type Formats []*Format

// Route returns the format of a request and the pattern of its path, or nil if the request
// opens no stream of a known format.
func (f Formats) Route(method, path string) (format *Format, pattern string) {
	for _, format := range f {
		if method == http.MethodPost && slices.Contains(format.Paths, path) {
			return format, path
		}
		if format.Route == nil {
			continue
		}
		if pattern := format.Route(method, path); pattern != "" {
			return format, pattern
		}
	}
	return nil, ""
}

// Find returns the format with a name, or nil.
func (f Formats) Find(name string) *Format {
	i := slices.IndexFunc(f, func(format *Format) bool { return format.Name == name })
	if i < 0 {
		return nil
	}
	return f[i]
}

// Default returns the format in which the server asks questions of its own, and in which
// it answers requests that match no format.
func (f Formats) Default() *Format { return f[0] }

// EventNames returns the names of all events that services are known to send.
func (f Formats) EventNames() []string {
	return f.collect(func(format *Format) []string { return format.EventNames })
}

// BrowserHeaders returns the headers that SDKs send from browsers.
func (f Formats) BrowserHeaders() []string {
	return f.collect(func(format *Format) []string { return format.BrowserHeaders })
}

// RequestIDHeaders returns the response headers with services' ids of requests, in lower
// case.
func (f Formats) RequestIDHeaders() []string {
	return f.collect(func(format *Format) []string { return []string{strings.ToLower(format.RequestIDHeader)} })
}

// RetryAsGet returns the paths of POST requests that may have to be repeated as GET.
func (f Formats) RetryAsGet() []string {
	return f.collect(func(format *Format) []string { return format.RetryAsGet })
}

// Unpaced returns the paths of streams that are forwarded unchanged.
func (f Formats) Unpaced() []string {
	return f.collect(func(format *Format) []string { return format.Unpaced })
}

// OmitEmpty returns the query parameters that are not forwarded if they are empty.
func (f Formats) OmitEmpty() []string {
	return f.collect(func(format *Format) []string { return format.OmitEmpty })
}

// collect returns the distinct values of all formats.
func (f Formats) collect(values func(*Format) []string) []string {
	var all []string
	for _, format := range f {
		all = append(all, values(format)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// failureEvents returns the events that report a failure.
func (f *Format) failureEvents(failure *Error) []Event {
	var events []Event
	for _, e := range f.ErrorEvents(failure) {
		events = append(events, Event{e, &Meaning{Kind: KindFailed, Phase: Done, Failure: failure}})
	}
	return events
}

// replay decodes events that were recorded elsewhere, of a stream of this format.
func (f *Format) replay(recorded iter.Seq[typewriter.Event]) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		decoder := f.NewDecoder()
		last := Event{}
		for e := range recorded {
			if e.Frame != last.Frame || !e.Frame.IsText() {
				last = Event{e, decoder.Decode(e.Frame.Name, e.Payload()).Meaning}
				if e.Frame.Number > 0 { // the id is the decoder's own
					meaning := *last.Meaning
					meaning.Message = ""
					last.Meaning = &meaning
				}
			}
			last.Event = e
			if !yield(last) {
				return
			}
		}
	}
}
