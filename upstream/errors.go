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

// Error is a failure of the upstream, or of the way to it, as a client is told.
type Error struct {
	// Reason is a short name of the kind of failure, for metrics and logs.
	Reason string

	// Status is the HTTP status that fits when no reply has begun.
	Status int

	// Code is the number in the error's JSON. It is the status and one digit.
	Code int

	// Msg says what happened, in words for the client. It holds no address and
	// nothing of a request.
	Msg string

	// Err is the cause; nil if there is none but the upstream's behaviour. It tells
	// nothing of a request or an answer either, and may be logged.
	Err error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Msg
	}
	return fmt.Sprintf("%s: %v", e.Msg, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Causes that a context is cancelled with.
var (
	errIdle = errors.New("nothing came from the upstream for too long")
	errLong = errors.New("the upstream did not come to an end")
)

// ErrTooLarge is how a stream ended whose events were not wanted to the end, since
// there was no room for them.
var ErrTooLarge = &Error{reasonTooLarge, http.StatusBadGateway, 5025, "answer is larger than this server keeps", nil}

// ErrInternal is a bug of ours.
var ErrInternal = &Error{"internal", http.StatusInternalServerError, 5000, "internal error", nil}

// openError tells why no reply came.
func openError(ctx context.Context, err error) *Error {
	var op *net.OpError
	var timeout net.Error
	for u := (*url.Error)(nil); errors.As(err, &u); {
		err = u.Err // a URL holds what the client asks
	}
	timedOut := errors.As(err, &timeout) && timeout.Timeout()
	connecting := errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect") ||
		strings.HasSuffix(err.Error(), "TLS handshake timeout") // net/http exports no error for it
	err = unquoted(err)
	switch {
	case ctx.Err() != nil:
		return canceled(errors.Join(err, context.Cause(ctx)))
	case timedOut && connecting:
		return &Error{reasonConnectTimeout, http.StatusGatewayTimeout, 5040, "upstream cannot be connected to in time", err}
	case timedOut:
		return &Error{reasonHeaderTimeout, http.StatusGatewayTimeout, 5041, "upstream did not answer in time", err}
	default:
		return &Error{reasonUnreachable, http.StatusBadGateway, 5021, "upstream cannot be reached", err}
	}
}

// canceled is how a stream ends that was given up.
func canceled(cause error) *Error {
	if errors.Is(cause, errLong) {
		return &Error{reasonLong, http.StatusGatewayTimeout, 5043, "upstream took too long for its answer", nil}
	}
	return &Error{reasonCanceled, http.StatusBadGateway, 5020, "request was given up", cause}
}

// cut is how a stream ends that has no end. The chat goes on without it.
func cut(cause error) *Error {
	return &Error{reasonCut, http.StatusBadGateway, 5023, "upstream ended in the middle of its answer", unquoted(cause)}
}

// unquoted returns an error without what it quotes: net/http quotes what it cannot read,
// which may be a part of an answer.
func unquoted(err error) error {
	if err == nil {
		return nil
	}
	if text, _, quotes := strings.Cut(err.Error(), `"`); quotes {
		return errors.New(strings.TrimRight(text, ": ("))
	}
	return err
}

// The reasons of failures: those of opening a stream, then those in its middle.
const (
	reasonCompressed     = "compressed"
	reasonConnectTimeout = "connect_timeout"
	reasonHeaderTimeout  = "header_timeout"
	reasonUnreachable    = "unreachable"

	reasonCanceled  = "canceled"
	reasonCut       = "cut"
	reasonEventSize = "event_too_large"
	reasonIdle      = "idle_timeout"
	reasonLong      = "too_long"
	reasonTooLarge  = "too_large"
)

// Reasons returns why requests upstream fail, in the words of [Error]'s Reason.
func Reasons() []string {
	return []string{
		reasonCompressed, reasonConnectTimeout, reasonHeaderTimeout, reasonUnreachable, ErrInternal.Reason,
		reasonCanceled, reasonCut, reasonEventSize, reasonIdle, reasonLong, reasonTooLarge,
	}
}

// isRecoverable reports whether it is only the stream that failed.
func (e *Error) isRecoverable() bool {
	return e != nil && (e.Reason == reasonCut || e.Reason == reasonIdle)
}

// readError tells why a stream ended before its end; err is nil if it just did.
func readError(ctx context.Context, err error, maxEventBytes int) *Error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errIdle):
		return &Error{reasonIdle, http.StatusGatewayTimeout, 5042, "upstream fell silent in the middle of its answer", nil}
	case cause != nil:
		return canceled(cause)
	case errors.Is(err, bufio.ErrTooLong):
		msg := fmt.Sprintf("upstream sent an event of more than %d bytes", maxEventBytes)
		return &Error{reasonEventSize, http.StatusBadGateway, 5022, msg, nil}
	default:
		return cut(err)
	}
}
