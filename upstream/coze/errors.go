package coze

import (
	"cmp"
	"net/http"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// errorEvents implements [upstream.Format.ErrorEvents].
func errorEvents(err *upstream.Error, _ upstream.Sent) []typewriter.Event {
	data := jsonx.Marshal(struct {
		Code int    `json:"code"`
		Msg  string `json:"msg"`
	}{err.Code, err.Msg})
	return []typewriter.Event{upstream.Pass(eventError, string(data), nil).Event}
}

// errorBody implements [upstream.Format.ErrorBody]. The body has no final newline: @coze/api
// takes a body with a final newline for an empty stream.
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

// readError implements [upstream.Format.ReadError].
func readError(status int, body []byte) *upstream.Error {
	return serviceError(gjson.ParseBytes(body), upstream.StatusMsg(status))
}

// serviceError decodes an error object of the service, with a code and a message.
// defaultMsg replaces an empty message.
func serviceError(object gjson.Result, defaultMsg string) *upstream.Error {
	code := int(object.Get("code").Int())
	return &upstream.Error{
		Reason: upstream.ReasonOf(code),
		Status: http.StatusBadGateway,
		Code:   code,
		Msg:    cmp.Or(object.Get("msg").String(), defaultMsg),
	}
}
