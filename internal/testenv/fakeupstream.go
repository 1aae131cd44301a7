package testenv

import (
	"context"
	"io"
	"net/http"
)

// RoundTripFunc is an [http.RoundTripper] made of a function.
type RoundTripFunc func(*http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (f RoundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Body is a response body of one part per Read, followed by Err or io.EOF.
type Body struct {
	Parts []string
	Err   error
}

// Read implements [io.Reader].
func (b *Body) Read(p []byte) (int, error) {
	if len(b.Parts) == 0 {
		if b.Err == nil {
			return 0, io.EOF
		}
		return 0, b.Err
	}
	n := copy(p, b.Parts[0])
	if b.Parts[0] = b.Parts[0][n:]; b.Parts[0] == "" {
		b.Parts = b.Parts[1:]
	}
	return n, nil
}

// Close implements [io.Closer].
func (b *Body) Close() error { return nil }

// InPieces returns a body of s in parts of size bytes; 0 leaves s whole.
func InPieces(s string, size int) *Body {
	b := &Body{}
	for size > 0 && len(s) > size {
		b.Parts = append(b.Parts, s[:size])
		s = s[size:]
	}
	if s != "" {
		b.Parts = append(b.Parts, s)
	}
	return b
}

// PipeBody returns a body and a writer to the body. Like the body of a connection, the body
// fails when ctx, the context of the request, is canceled.
func PipeBody(ctx context.Context) (io.ReadCloser, *io.PipeWriter) {
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
	return r, w
}
