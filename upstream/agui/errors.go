package agui

import (
	"sse-typewriter/internal/jsonx"
	"sse-typewriter/upstream"
)

// encodeError returns the data of an error event.
func encodeError(err *upstream.Error) string {
	return string(jsonx.Marshal(struct {
		Type    string `json:"type"`
		Message string `json:"message"`
		Code    string `json:"code"`
	}{eventRunError, err.Msg, err.Reason}))
}

// errorBody implements [upstream.Format.ErrorBody].
func errorBody(err *upstream.Error, _ string) []byte { return []byte(err.Msg) }
