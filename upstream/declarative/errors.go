package declarative

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// Defaults of [Errors].
const (
	defaultErrorData = `{"error":{"code":"{reason}","message":"{message}"}}`
	defaultErrorType = "error"
)

// Where errors have their message and code if a description does not say so.
var (
	messagePaths = []Path{{"error", "message"}, {"error_msg"}, {"error_message"}, {"message"}, {"msg"}, {"error"}}
	codePaths    = []Path{{"error", "code"}, {"error_code"}, {"code"}}
)

// errorValues returns the values of the placeholders of an error.
func errorValues(err *upstream.Error, requestID string) map[string]any {
	return map[string]any{"reason": err.Reason, "code": err.Code, "status": err.Status, "message": err.Msg, "request_id": requestID}
}

// prepare completes valid descriptions of errors. The data of an event is a single line.
func (e *Errors) prepare() {
	var data bytes.Buffer
	_ = json.Compact(&data, []byte(cmp.Or(e.Data, defaultErrorData))) // valid
	e.Data = data.String()
	e.own = map[string]*upstream.Error{}
	for _, failure := range apierror.Failures() {
		e.own[string(fill(e.Data, errorValues(failure, "")))] = failure
	}
}

// body returns the body of a reply with an error.
func (e Errors) body(err *upstream.Error, requestID string) []byte {
	return fill(cmp.Or(e.Body, e.Data), errorValues(err, requestID))
}

// events implements [upstream.Format.ErrorEvents].
func (e Errors) events(err *upstream.Error, _ upstream.Sent) []typewriter.Event {
	data := fill(e.Data, errorValues(err, ""))
	return []typewriter.Event{upstream.Pass(e.Event, string(data), nil).Event}
}

// read returns the error in an event or a body, perhaps nil. An error without a message has the
// default one.
func (e Errors) read(t *tree, defaultMsg string) *upstream.Error {
	text := func(paths, defaults []Path) string {
		if t == nil {
			return ""
		}
		if len(paths) == 0 {
			paths = defaults
		}
		for _, p := range paths {
			if v := t.first(p); v.Type != gjson.JSON && v.String() != "" {
				return v.String()
			}
		}
		return ""
	}
	code := text(e.Code, codePaths)
	failure := upstream.ServiceError(cmp.Or(text(e.Message, messagePaths), defaultMsg), code)
	if number, err := strconv.Atoi(code); err == nil {
		failure.Reason = upstream.ReasonOf(number)
	}
	return failure
}

// readBody implements [upstream.Format.ReadError].
func (e Errors) readBody(status int, body []byte) *upstream.Error {
	var t *tree
	if gjson.ValidBytes(body) {
		t = treeOf(gjson.ParseBytes(body))
	}
	return e.read(t, upstream.StatusMsg(status))
}
