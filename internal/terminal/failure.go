package terminal

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/tidwall/gjson"
)

// ErrInterrupted is returned when the context ended before the chat did.
var ErrInterrupted = errors.New("interrupted")

// failure is what a server says went wrong.
type failure struct {
	code  int64
	msg   string
	logID string // names the request for whoever looks into it
}

func (f *failure) Error() string {
	text := fmt.Sprintf("%s (code %d", oneLine(f.msg), f.code)
	if f.logID != "" {
		text += ", logid " + oneLine(f.logID)
	}
	return text + ")"
}

// newFailure reads an object with code and msg.
func newFailure(about gjson.Result, logID string) *failure {
	f := &failure{code: about.Get("code").Int(), msg: about.Get("msg").String(), logID: about.Get("detail.logid").String()}
	if f.logID == "" {
		f.logID = logID
	}
	if f.msg == "" {
		f.msg = "the chat failed"
	}
	return f
}

// headerLogID names a request, as at Coze.
const headerLogID = "X-Tt-Logid"

// refusal is a reply that is no stream.
func refusal(res *http.Response) error {
	const most = 64 << 10 // of the reply; an error is shorter
	body, _ := io.ReadAll(io.LimitReader(res.Body, most))
	if about := gjson.ParseBytes(body); gjson.ValidBytes(body) && about.Get("code").Exists() {
		return newFailure(about, res.Header.Get(headerLogID))
	}
	return fmt.Errorf("%s answered %s, of type %q, which is no chat", res.Request.URL.Host, oneLine(res.Status), oneLine(res.Header.Get("Content-Type")))
}
