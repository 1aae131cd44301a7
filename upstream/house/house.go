// Package house is the wire format of this server's own chats in front of a service with
// another format: a few simple events with the text of an answer.
package house

import (
	"iter"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// The names of events.
const (
	eventDelta     = "conversation.message.delta"
	eventCompleted = "conversation.message.completed"
	eventError     = "error"
	eventDone      = "done"
)

// doneData is the data of the done event: a JSON string.
const doneData = `"[DONE]"`

// New returns the format in front of a service. The service's format must be able to ask
// questions.
func New(service *upstream.Format) *upstream.Format {
	return &upstream.Format{
		Name:            "house",
		Paths:           []string{"/v3/chat"},
		Framing:         upstream.CompactSSE,
		NewDecoder:      func() upstream.Decoder { return decoder{} },
		EventNames:      []string{eventDelta, eventCompleted, eventError, eventDone},
		Done:            done.Event,
		ErrorEvents:     errorEvents,
		ErrorBody:       errorBody,
		ReadError:       service.ReadError,
		RequestIDHeader: service.RequestIDHeader,
		Heartbeat:       "\n",
		Credentials:     service.Credentials,
		Ask:             service.Ask,
		Note:            service.Note,
		Cancel:          service.Cancel,
		NewRecovery:     func(*upstream.Client, upstream.Opening) upstream.Recovery { return &recovery{} },
		Translation:     &upstream.Translation{From: service, ReadQuestion: readQuestion, Events: translate},
	}
}

// done is the last event of a stream.
var done = upstream.Pass(eventDone, doneData, &upstream.Meaning{Kind: upstream.KindDone, Phase: upstream.Done})

// errorEvents implements [upstream.Format.ErrorEvents].
func errorEvents(err *upstream.Error, _ upstream.Sent) []typewriter.Event {
	return []typewriter.Event{errorEvent(err).Event}
}

// errorEvent returns the event of an error, which is the last event of its stream.
func errorEvent(err *upstream.Error) upstream.Event {
	data := jsonx.Marshal(struct {
		Code int    `json:"code"`
		Msg  string `json:"msg"`
	}{err.Code, err.Msg})
	return upstream.Pass(eventError, string(data), &upstream.Meaning{Kind: upstream.KindFailed, Phase: upstream.Done, Failure: err})
}

// errorBody implements [upstream.Format.ErrorBody].
func errorBody(err *upstream.Error, requestID string) []byte {
	type detail struct {
		LogID string `json:"logid"`
	}
	return jsonx.Marshal(struct {
		Code   int    `json:"code"`
		Msg    string `json:"msg"`
		Detail detail `json:"detail"`
	}{err.Code, err.Msg, detail{requestID}})
}

// translate implements Events of [upstream.Translation].
func translate(events iter.Seq[upstream.Event]) iter.Seq[upstream.Event] {
	return func(yield func(upstream.Event) bool) {
		t := newTranslator()
		for e := range events {
			for _, translated := range t.add(e) {
				if !yield(translated) {
					return
				}
			}
		}
		for _, last := range t.end() {
			if !yield(last) {
				return
			}
		}
	}
}
