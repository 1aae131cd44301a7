package openai

import (
	"cmp"
	"net/http"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split"
)

// ErrorObject is an error in a body or an event.
type ErrorObject struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    string  `json:"code"`
}

// NewErrorObject returns an error of this server.
func NewErrorObject(err *upstream.Error) ErrorObject {
	return ErrorObject{Message: err.Msg, Type: errorType(err.Status), Code: errorCode(err)}
}

// encodeError returns an error as JSON. SDKs need the field error at the top.
func encodeError(err *upstream.Error) []byte {
	return jsonx.Marshal(struct {
		Error ErrorObject `json:"error"`
	}{NewErrorObject(err)})
}

// errorType returns the type of an error with a status.
func errorType(status int) string {
	switch {
	case status == http.StatusUnauthorized:
		return "authentication_error"
	case status == http.StatusForbidden:
		return "permission_error"
	case status == http.StatusTooManyRequests:
		return "rate_limit_error"
	case status >= http.StatusInternalServerError:
		return "server_error"
	default:
		return "invalid_request_error"
	}
}

// errorCode returns the code of an error: the code of OpenAI if there is one, or the reason.
func errorCode(err *upstream.Error) string {
	switch err.Status {
	case http.StatusUnauthorized:
		return "invalid_api_key"
	case http.StatusTooManyRequests:
		return "rate_limit_exceeded"
	default:
		return err.Reason
	}
}

// errorBody implements [upstream.Format.ErrorBody].
func errorBody(err *upstream.Error, _ string) []byte { return encodeError(err) }

// errorEvents implements [upstream.Format.ErrorEvents]. The event has no name: some SDKs
// fail on events with one.
func errorEvents(err *upstream.Error, _ upstream.Sent) []typewriter.Event {
	return []typewriter.Event{upstream.Pass("", string(encodeError(err)), nil).Event}
}

// readError implements [upstream.Format.ReadError].
func readError(status int, body []byte) *upstream.Error {
	members := split.AppendMembers(nil, gjson.ParseBytes(body))
	return ReadFailure(members, upstream.StatusMsg(status), true)
}

// ReadFailure returns the error in an object, or nil. Most services have a field error,
// iFlytek a code other than 0, and MiniMax a status in base_resp. With failed, an object
// without these fields is an error too.
func ReadFailure(object []split.Member, defaultMsg string, failed bool) *upstream.Error {
	base := split.Find(object, "base_resp")
	switch e := split.Find(object, "error"); {
	case !split.IsEmpty(e):
		return serviceError(e, defaultMsg)
	case base.Get("status_code").Int() != 0:
		return serviceError(base, defaultMsg)
	case split.Find(object, "code").Int() != 0, failed:
		return newError(split.Find(object, "message").String(), split.Find(object, "code").String(), defaultMsg)
	default:
		return nil
	}
}

// serviceError returns the error in an object or a text of the service.
func serviceError(e gjson.Result, defaultMsg string) *upstream.Error {
	if e.Type == gjson.String {
		return newError(e.Str, "", defaultMsg)
	}
	msg := cmp.Or(e.Get("message").String(), e.Get("status_msg").String())
	return newError(msg, cmp.Or(e.Get("code").String(), e.Get("status_code").String()), defaultMsg)
}

func newError(msg, code, defaultMsg string) *upstream.Error {
	return upstream.ServiceError(cmp.Or(msg, defaultMsg), code)
}
