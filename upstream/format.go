package upstream

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sse-typewriter/typewriter"
)

// Format is the wire format of an AI service: how to recognize requests, read streams, write
// streams to clients, and report errors to the service's SDKs. Functions are nil where the
// service lacks the feature, unless noted otherwise. Do not change a Format after the first
// use.
type Format struct {
	// Name identifies the format. Each stream is stored with the name, for the replica
	// that continues the stream. Required.
	Name string

	// Paths are the paths of POST requests with replies of this format.
	Paths []string

	// Route recognizes such requests by more than a fixed path, and returns the pattern of
	// the path, or "". Patterns appear in metrics and logs, and contain nothing of a
	// client's choice. Nil if Paths are all.
	Route func(RequestHead) (pattern string)

	// Owns reports whether a decoded path without streams belongs to the service, so that
	// errors have its format. Nil: no such path is known.
	Owns func(path string) bool

	// MatchHeader recognizes a stream by the header of the reply, which the streams of the
	// format must have, whatever the path of the request. MatchEvent recognizes one by the
	// data of the first event, if the path has no other format. A format with either has no
	// NewRecovery. See [Reply.Recognize].
	MatchHeader func(http.Header) bool
	MatchEvent  func(data string) bool

	// Framing is how events are delimited, from the service and to the client.
	Framing Framing

	// NumbersEvents reports whether events have consecutive numbers from 0 as ids. A client
	// with event ids of this server gets those instead.
	NumbersEvents bool

	// NewDecoder returns a decoder for the events of a stream. Required.
	NewDecoder func() Decoder

	// NewDecoderFor returns a decoder for the stream of a request with the given body, for
	// services whose streams depend on the request. Nil if NewDecoder serves all streams.
	NewDecoderFor func(body []byte) Decoder

	// EventNames are the known names of the service's events, for metrics.
	EventNames []string

	// Dataless are the names of events without data.
	Dataless []string

	// Done is the final event of a stream; the zero value if streams of this format just
	// end.
	Done typewriter.Event

	// Stopped returns the events that end a canceled stream in order, given the part of the
	// stream before; nil: Done ends any stream.
	Stopped func(Sent) []typewriter.Event

	// ErrorEvents returns the events for a failure within a stream, given the part of the
	// stream before the failure. Required.
	ErrorEvents func(*Error, Sent) []typewriter.Event

	// ErrorBody returns the body of an error before the stream. Clients quote
	// requestID to support. Required.
	ErrorBody func(err *Error, requestID string) []byte

	// ErrorType is the media type of the ErrorBody; empty: JSON.
	ErrorType string

	// ReadError decodes the body of a reply without a stream. Required.
	ReadError func(status int, body []byte) *Error

	// BreaksOff reports whether the body of a stream that fails is left incomplete after
	// the ErrorEvents, so that an SDK which ignores the events notices the failure.
	BreaksOff bool

	// RetryHeader is the response header, in lower case, with which the service stops its SDKs from
	// repeating a failed request, if its value is "false".
	RetryHeader string

	// RequestIDHeader is the response header with the service's id of a request. Required.
	RequestIDHeader string

	// ReplyHeaders are prefixes of the response headers that the client gets with a stream,
	// in canonical form.
	ReplyHeaders []string

	// Heartbeat is written during silence. All SDKs of the format must ignore the
	// heartbeat.
	Heartbeat string

	// MinInterval is the minimum time between two events of text for clients and servers
	// that configure none. Zero stands for the default of package typewriter.
	MinInterval time.Duration

	// Credentials are the places for a credential; none: a bearer token.
	Credentials []Credential

	// BrowserHeaders are additional request headers of the service's SDKs in browsers, in
	// lower case.
	BrowserHeaders []string

	// RetryAsGet are the paths of POST requests to repeat as GET after a 404 or 405.
	RetryAsGet []string

	// OmitEmpty are query parameters to remove if empty.
	OmitEmpty []string

	// Ask returns the request for a question, with a path, a body, and a header with a
	// Content-Type.
	Ask func(Question) (Request, error)

	// Note returns the part of a chat's request that Cancel and NewRecovery need, such as
	// the path, without credentials. The note is short, and stored with the stream.
	Note func(Request) string

	// Cancel stops a chat at the service, and returns the tokens that the service reports in
	// its reply.
	Cancel func(ctx context.Context, c *Client, opening Opening, chat Chat) (Usage, error)

	// NewRecovery returns the recovery of a stream.
	NewRecovery func(c *Client, opening Opening) Recovery

	// Translation, if not nil, makes the format a translation of the service's format.
	Translation *Translation
}

// Decoder decodes the events of a stream in order. A Decoder is not safe for concurrent
// use.
type Decoder interface {
	// Decode returns the event with a name, possibly empty, and data. Decode never fails:
	// an unknown event passes unchanged, as an event of KindOther.
	Decode(name, data string) Event
}

// Framing is how the events of a stream are delimited.
type Framing int

const (
	// SSE is a stream of server-sent events. A space follows the colon of each field.
	SSE Framing = iota

	// CompactSSE is SSE without the spaces.
	CompactSSE

	// NDJSON is a stream of lines, each with a JSON value. Events have neither a name nor
	// an id, and a heartbeat is white space without a line end.
	NDJSON
)

// ContentType returns the media type of a stream.
func (f Framing) ContentType() string {
	if f == NDJSON {
		return "application/x-ndjson"
	}
	return "text/event-stream"
}

// otherLines are the media types of lines of JSON besides that of [NDJSON]. None is
// registered, so services differ.
var otherLines = []string{"application/ndjson", "application/jsonl", "application/x-jsonl", "application/jsonlines", "application/x-jsonlines", "application/json-lines", "application/stream+json"}

