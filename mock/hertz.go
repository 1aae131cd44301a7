package mock

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"sse-typewriter/internal/jsonx"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/common/errors"
	"github.com/cloudwego/hertz/pkg/network"
	"github.com/cloudwego/hertz/pkg/protocol/http1/resp"
	"github.com/cloudwego/hertz/pkg/route"
)

// Register mounts the stand-in on a Hertz server or a group of its routes, below
// prefix ("/upstream", with no slash at the end).
//
// A stream stops when the context of its handler ends: without Watch the server must
// run with server.WithSenseClientDisconnection, or a scenario that hangs never ends.
func (s *StandIn) Register(r route.IRoutes, prefix string) {
	r.GET(prefix, s.serve)
	r.Any(prefix+"/*path", s.serve)
}

// serve plays the answer to a request of a Hertz server.
func (s *StandIn) serve(ctx context.Context, c *app.RequestContext) {
	request, err := requestOf(c)
	if err != nil {
		c.SetConnectionClose() // the rest of the body is not read
		c.Data(http.StatusBadRequest, typeJSON, jsonx.Marshal(envelope{Code: codeBadRequest, Msg: err.Error()}))
		return
	}
	if s.Watch != nil {
		defer s.Watch(c)()
	}
	begun := time.Now()
	reply := s.Answer(request)
	c.SetStatusCode(reply.Status)
	for name, values := range reply.Header {
		for _, value := range values {
			c.Response.Header.Set(name, value)
		}
	}
	if !reply.isStream() {
		c.Response.SetBodyRaw(reply.body())
		return
	}
	w := &streamWriter{ExtWriter: resp.NewChunkedBodyWriter(&c.Response, c.GetWriter())}
	c.Response.HijackWriter(w)
	w.broken = !w.play(ctx, begun, reply)
}

// requestOf copies a request out of Hertz, which uses its memory again.
func requestOf(c *app.RequestContext) (Request, error) {
	r := Request{
		Method:   string(c.Method()),
		Path:     c.Param("path"),
		RawQuery: string(c.URI().QueryString()),
		Header:   make(http.Header),
	}
	c.Request.Header.VisitAll(func(name, value []byte) { r.Header.Add(string(name), string(value)) })
	var body io.Reader
	if c.Request.IsBodyStream() {
		body = c.RequestBodyStream()
	} else {
		body = bytes.NewReader(c.Request.Body())
	}
	return r, r.receive(body)
}

// streamWriter is Hertz's writer of a chunked body that can be broken off.
type streamWriter struct {
	network.ExtWriter
	broken bool
}

// play sends the steps, each as one chunk when it is due, and reports whether
// the response is to end in good form.
func (w *streamWriter) play(ctx context.Context, due time.Time, reply Reply) bool {
	if !w.send(nil) { // the headers
		return false
	}
	for _, step := range reply.Steps {
		due = due.Add(step.After)
		if waitUntil(ctx, nil, due) != nil || !w.send(step.Bytes) {
			return false
		}
	}
	if reply.Ending == EndHang {
		_ = waitDisconnect(ctx, nil)
	}
	return reply.Ending == EndWell
}

// send writes one chunk and reports whether that went well.
func (w *streamWriter) send(chunk []byte) bool {
	if _, err := w.Write(chunk); err != nil {
		return false
	}
	return w.Flush() == nil
}

// Finalize is called by Hertz after the handler. For a broken stream it writes no
// final chunk and returns the one error on which Hertz closes the connection
// without a line in its log.
func (w *streamWriter) Finalize() error {
	if w.broken {
		return errors.ErrShortConnection
	}
	return w.ExtWriter.Finalize()
}
