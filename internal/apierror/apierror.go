// Package apierror defines all errors of the server for clients: a single table contains
// the reason, status, code and message of each. The package knows neither HTTP servers nor
// the network.
package apierror

import (
	"fmt"
	"net/http"
	"time"
)

// Error is an error for clients, before or within a stream.
type Error struct {
	// Reason names the kind of error in metrics and logs.
	Reason string

	// Status is the HTTP status of an error before the stream.
	Status int

	// Code is the number of the error in formats that have one: the status and another
	// digit, unless clients of these formats know another code for the error.
	Code int

	// Msg describes the error to the client, without addresses and without parts of other
	// requests.
	Msg string

	// Err is the cause, or nil. Without parts of a request or an answer, the cause may be
	// logged.
	Err error

	// RetryAfter is the delay before a retry; 0: the response has no Retry-After.
	RetryAfter time.Duration
}

// Error implements the error interface.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Msg
	}
	return fmt.Sprintf("%s: %v", e.Msg, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// IsTransient reports whether the same request may succeed soon.
func (e *Error) IsTransient() bool {
	switch e.Reason {
	case Compressed.Reason, EventTooLarge.Reason, TooLarge.Reason, MaxTime.Reason:
		return false
	}
	return e.Status >= http.StatusInternalServerError || e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout
}

// WithMsg returns a copy of e with another message.
func (e *Error) WithMsg(msg string) *Error {
	changed := *e
	changed.Msg = msg
	return &changed
}

// WithCause returns a copy of e with a cause.
func (e *Error) WithCause(err error) *Error {
	changed := *e
	changed.Err = err
	return &changed
}

// WithRetryAfter returns a copy of e with another delay before a retry.
func (e *Error) WithRetryAfter(wait time.Duration) *Error {
	changed := *e
	changed.RetryAfter = wait
	return &changed
}
