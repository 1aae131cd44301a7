package upstream

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/apierror"
)

// ServiceError returns an error that the service reports. A code of this server is the reason,
// because the service may be another sse-typewriter. The reason of any other code is "refused".
func ServiceError(msg, code string) *Error {
	failure := apierror.Refused.WithMsg(msg)
	if slices.Contains(apierror.UpstreamFailures(), code) {
		failure.Reason = code
	}
	return failure
}

// ReasonOf returns the reason of an error with a number as the code, as for [ServiceError].
func ReasonOf(code int) string {
	for _, e := range []*Error{
		apierror.Canceled, apierror.EventTooLarge, apierror.Cut, apierror.TooLarge, apierror.IdleTimeout, apierror.MaxTime, apierror.FirstText,
	} {
		if e.Code == code {
			return e.Reason
		}
	}
	return apierror.Refused.Reason
}

// StatusMsg returns the message of an error reply that has none.
func StatusMsg(status int) string { return fmt.Sprintf("status %d without a message", status) }

// MaxErrorText bounds the body of a reply as the message of an error, in bytes.
const MaxErrorText = 300

// ReadAppError implements [Format.ReadError] for an app without its own format of errors. The
// body is a message, or JSON with a message in a usual place.
func ReadAppError(status int, body []byte) *Error {
	msg := strings.TrimSpace(string(body))
	if gjson.ValidBytes(body) {
		all := gjson.ParseBytes(body)
		msg = cmp.Or(all.Get("error.message").String(), all.Get("error").String(), all.Get("message").String(), all.Get("detail").String())
	}
	if msg == "" || len(msg) > MaxErrorText || strings.HasPrefix(msg, "<") { // a page
		msg = StatusMsg(status)
	}
	return ServiceError(strings.ToValidUTF8(msg, "\uFFFD"), "")
}
