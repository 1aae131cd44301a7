package dify

import (
	"cmp"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// errorBody implements [upstream.Format.ErrorBody].
func errorBody(err *upstream.Error, _ string) []byte {
	return jsonx.Marshal(struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Status  int    `json:"status"`
	}{errorCode(err), err.Msg, err.Status})
}

// errorCode returns the code of an error: the code of Dify if there is one, or the reason.
func errorCode(err *upstream.Error) string {
	if code := codes[err.Status]; code != "" {
		return code
	}
	return err.Reason
}

// codes are codes of Dify by status.
var codes = map[int]string{400: "invalid_param", 401: "unauthorized", 429: "too_many_requests"}

// errorEvents implements [upstream.Format.ErrorEvents]. The event names the task and the
// message of the last event.
func errorEvents(err *upstream.Error, sent upstream.Sent) []typewriter.Event {
	last := gjson.Result{}
	if sent.Last.Frame != nil {
		last = gjson.Parse(sent.Last.Payload())
	}
	data := jsonx.Marshal(struct {
		Event     string `json:"event"`
		TaskID    string `json:"task_id"`
		MessageID string `json:"message_id"`
		Status    int    `json:"status"`
		Code      string `json:"code"`
		Message   string `json:"message"`
	}{eventError, last.Get("task_id").Str, last.Get("message_id").Str, err.Status, err.Reason, err.Msg})
	return []typewriter.Event{upstream.Pass("", string(data), nil).Event}
}

// readError implements [upstream.Format.ReadError].
func readError(status int, body []byte) *upstream.Error {
	object := gjson.ParseBytes(body)
	return newError(object.Get("message").String(), object.Get("code").String(), upstream.StatusMsg(status))
}

// newError returns an error of the service.
func newError(msg, code, defaultMsg string) *upstream.Error {
	return upstream.ServiceError(cmp.Or(msg, defaultMsg), code)
}
