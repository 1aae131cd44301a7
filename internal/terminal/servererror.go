package terminal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/tidwall/gjson"
)

// ErrInterrupted is returned by [Run] when its context is done before the answer ends.
var ErrInterrupted = errors.New("interrupted")

// serverError is an error reported by the server, in a reply or an event.
type serverError struct {
	code  int64
	msg   string
	logID string // identifies the request in the logs of the AI service
}

func (e *serverError) Error() string {
	text := fmt.Sprintf("%s (code %d", oneLine(e.msg), e.code)
	if e.logID != "" {
		text += ", logid " + oneLine(e.logID)
	}
	return text + ")"
}

// newServerError decodes the server's error object. logID is the default for a missing log id.
func newServerError(object gjson.Result, logID string) *serverError {
	return &serverError{
		code:  object.Get("code").Int(),
		msg:   cmp.Or(object.Get("msg").String(), "the chat failed"),
		logID: cmp.Or(object.Get("detail.logid").String(), logID),
	}
}

// headerLogID is the response header with the upstream's log id of a request.
const headerLogID = "X-Tt-Logid"

// replyError returns the error for a reply without a stream.
func replyError(res *http.Response) error {
	const maxBody = 64 << 10 // errors are shorter
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxBody))
	object := gjson.ParseBytes(body)
	hasCode := gjson.ValidBytes(body) && object.Get("code").Exists()
	err := fmt.Errorf("%s answered %s with content type %q instead of a chat stream", res.Request.URL.Host, oneLine(res.Status), oneLine(res.Header.Get("Content-Type")))
	if hasCode {
		err = newServerError(object, res.Header.Get(headerLogID))
	}
	switch {
	// The server names a scheme with each 401, in contrast to the AI services.
	case res.StatusCode == http.StatusUnauthorized && (res.Header.Get("WWW-Authenticate") != "" || !hasCode):
		return fmt.Errorf("%w: set TYPEWRITER_TOKEN to a key of the server", err)
	case res.StatusCode == http.StatusUnauthorized || hasCode && object.Get("code").Int() == codeBadToken:
		return fmt.Errorf("%w: set TYPEWRITER_TOKEN to a valid token of the AI service", err)
	}
	return err
}

// codeBadToken is the code of a missing or invalid token. Some services send the code with
// status 200.
const codeBadToken = 4100
