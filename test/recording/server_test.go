package recording

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/common/config"
	"github.com/cloudwego/hertz/pkg/route"

	"sse-typewriter/handler"
	"sse-typewriter/internal/limits"
	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/streams"
	"sse-typewriter/mock"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// server is an [http.RoundTripper] to our server in front of the stand-in, without a
// network.
type server struct{ engine *route.Engine }

func newServer(seed uint64) *server {
	paces := map[typewriter.Mode]typewriter.Pace{}
	for _, mode := range []typewriter.Mode{typewriter.Typewriter, typewriter.Smooth, typewriter.Raw} {
		pace := typewriter.DefaultPace(mode)
		pace.Seed = seed
		paces[mode] = pace
	}
	h := &handler.Handler{
		Upstream:     upstream.NewClient("http://upstream.invalid", mock.New(seed)),
		Paces:        paces,
		Mode:         typewriter.Typewriter,
		BotID:        "stand-in",
		UserID:       "user",
		Heartbeat:    15 * time.Second,
		Streams:      streams.NewRegistry(streams.Options{MaxBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler)}),
		MaxBodyBytes: 1 << 20,
		MaxStreams:   10,
		Limits:       limits.NewLocal(limits.Bounds{}),
		Metrics:      metrics.New(metrics.Options{}),
		Logger:       slog.New(slog.DiscardHandler),
	}
	engine := route.NewEngine(config.NewOptions(nil))
	h.Register(engine)
	return &server{engine}
}

// RoundTrip implements [http.RoundTripper] for requests without a body.
func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	c := app.NewContext(0)
	c.Request.SetMethod(req.Method)
	c.Request.SetRequestURI(req.URL.String())
	for name := range req.Header {
		c.Request.Header.Set(name, req.Header.Get(name))
	}
	r, w := io.Pipe()
	out := &response{pipe: w, opened: make(chan struct{})}
	c.Response.HijackWriter(out)
	go func() { // ends with the response, which the client reads completely
		s.engine.ServeHTTP(req.Context(), c)
		_ = w.Close() // never fails
	}()
	<-out.opened
	header := http.Header{}
	c.Response.Header.VisitAll(func(key, value []byte) { header.Set(string(key), string(value)) })
	return &http.Response{StatusCode: c.Response.StatusCode(), Header: header, Body: r, Request: req}, nil
}

// response is a network.ExtWriter that passes flushed data to a pipe.
type response struct {
	pipe   *io.PipeWriter
	buf    bytes.Buffer
	opened chan struct{} // closed by the first flush
	begun  bool
}

func (r *response) Write(p []byte) (int, error) { return r.buf.Write(p) }

func (r *response) Flush() error {
	if !r.begun {
		r.begun = true
		close(r.opened)
	}
	_, err := r.buf.WriteTo(r.pipe)
	return err
}

func (r *response) Finalize() error { return nil }
