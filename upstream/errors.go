package upstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"sse-typewriter/internal/apierror"
)

// Error is a failure of the upstream or of the connection to it. All values are those of
// the table in [apierror], with a cause or a message of their own.
type Error = apierror.Error

// Causes of a canceled context.
var (
	errIdle      = errors.New("upstream sent nothing within the idle timeout")
	errFirstText = errors.New("upstream sent no text within the first-text timeout")
	errMaxTime   = errors.New("upstream did not finish within the maximum time")
	errEnded     = errors.New("the stream has ended")
)

// openError returns the failure of a request without a reply.
func openError(ctx context.Context, err error) *Error {
	var op *net.OpError
	var timeout net.Error
	for u := (*url.Error)(nil); errors.As(err, &u); {
		err = u.Err // drops the URL, which is part of the request
	}
	timedOut := errors.As(err, &timeout) && timeout.Timeout()
	connecting := errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect") ||
		strings.HasSuffix(err.Error(), "TLS handshake timeout") // net/http exports no such error
	err = redactQuotes(err)
	switch {
	case ctx.Err() != nil:
		return canceledError(errors.Join(err, context.Cause(ctx)))
	case timedOut && connecting:
		return apierror.ConnectTimeout.WithCause(err)
	case timedOut:
		return apierror.HeaderTimeout.WithCause(err)
	default:
		return apierror.Unreachable.WithCause(err)
	}
}

// canceledError returns the failure of an abandoned request or stream.
func canceledError(cause error) *Error {
	if errors.Is(cause, errMaxTime) {
		return apierror.MaxTime
	}
	return apierror.Canceled.WithCause(cause)
}

// cutError returns the failure of a stream without a final event. The chat goes on at the
// service.
func cutError(cause error) *Error {
	return apierror.Cut.WithCause(redactQuotes(cause))
}

// redactQuotes returns err without quoted text. net/http quotes malformed input, possibly
// part of an answer.
func redactQuotes(err error) error {
	if err == nil {
		return nil
	}
	if text, _, quotes := strings.Cut(err.Error(), `"`); quotes {
		return errors.New(strings.TrimRight(text, ": ("))
	}
	return err
}

// isRecoverable reports whether only the stream failed, not the chat.
func isRecoverable(e *Error) bool {
	return e != nil && (e.Reason == apierror.Cut.Reason || e.Reason == apierror.IdleTimeout.Reason)
}

// readError returns the failure of a stream without a final event. err is the error of
// reading, or nil at EOF.
func readError(ctx context.Context, err error, maxEventBytes int) *Error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errIdle):
		return apierror.IdleTimeout
	case errors.Is(cause, errFirstText):
		return apierror.FirstText
	case cause != nil:
		return canceledError(cause)
	case errors.Is(err, bufio.ErrTooLong):
		return apierror.EventTooLarge.WithMsg(fmt.Sprintf("upstream sent an event of more than %d bytes", maxEventBytes))
	default:
		return cutError(err)
	}
}
