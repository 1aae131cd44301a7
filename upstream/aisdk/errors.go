package aisdk

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/jsonx"
	"sse-typewriter/upstream"
)

// encodeError returns the data of an error event.
func encodeError(err *upstream.Error) string {
	return string(jsonx.Marshal(struct {
		Type      string `json:"type"`
		ErrorText string `json:"errorText"`
	}{"error", err.Msg}))
}

// errorBody implements [upstream.Format.ErrorBody].
func errorBody(err *upstream.Error, _ string) []byte { return []byte(err.Msg) }

// maxMessage bounds the length of a reply's body as a message, in bytes.
const maxMessage = 300

// readError implements [upstream.Format.ReadError]. The body of an app's error is text, or
// JSON with a message in a usual place.
func readError(status int, body []byte) *upstream.Error {
	msg := strings.TrimSpace(string(body))
	if gjson.ValidBytes(body) {
		all := gjson.ParseBytes(body)
		msg = cmp.Or(all.Get("error.message").String(), all.Get("error").String(), all.Get("message").String(), all.Get("detail").String())
	}
	if msg == "" || len(msg) > maxMessage || strings.HasPrefix(msg, "<") { // a page
		msg = fmt.Sprintf("it answered with status %d", status)
	}
	return apierror.Refused.WithMsg(strings.ToValidUTF8(msg, "\uFFFD"))
}
