package agui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/jsonx"
	"sse-typewriter/upstream"
)

// encodeError returns the data of an error event.
func encodeError(err *upstream.Error) string {
	return string(jsonx.Marshal(struct {
		Type    string `json:"type"`
		Message string `json:"message"`
		Code    string `json:"code"`
	}{eventRunError, err.Msg, err.Reason}))
}

// errorBody implements [upstream.Format.ErrorBody].
func errorBody(err *upstream.Error, _ string) []byte { return []byte(err.Msg) }

// maxMessage bounds the length of a reply's body as a message, in bytes.
const maxMessage = 300

// readError implements [upstream.Format.ReadError]. The body of an agent's error is text, or
// JSON with a message in a usual place.
func readError(status int, body []byte) *upstream.Error {
	msg := strings.TrimSpace(string(body))
	if gjson.ValidBytes(body) {
		all := gjson.ParseBytes(body)
		msg = cmp.Or(all.Get("error.message").String(), all.Get("error").String(), all.Get("message").String(), all.Get("detail").String())
	}
	defaultMsg := fmt.Sprintf("it answered with status %d", status)
	if len(msg) > maxMessage || strings.HasPrefix(msg, "<") { // a page
		msg = defaultMsg
	}
	return newError(strings.ToValidUTF8(msg, "\uFFFD"), "", defaultMsg)
}

func newError(msg, code, defaultMsg string) *upstream.Error {
	failure := apierror.Refused.WithMsg(cmp.Or(msg, defaultMsg))
	if slices.Contains(apierror.UpstreamFailures(), code) {
		failure.Reason = code // the agent is behind a server of this kind itself
	}
	return failure
}
