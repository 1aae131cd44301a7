package handler

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/hertzio"
	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/streams"
)

// headerLogID identifies a failed request to the service's support, as in Coze's API.
const headerLogID = "X-Tt-Logid"

// errorBody is the format of error responses.
var errorBody apierror.Body = apierror.CozeBody

// fail answers a request with an error.
func fail(c *app.RequestContext, e *apierror.Error) {
	logID := streams.NewID()
	c.Response.Header.Set(headerLogID, logID)
	if e.RetryAfter > 0 {
		c.Response.Header.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	c.Data(e.Status, "application/json", errorBody(e, logID))
}

// failBadRequest answers an invalid request; err describes the fault.
func failBadRequest(c *app.RequestContext, err error) {
	fail(c, apierror.BadRequest.WithMsg(err.Error()))
}

// failUnread is fail for a request whose body has not been read.
func failUnread(c *app.RequestContext, e *apierror.Error) {
	hertzio.LingeringClose(c)
	fail(c, e)
}

// ErrorReply returns the complete response to a request without a handler, for
// [hertzio.Listener].
func ErrorReply(status int) []byte {
	e, logID := apierror.ForStatus(status), streams.NewID()
	body := errorBody(e, logID)
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s: %s\r\nConnection: close\r\n\r\n%s",
		e.Status, http.StatusText(e.Status), len(body), headerLogID, logID, body)
}

// errorWriter answers requests with errors, and counts or logs the errors.
type errorWriter struct {
	metrics *metrics.Metrics
	logger  *slog.Logger
}

// reject counts and answers a request against the policy of the server.
func (w errorWriter) reject(c *app.RequestContext, e *apierror.Error) {
	w.metrics.Rejected(e.Reason)
	failUnread(c, e)
}

// rejectBody answers a request whose body could not be read: err is of
// [hertzio.ReadBody] or [hertzio.Upload], and limit bounds the body.
func (w errorWriter) rejectBody(c *app.RequestContext, err error, limit int64) {
	switch {
	case errors.Is(err, hertzio.ErrBodyTooLarge):
		w.reject(c, apierror.BodyTooLarge.WithMsg(fmt.Sprintf("request body is too large: want at most %d bytes", limit)))
	case errors.Is(err, hertzio.ErrSlowBody):
		c.SetConnectionClose()
		fail(c, apierror.RequestTimeout.WithMsg(err.Error()))
	default:
		failUnread(c, apierror.BadRequest.WithMsg("request body cannot be read"))
	}
}

// failUpstream counts, logs and answers a request without a reply of the upstream.
func (w errorWriter) failUpstream(c *app.RequestContext, err error) {
	var failed *apierror.Error
	if !errors.As(err, &failed) {
		failed = apierror.Internal.WithCause(err)
	}
	fail(c, failed)
	w.metrics.UpstreamFailed(failed.Reason)
	w.logger.Warn("no reply from upstream", "route", routeOf(c), "logid", c.Response.Header.Get(headerLogID),
		"request_id", c.Request.Header.Get(headerRequestID), "reason", failed.Reason, "error", failed.Err)
}
