package upstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Error is a failure of the upstream or of the connection to it, in a form that can be
// sent to clients.
type Error struct {
	// Reason names the kind of failure, for metrics and logs.
	Reason string

	// Status is the HTTP status to send if the response has not begun.
	Status int

	// Code is the number in the JSON of an error: the status and one more digit.
	Code int

	// Msg describes the failure to clients. It contains neither addresses nor parts of
	// a request.
	Msg string

	// Err is the underlying error, if there is one. It contains no parts of a request or
	// an answer and may be logged.
	Err error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Msg
	}
	return fmt.Sprintf("%s: %v", e.Msg, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Causes of a canceled context.
var (
	errIdle    = errors.New("upstream sent nothing within the idle timeout")
	errMaxTime = errors.New("upstream did not finish within the maximum time")
)

// ErrTooLarge is the failure of a stream whose consumer stopped before the end because
// the log was full.
var ErrTooLarge = &Error{reasonTooLarge, http.StatusBadGateway, 5025, "answer is larger than this server keeps", nil}

// ErrInternal is the failure caused by a bug in this program.
var ErrInternal = &Error{"internal", http.StatusInternalServerError, 5000, "internal error", nil}

// openError returns the failure of a request that got no reply.
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
		return &Error{reasonConnectTimeout, http.StatusGatewayTimeout, 5040, "upstream cannot be connected to in time", err}
	case timedOut:
		return &Error{reasonHeaderTimeout, http.StatusGatewayTimeout, 5041, "upstream did not answer in time", err}
	default:
		return &Error{reasonUnreachable, http.StatusBadGateway, 5021, "upstream cannot be reached", err}
	}
}

// canceledError returns the failure of a request or stream that was abandoned.
func canceledError(cause error) *Error {
	if errors.Is(cause, errMaxTime) {
		return &Error{reasonMaxTime, http.StatusGatewayTimeout, 5043, "upstream took too long for its answer", nil}
	}
	return &Error{reasonCanceled, http.StatusBadGateway, 5020, "request was given up", cause}
}

// cutError returns the failure of a stream without a final event. Its chat goes on at
// the service.
func cutError(cause error) *Error {
	return &Error{reasonCut, http.StatusBadGateway, 5023, "upstream ended in the middle of its answer", redactQuotes(cause)}
}

// redactQuotes returns err without the text that its message quotes. net/http quotes
// malformed input, which may be part of an answer.
func redactQuotes(err error) error {
	if err == nil {
		return nil
	}
	if text, _, quotes := strings.Cut(err.Error(), `"`); quotes {
		return errors.New(strings.TrimRight(text, ": ("))
	}
	return err
}

// The reasons of failures: before a stream begins, then within a stream.
const (
	reasonCompressed     = "compressed"
	reasonConnectTimeout = "connect_timeout"
	reasonHeaderTimeout  = "header_timeout"
	reasonUnreachable    = "unreachable"

	reasonCanceled  = "canceled"
	reasonCut       = "cut"
	reasonEventSize = "event_too_large"
	reasonIdle      = "idle_timeout"
	reasonMaxTime   = "too_long"
	reasonTooLarge  = "too_large"
)

// Reasons returns all values of [Error.Reason] that this package uses.
func Reasons() []string {
	return []string{
		reasonCompressed, reasonConnectTimeout, reasonHeaderTimeout, reasonUnreachable, ErrInternal.Reason,
		reasonCanceled, reasonCut, reasonEventSize, reasonIdle, reasonMaxTime, reasonTooLarge,
	}
}

// isRecoverable reports whether only the stream failed, not the chat.
func (e *Error) isRecoverable() bool {
	return e != nil && (e.Reason == reasonCut || e.Reason == reasonIdle)
}

// readError returns the failure of a stream without a final event. err is the error of
// reading, or nil at EOF.
func readError(ctx context.Context, err error, maxEventBytes int) *Error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errIdle):
		return &Error{reasonIdle, http.StatusGatewayTimeout, 5042, "upstream fell silent in the middle of its answer", nil}
	case cause != nil:
		return canceledError(cause)
	case errors.Is(err, bufio.ErrTooLong):
		msg := fmt.Sprintf("upstream sent an event of more than %d bytes", maxEventBytes)
		return &Error{reasonEventSize, http.StatusBadGateway, 5022, msg, nil}
	default:
		return cutError(err)
	}
}
