package mock

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/common/errors"
	"github.com/cloudwego/hertz/pkg/network"
	"github.com/cloudwego/hertz/pkg/protocol/http1/resp"
	"github.com/cloudwego/hertz/pkg/route"
)

// Register adds the stand-in to a Hertz server or a group of its routes, below prefix
// ("/upstream", without a final slash).
//
// A stream stops when the context of its handler ends. Without Watch the server must have
// the option server.WithSenseClientDisconnection, or a scenario that hangs never ends.
func (s *StandIn) Register(r route.IRoutes, prefix string) {
	r.GET(prefix, s.serve)
	r.Any(prefix+"/*path", s.serve)
}

// serve answers a request of a Hertz server.
func (s *StandIn) serve(ctx context.Context, c *app.RequestContext) {
	request, err := s.request(c)
	if err != nil {
		c.SetConnectionClose() // the rest of the body is not read
		send(c, s.dialect(cleanPath(request.Path)).RefuseBody(err))
		return
	}
	if s.Watch != nil {
		defer s.Watch(c)()
	}
	begun := time.Now()
	reply := s.Answer(request)
	if !reply.Chunked {
		send(c, reply)
		return
	}
	sendHeader(c, reply)
	w := &streamWriter{ExtWriter: resp.NewChunkedBodyWriter(&c.Response, c.GetWriter())}
	c.Response.HijackWriter(w)
	w.broken = !w.play(ctx, begun, reply)
}

// send sends a reply that is not chunked.
func send(c *app.RequestContext, reply Reply) {
	sendHeader(c, reply)
	c.Response.SetBodyRaw(reply.Body())
}

func sendHeader(c *app.RequestContext, reply Reply) {
	c.SetStatusCode(reply.Status)
	for name, values := range reply.Header {
		for _, value := range values {
			c.Response.Header.Set(name, value)
		}
	}
}

// request copies a request of Hertz, which reuses its memory.
func (s *StandIn) request(c *app.RequestContext) (Request, error) {
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
	err := s.readBody(&r, body)
	return r, err
}

// streamWriter writes a chunked body that can be broken off.
type streamWriter struct {
	network.ExtWriter
	broken bool
}

// play sends each step as a chunk when it is due. It reports whether the response ends
// properly.
func (w *streamWriter) play(ctx context.Context, due time.Time, reply Reply) bool {
	if !w.send(nil) { // sends the header
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

// send writes one chunk, and reports whether it succeeded.
func (w *streamWriter) send(chunk []byte) bool {
	if _, err := w.Write(chunk); err != nil {
		return false
	}
	return w.Flush() == nil
}

// Finalize is called by Hertz after the handler. For a broken stream it writes no final
// chunk and returns the only error at which Hertz closes the connection without logging.
func (w *streamWriter) Finalize() error {
	if w.broken {
		return errors.ErrShortConnection
	}
	return w.ExtWriter.Finalize()
}
