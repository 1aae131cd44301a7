package handler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/streams"
	"sse-typewriter/upstream"
)

// Codes of our own errors, as Coze has them where it has one.
const (
	codeBadRequest   = 4000
	codeTooMany      = 4013
	codeUnauthorized = 4100
	codeNotFound     = 4200

	codeUnavailable = 5030
	codeFull        = 5031
	codeDraining    = 5032
)

// headerLogID names a request for whoever looks into its failure, as at Coze.
const headerLogID = "X-Tt-Logid"

// fail answers with an error of ours in Coze's shape. It has no newline at its
// end: with one, @coze/api takes it for an empty stream.
func fail(c *app.RequestContext, status, code int, msg string) {
	body, logid := failure(code, msg)
	c.Response.Header.Set(headerLogID, logid)
	c.Data(status, "application/json", body)
}

// failInternal is fail for a bug of ours.
func failInternal(c *app.RequestContext) {
	fail(c, upstream.ErrInternal.Status, upstream.ErrInternal.Code, upstream.ErrInternal.Msg)
}

// failure returns an error of ours in Coze's shape, and the id by which it is known.
func failure(code int, msg string) (body []byte, logid string) {
	logid = streams.NewID()
	type detail struct {
		LogID string `json:"logid"`
	}
	return jsonx.Marshal(struct {
		Code   int    `json:"code"`
		Msg    string `json:"msg"`
		Detail detail `json:"detail"`
	}{code, msg, detail{logid}}), logid
}

// refusals are what is wrong with requests that reach no handler, by status.
var refusals = map[int]string{
	http.StatusRequestTimeout:              "request did not come in time",
	http.StatusRequestEntityTooLarge:       "request body is too large",
	http.StatusRequestHeaderFieldsTooLarge: "request header is too large",
}

// Refusal returns the whole answer to a request that reaches no handler: one that is
// not HTTP, or did not come in time.
func Refusal(status int) []byte {
	msg, ok := refusals[status]
	if !ok {
		status, msg = http.StatusBadRequest, "request is malformed"
	}
	body, logid := failure(codeBadRequest, msg)
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s: %s\r\nConnection: close\r\n\r\n%s",
		status, http.StatusText(status), len(body), headerLogID, logid, body)
}

// refuse is fail for a request whose body has not been read. What is still to come
// of it is read for a moment only, then the connection is closed: without that
// moment, a client that is still sending may not see the answer.
func (h *Handler) refuse(c *app.RequestContext, status, code int, msg string) {
	const linger = time.Second
	if conn := c.GetConn(); conn != nil && c.Request.IsBodyStream() {
		c.SetConnectionClose()
		_ = conn.SetReadTimeout(linger) // an error: it is closed already
		_, _ = io.Copy(io.Discard, c.RequestBodyStream())
	}
	fail(c, status, code, msg)
}

// refuseLarge refuses a body that is larger than a limit.
func (h *Handler) refuseLarge(c *app.RequestContext, limit int64) {
	h.Metrics.Rejected(metrics.BodyTooLarge)
	msg := fmt.Sprintf("request body is too large: want at most %d bytes", limit)
	h.refuse(c, http.StatusRequestEntityTooLarge, codeBadRequest, msg)
}

// failOpen answers when the upstream gave no reply, and logs why.
func (h *Handler) failOpen(c *app.RequestContext, err error) {
	failed := upstream.ErrInternal
	cause := err
	if errors.As(err, &failed) {
		cause = failed.Err
	}
	fail(c, failed.Status, failed.Code, failed.Msg)
	h.Metrics.UpstreamFailed(failed.Reason)
	h.Logger.Warn("no reply from upstream", "route", routeOf(c), "logid", c.Response.Header.Get(headerLogID),
		"request_id", c.Request.Header.Get(headerRequestID), "reason", failed.Reason, "error", cause)
}

// recovering has a panic end its request alone: with an error, or, if a reply has
// begun, with the connection, so that a part is not taken for the whole.
func (h *Handler) recovering(ctx context.Context, c *app.RequestContext) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		h.Logger.Error("panic", "route", routeOf(c), "request_id", c.Request.Header.Get(headerRequestID), "cause", cause, "stack", string(debug.Stack()))
		c.SetConnectionClose()
		if begun, ok := c.Response.GetHijackWriter().(*body); ok {
			begun.err = errPanic
			return
		}
		failInternal(c)
	}()
	c.Next(ctx)
	if c.Response.StatusCode() == http.StatusBadRequest && c.Response.GetHijackWriter() == nil && len(c.Response.Body()) == 0 {
		// Hertz finds it so, and would say it in plain text.
		c.SetConnectionClose()
		fail(c, http.StatusBadRequest, codeBadRequest, "request is malformed: want a path, and a Host header")
	}
}

var errPanic = errors.New("the handler has panicked")
