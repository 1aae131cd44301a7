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

// mountPath is where a server mounts the stand-in, usually. RoundTrip takes it
// off, so that one base URL does for both.
const mountPath = "/upstream"

// RoundTrip makes the stand-in an http.RoundTripper: it answers the request
// without a network and starts no goroutine, so that it works in a synctest
// bubble. The host does not matter; a path below /upstream is taken without it.
//
// Reads of the body wait until the bytes are due. A connection that the stand-in
// breaks is io.ErrUnexpectedEOF. The end of the request's context ends a read,
// and so does Close.
func (s *StandIn) RoundTrip(req *http.Request) (*http.Response, error) {
	p := req.URL.Path
	if rest, ok := strings.CutPrefix(p, mountPath); ok && (rest == "" || rest[0] == '/') {
		p = rest
	}
	request := Request{Method: req.Method, Path: p, RawQuery: req.URL.RawQuery, Header: req.Header}
	if req.Body != nil {
		defer func() { _ = req.Body.Close() }()
		if err := request.receive(req.Body); err != nil {
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
	if !reply.isStream() {
		res.ContentLength = int64(len(reply.body()))
	}
	return res, nil
}

// body plays the steps of a reply as they are read. Bytes that were due before
// are there at once, as if they had waited in the network.
type body struct {
	ctx    context.Context // the request's, which rules its body too
	once   sync.Once
	closed chan struct{}

	due    time.Time // of the last step begun
	steps  []Step    // not begun
	rest   []byte    // of the step begun
	ending Ending
}

// Read returns bytes of one step at most.
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

// err tells why nothing can be read any more.
func (b *body) err() error {
	select {
	case <-b.closed:
		return http.ErrBodyReadAfterClose
	default:
		return context.Cause(b.ctx)
	}
}

// end is what a read gives after the last step.
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

// Close ends a read that waits. It may be called while one does.
func (b *body) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}
