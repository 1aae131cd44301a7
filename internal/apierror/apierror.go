// Package apierror defines every error that this server reports to its clients: the
// reason, the status, the code and the message of each stand in one table. The package
// knows neither HTTP servers nor the network.
package apierror

import (
	"fmt"
	"time"

	"sse-typewriter/internal/jsonx"
)

// Error is an error as a client sees it, before a stream or within one.
type Error struct {
	// Reason names the kind of error in metrics and logs.
	Reason string

	// Status is the HTTP status of a response that consists of the error.
	Status int

	// Code is the number in the error's JSON: the status and one digit, or Coze's own
	// code where Coze has one.
	Code int

	// Msg describes the error to the client. It contains no address and nothing of
	// another request.
	Msg string

	// Err is the cause; it may be nil. It contains nothing of a request or an answer,
	// and may be logged.
	Err error

	// RetryAfter is when a client may try again; 0: the client is not told to.
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

// WithRetryAfter returns a copy of e for a client that may try again after a while.
func (e *Error) WithRetryAfter(wait time.Duration) *Error {
	changed := *e
	changed.RetryAfter = wait
	return &changed
}

// Body encodes an error in the format of one API. requestID is for the client to quote
// to support.
type Body func(e *Error, requestID string) []byte

// CozeBody is the [Body] of Coze's API. It has no final newline: @coze/api takes a body
// with one for an empty stream.
func CozeBody(e *Error, requestID string) []byte {
	type detail struct {
		LogID string `json:"logid"`
	}
	return jsonx.Marshal(struct {
		Code   int    `json:"code"`
		Msg    string `json:"msg"`
		Detail detail `json:"detail"`
	}{e.Code, e.Msg, detail{requestID}})
}
