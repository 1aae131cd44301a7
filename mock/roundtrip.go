package mock

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// mountPath is the usual prefix of the stand-in on a server. RoundTrip ignores the prefix.
const mountPath = "/upstream"

// RoundTrip implements [http.RoundTripper] without a network and without goroutines, for
// synctest bubbles. The host and the prefix /upstream are ignored.
//
// Reads of the body wait until the bytes are due. A broken connection is
// io.ErrUnexpectedEOF. The end of the request's context, or Close, ends a read.
func (s *StandIn) RoundTrip(req *http.Request) (*http.Response, error) {
	p := req.URL.Path
	if rest, ok := strings.CutPrefix(p, mountPath); ok && (rest == "" || rest[0] == '/') {
		p = rest
	}
	request := Request{Method: req.Method, Path: p, RawQuery: req.URL.RawQuery, Header: req.Header}
	if req.Body != nil {
		defer func() { _ = req.Body.Close() }()
		if err := s.readBody(&request, req.Body); err != nil {
			return nil, err
		}
	}
	ctx := req.Context()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	begun := time.Now()
	reply := s.Answer(request)
	res := &http.Response{
		Status:        fmt.Sprintf("%d %s", reply.Status, http.StatusText(reply.Status)),
		StatusCode:    reply.Status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        reply.Header,
		ContentLength: -1,
		Body:          &body{ctx: ctx, closed: make(chan struct{}), due: begun, steps: reply.Steps, ending: reply.Ending},
		Request:       req,
	}
	if !reply.Chunked {
		res.ContentLength = int64(len(reply.Body()))
	}
	return res, nil
}

// body is the body of a reply. Overdue bytes are read at once, as from a network buffer.
type body struct {
	ctx    context.Context // of the request, which also bounds the body
	once   sync.Once
	closed chan struct{}

	due    time.Time // of the current step
	steps  []Step    // after the current one
	rest   []byte    // of the current step
	ending Ending
}

// Read returns bytes of at most one step.
func (b *body) Read(p []byte) (int, error) {
	if err := b.err(); err != nil || len(p) == 0 {
		return 0, err
	}
	for len(b.rest) == 0 {
		if len(b.steps) == 0 {
			return 0, b.end()
		}
		due := b.due.Add(b.steps[0].After)
		if err := waitUntil(b.ctx, b.closed, due); err != nil {
			return 0, err
		}
		if err := b.err(); err != nil {
			return 0, err
		}
		b.due, b.rest, b.steps = due, b.steps[0].Bytes, b.steps[1:]
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// err returns the reason why the body cannot be read any more.
func (b *body) err() error {
	select {
	case <-b.closed:
		return http.ErrBodyReadAfterClose
	default:
		return context.Cause(b.ctx)
	}
}

// end returns the error of a read after the last step.
func (b *body) end() error {
	switch b.ending {
	case EndCut:
		return io.ErrUnexpectedEOF
	case EndHang:
		if err := waitDisconnect(b.ctx, b.closed); err != nil {
			return err
		}
		return http.ErrBodyReadAfterClose
	default:
		return io.EOF
	}
}

// Close ends the body. It may be called during a read.
func (b *body) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}
