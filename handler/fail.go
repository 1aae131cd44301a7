package handler

import (
	"cmp"
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
	"sse-typewriter/upstream"
)

// fail answers a request with an error in the request's format.
func fail(c *app.RequestContext, e *apierror.Error) {
	format, logID := formatOf(c), streams.NewID()
	if format.RequestIDHeader == headerRequestID {
		logID = c.Response.Header.Get(headerRequestID) // the server's own
	}
	c.Response.Header.Set(format.RequestIDHeader, logID)
	if e.RetryAfter > 0 {
		c.Response.Header.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	if format.RetryHeader != "" && !e.IsTransient() {
		c.Response.Header.Set(format.RetryHeader, "false")
	}
	c.Data(e.Status, errorType(format), format.ErrorBody(e, logID))
}

// errorType returns the media type of errors in a format.
func errorType(format *upstream.Format) string { return cmp.Or(format.ErrorType, "application/json") }

// failBadRequest answers an invalid request; err describes the fault.
func failBadRequest(c *app.RequestContext, err error) {
	fail(c, apierror.BadRequest.WithMsg(err.Error()))
}

// failUnread is fail for a request whose body has not been read.
func failUnread(c *app.RequestContext, e *apierror.Error) {
	hertzio.LingeringClose(c)
	fail(c, e)
}

// ErrorReply returns a function for [hertzio.Listener]: the complete response, in a format,
// to a request without a handler.
func ErrorReply(format *upstream.Format) func(status int) []byte {
	return func(status int) []byte {
		e, logID := apierror.ForStatus(status), streams.NewID()
		body := format.ErrorBody(e, logID)
		retry := ""
		if format.RetryHeader != "" && !e.IsTransient() {
			retry = format.RetryHeader + ": false\r\n"
		}
		return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s: %s\r\n%sConnection: close\r\n\r\n%s",
			e.Status, http.StatusText(e.Status), errorType(format), len(body), format.RequestIDHeader, logID, retry, body)
	}
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
	case errors.Is(err, hertzio.ErrMalformedBody):
		c.SetConnectionClose()
		fail(c, apierror.Malformed.WithMsg(err.Error()))
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
	w.metrics.UpstreamFailed(targetOf(c).upstream.label(), failed.Reason)
	w.logger.Warn("no reply from upstream", "upstream", targetOf(c).upstream.label(), "route", routeOf(c), "logid", c.Response.Header.Get(formatOf(c).RequestIDHeader),
		"request_id", c.Request.Header.Get(headerRequestID), "key", policyOf(c).KeyName(c), "reason", failed.Reason, "error", failed.Err)
}