// hasMediaType reports whether a media type is one of the framing.
func (f Framing) hasMediaType(mediaType string) bool {
	return mediaType == f.ContentType() || f == NDJSON && slices.Contains(otherLines, mediaType)
}

// Credential is a place for a credential in a request: a header, with a prefix before the
// credential, or a query parameter.
type Credential struct{ Header, Prefix, Query string }

// bearer is the place of a token in most services.
var bearer = Credential{Header: "Authorization", Prefix: "Bearer "}

// SetToken puts a token into the first place for a credential. The request must have a
// header.
func (f *Format) SetToken(req *Request, token string) {
	place := bearer
	if len(f.Credentials) > 0 {
		place = f.Credentials[0]
	}
	if place.Header != "" {
		req.Header.Set(place.Header, place.Prefix+token)
		return
	}
	if req.Query != "" {
		req.Query += "&"
	}
	req.Query += url.Values{place.Query: {token}}.Encode()
}

// RequestHead is the part of a client's request by which a format recognizes the request.
type RequestHead struct {
	Method string

	// Path is decoded.
	Path string

	// Header and Query return the value of a header and of a query parameter, or "".
	// Required.
	Header, Query func(name string) string
}

// Formats are the formats of a server. The first format is the default.
type Formats []*Format

// Route returns the format of a request and the pattern of the path, or nil if no format
// recognizes the request.
func (f Formats) Route(r RequestHead) (format *Format, pattern string) {
	for _, format := range f {
		if r.Method == http.MethodPost && slices.Contains(format.Paths, r.Path) {
			return format, r.Path
		}
		if format.Route == nil {
			continue
		}
		if pattern := format.Route(r); pattern != "" {
			return format, pattern
		}
	}
	return nil, ""
}

// Owner returns the format that owns a path, or nil.
func (f Formats) Owner(path string) *Format {
	i := slices.IndexFunc(f, func(format *Format) bool { return format.Owns != nil && format.Owns(path) })
	if i < 0 {
		return nil
	}
	return f[i]
}

// OfPath returns the format of POST requests at a fixed path, or nil.
func (f Formats) OfPath(path string) *Format {
	none := func(string) string { return "" }
	format, _ := f.Route(RequestHead{http.MethodPost, path, none, none})
	return format
}

// Find returns the format with a name, or nil.
func (f Formats) Find(name string) *Format {
	i := slices.IndexFunc(f, func(format *Format) bool { return format.Name == name })
	if i < 0 {
		return nil
	}
	return f[i]
}

// Default returns the format for errors of requests without a format.
func (f Formats) Default() *Format { return f[0] }

// EventNames returns the known names of all services' events.
func (f Formats) EventNames() []string {
	return f.collect(func(format *Format) []string { return format.EventNames })
}

// BrowserHeaders returns the additional request headers of SDKs in browsers.
func (f Formats) BrowserHeaders() []string {
	return f.collect(func(format *Format) []string { return format.BrowserHeaders })
}

// SDKHeaders returns the response headers that SDKs read, in lower case.
func (f Formats) SDKHeaders() []string {
	return f.collect(func(format *Format) []string {
		headers := []string{strings.ToLower(format.RequestIDHeader)}
		if format.RetryHeader != "" {
			headers = append(headers, format.RetryHeader)
		}
		return headers
	})
}

// RetriesAsGet reports whether to repeat a POST request at a path as GET.
func (f Formats) RetriesAsGet(path string) bool {
	return slices.ContainsFunc(f, func(format *Format) bool { return slices.Contains(format.RetryAsGet, path) })
}

// OmitsEmpty reports whether to remove a query parameter if empty.
func (f Formats) OmitsEmpty(parameter string) bool {
	return slices.ContainsFunc(f, func(format *Format) bool { return slices.Contains(format.OmitEmpty, parameter) })
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

// failureEvents returns the events for a failure after a part of a stream.
func (f *Format) failureEvents(failure *Error, sent Sent) []Event {
	var events []Event
	for _, e := range f.ErrorEvents(failure, sent) {
		events = append(events, Event{e, &Meaning{Kind: KindFailed, Phase: Done, Failure: failure}})
	}
	return events
}

// replay decodes the recorded events of a stream.
func (f *Format) replay(recorded iter.Seq[typewriter.Event]) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		decoder := f.NewDecoder()
		var snapshots typewriter.Snapshots
		last := Event{}
		for e := range recorded {
			if e.Frame != last.Frame || !e.Frame.IsText() || e.Frame.Snapshot {
				last = Event{e, decoder.Decode(e.Frame.Name, snapshots.Payload(e)).Meaning}
				last.Meaning = replayed(e.Frame, last.Meaning)
			}
			last.Event = e
			if !yield(last) {
				return
			}
		}
	}
}

// replayed returns the meaning of a recorded event with a frame, given the meaning of a decoder
// that does not know the request.
func replayed(frame *typewriter.Frame, m *Meaning) *Meaning {
	isPiece := frame.IsText() && m.Kind == KindPiece
	isNumbered := frame.Number > 0 && frame.Series == nil
	if !isNumbered && !isPiece {
		return m
	}
	meaning := *m
	if isNumbered { // the id is the decoder's own
		meaning.Message = ""
	}
	if isPiece { // the text was typed
		meaning.Kind, meaning.Texts = KindText, nil
	}
	return &meaning
}

// newDecoder returns a decoder for the stream of a request with a body.
func (f *Format) newDecoder(body []byte) Decoder {
	if f.NewDecoderFor != nil {
		return f.NewDecoderFor(body)
	}
	return f.NewDecoder()
}
