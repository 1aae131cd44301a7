package responses

import (
	"encoding/json"
	"fmt"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/openai"
)

// errorEvents implements [upstream.Format.ErrorEvents]: an error, which SDKs raise, and the
// failed response, if the stream has begun with the response.
func errorEvents(err *upstream.Error, sent upstream.Sent) []typewriter.Event {
	t := trailer{sent: sent, number: nextNumber(sent)}
	failure := openai.NewErrorObject(err)
	t.add("error", "error", failure)
	t.addResponse(statusFailed, "error", responseError{failure.Code, failure.Message})
	return t.events
}

// responseError is the error of a failed response.
type responseError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// stopped implements [upstream.Format.Stopped]. The type of the event is that of an answer
// that was ended early: SDKs know no type for a cancelled response.
func stopped(sent upstream.Sent) []typewriter.Event {
	t := trailer{sent: sent, number: nextNumber(sent)}
	t.addResponse(statusIncomplete, "incomplete_details", incompleteDetails{"cancelled"})
	return t.events
}

// incompleteDetails is the reason for the end of an incomplete response.
type incompleteDetails struct {
	Reason string `json:"reason"`
}

// trailer is the end of a stream that the service has not ended.
type trailer struct {
	sent   upstream.Sent
	number int64 // of the next event
	events []typewriter.Event
}

// nextNumber returns the sequence number behind a part of a stream.
func nextNumber(sent upstream.Sent) int64 {
	if sent.Last.Frame == nil {
		return 0
	}
	if number, ok := numberOf(sent.Last); ok {
		return number + 1
	}
	return 0
}

// add adds an event with a field. The event has a name if those of the service have names.
func (t *trailer) add(eventType, field string, value any) {
	name := eventType
	if last := t.sent.Last.Frame; last != nil && last.Name == "" {
		name = ""
	}
	t.events = append(t.events, upstream.Pass(name, newEvent(eventType, t.number, field, value), nil).Event)
	t.number++
}

// newEvent returns the data of an event with a number and a field.
func newEvent(eventType string, number int64, field string, value any) string {
	return fmt.Sprintf(`{"type":%q,"sequence_number":%d,%q:%s}`, eventType, number, field, jsonx.Marshal(value))
}

// addResponse adds the response of the stream's first event with a final status, for a reason
// in a field of the response. Without a response in the first event, addResponse adds
// nothing.
func (t *trailer) addResponse(status, field string, reason any) {
	if t.sent.First.Frame == nil {
		return
	}
	var response map[string]json.RawMessage
	begun := gjson.Get(t.sent.First.Payload(), "response")
	if json.Unmarshal([]byte(begun.Raw), &response) != nil || response == nil {
		return
	}
	response["status"], response[field] = jsonx.Marshal(status), jsonx.Marshal(reason)
	t.add("response."+status, "response", response)
}
