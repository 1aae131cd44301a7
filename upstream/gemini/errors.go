package gemini

import (
	"cmp"
	"net/http"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// errorObject is the error in a body or an event. SDKs need a number from 400 to 599 as the
// code, and a status.
type errorObject struct {
	Code    int         `json:"code"`
	Message string      `json:"message"`
	Status  string      `json:"status"`
	Details []errorInfo `json:"details"`
}

// errorInfo is the detail of an error with a reason (google.rpc.ErrorInfo).
type errorInfo struct {
	Type   string `json:"@type"`
	Reason string `json:"reason"`
	Domain string `json:"domain"`
}

const (
	typeErrorInfo = "type.googleapis.com/google.rpc.ErrorInfo"
	domain        = "sse-typewriter"
)

func encodeError(err *upstream.Error) []byte {
	return jsonx.Marshal(struct {
		Error errorObject `json:"error"`
	}{errorObject{err.Status, err.Msg, statusName(err.Status), []errorInfo{{typeErrorInfo, err.Reason, domain}}}})
}

// statusNames are the names of statuses (google.rpc.Code).
var statusNames = map[int]string{
	http.StatusUnauthorized:       "UNAUTHENTICATED",
	http.StatusForbidden:          "PERMISSION_DENIED",
	http.StatusNotFound:           "NOT_FOUND",
	http.StatusRequestTimeout:     "DEADLINE_EXCEEDED",
	http.StatusTooManyRequests:    "RESOURCE_EXHAUSTED",
	http.StatusBadGateway:         "UNAVAILABLE",
	http.StatusServiceUnavailable: "UNAVAILABLE",
	http.StatusGatewayTimeout:     "DEADLINE_EXCEEDED",
}

// statusName returns the name of a status.
func statusName(status int) string {
	if name := statusNames[status]; name != "" {
		return name
	}
	if status >= http.StatusInternalServerError {
		return "INTERNAL"
	}
	return "INVALID_ARGUMENT"
}

// errorBody implements [upstream.Format.ErrorBody].
func errorBody(err *upstream.Error, _ string) []byte { return encodeError(err) }

// errorEvents implements [upstream.Format.ErrorEvents]. The event has no name: the SDKs ignore
// an event with one, or fail at the name.
func errorEvents(err *upstream.Error, _ upstream.Sent) []typewriter.Event {
	return []typewriter.Event{upstream.Pass("", string(encodeError(err)), nil).Event}
}

// readError implements [upstream.Format.ReadError]. Without the parameter alt=sse an error is
// in a list.
func readError(status int, body []byte) *upstream.Error {
	v := gjson.ParseBytes(body)
	if v.IsArray() {
		v = v.Get("0")
	}
	return readFailure(v.Get("error"), upstream.StatusMsg(status))
}

// readFailure returns the error in the field error of a body or a chunk.
func readFailure(v gjson.Result, defaultMsg string) *upstream.Error {
	msg := v.Get("message").String()
	if v.Type == gjson.String {
		msg = v.Str
	}
	code, info := "", v.Get("details.0")
	if info.Get("domain").Str == domain {
		code = info.Get("reason").Str
	}
	return upstream.ServiceError(cmp.Or(msg, defaultMsg), code)
}
