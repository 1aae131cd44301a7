package ollama

import (
	"cmp"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/upstream"
)

// encodeError returns an error as JSON. SDKs need a string in the field error; the field
// code is the server's own.
func encodeError(err *upstream.Error) []byte {
	return jsonx.Marshal(struct {
		Error string `json:"error"`
		Code  string `json:"code"`
	}{err.Msg, err.Reason})
}

// errorBody implements [upstream.Format.ErrorBody].
func errorBody(err *upstream.Error, _ string) []byte { return encodeError(err) }

// readError implements [upstream.Format.ReadError].
func readError(status int, body []byte) *upstream.Error {
	all := gjson.ParseBytes(body)
	return newError(all.Get("error"), all.Get("code").Str, upstream.StatusMsg(status))
}

// newError returns the error in a field error. A gateway may have put an object there.
func newError(v gjson.Result, code, defaultMsg string) *upstream.Error {
	msg := v.Str
	if v.IsObject() {
		msg = v.Get("message").String()
	}
	return upstream.ServiceError(cmp.Or(msg, defaultMsg), code)
}
