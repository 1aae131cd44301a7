package anthropic

import (
	"cmp"
	"net/http"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split"
)

// errorData is the data of an error event, and the body of an error.
type errorData struct {
	Type      string      `json:"type"`
	Error     errorObject `json:"error"`
	RequestID string      `json:"request_id,omitempty"`
}

type errorObject struct {
	Type    string `json:"type"`
	Message string `json:"message"`

	// Code is the reason, which the service does not have.
	Code string `json:"code"`
}

func encodeError(err *upstream.Error, requestID string) []byte {
	return jsonx.Marshal(errorData{eventError, errorObject{errorType(err.Status), err.Msg, err.Reason}, requestID})
}

// errorTypes are the types of errors by status, as in Anthropic's documentation of errors.
var errorTypes = map[int]string{
	http.StatusUnauthorized:          "authentication_error",
	http.StatusForbidden:             "permission_error",
	http.StatusNotFound:              "not_found_error",
	http.StatusRequestEntityTooLarge: "request_too_large",
	http.StatusTooManyRequests:       "rate_limit_error",
	http.StatusServiceUnavailable:    "overloaded_error",
	http.StatusGatewayTimeout:        "timeout_error",
}

// errorType returns the type of an error with a status.
func errorType(status int) string {
	if name := errorTypes[status]; name != "" {
		return name
	}
	if status >= http.StatusInternalServerError {
		return "api_error"
	}
	return "invalid_request_error"
}

// errorBody implements [upstream.Format.ErrorBody].
func errorBody(err *upstream.Error, requestID string) []byte { return encodeError(err, requestID) }

// errorEvents implements [upstream.Format.ErrorEvents]. SDKs ignore an error event without
// the name.
func errorEvents(err *upstream.Error, _ upstream.Sent) []typewriter.Event {
	return []typewriter.Event{upstream.Pass(eventError, string(encodeError(err, "")), nil).Event}
}

// readError implements [upstream.Format.ReadError].
func readError(status int, body []byte) *upstream.Error {
	return readFailure(split.AppendMembers(nil, gjson.ParseBytes(body)), upstream.StatusMsg(status))
}

// readFailure returns the error in a body or an event. Some gateways have a text as the
// error, or only a message.
func readFailure(object []split.Member, defaultMsg string) *upstream.Error {
	e := split.Find(object, "error")
	msg := e.Get("message").String()
	if e.Type == gjson.String {
		msg = e.Str
	}
	return upstream.ServiceError(cmp.Or(msg, split.Find(object, "message").String(), defaultMsg), e.Get("code").String())
}
