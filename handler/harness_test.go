package handler

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/common/config"
	"github.com/cloudwego/hertz/pkg/network"
	"github.com/cloudwego/hertz/pkg/route"

	"sse-typewriter/internal/limits"
	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/summary"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// transportFunc is a transport made of a function.
type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// newTestHandler returns a handler whose upstream is a transport, and an engine
// that serves it. Pauses have one length each: 100 ms, 200 after a clause, 400
// after a sentence.
func newTestHandler(t *testing.T, transport http.RoundTripper) (*Handler, *route.Engine) {
	t.Helper()
	classes := typewriter.DefaultClasses()
	for name, length := range map[string]time.Duration{"sentence": 400, "clause": 200, "markup": 300, typewriter.Other: 100} {
		class := classes[name]
		class.Min, class.Max = length*time.Millisecond, length*time.Millisecond
		classes[name] = class
	}
	pauses, err := typewriter.NewPauses(classes)
	if err != nil {
		t.Fatal(err)
	}
	paces := map[typewriter.Mode]typewriter.Pace{}
	for _, mode := range []typewriter.Mode{typewriter.Typewriter, typewriter.Smooth, typewriter.Raw} {
		paces[mode] = typewriter.DefaultPace(mode)
		pace := paces[mode]
		pace.Pauses = pauses
		paces[mode] = pace
	}
	h := &Handler{
		Upstream:       upstream.NewClient("http://upstream.invalid", transport),
		Paces:          paces,
		Mode:           typewriter.Typewriter,
		BotID:          "bot",
		UserID:         "user",
		Heartbeat:      15 * time.Second,
		Streams:        streams.NewRegistry(streamOptions()),
		MaxStreams:     100,
		Limits:         limits.NewLocal(limits.Bounds{}),
		MaxBodyBytes:   1 << 20,
		MaxUploadBytes: 1 << 20,

		SummarizeTimeout:  50 * time.Second,
		MaxSummarizeBytes: 1 << 10,

		Logger: slog.New(slog.DiscardHandler),
	}
	h.Metrics = metrics.New(metrics.Options{
		EventTypes: append(upstream.EventTypes(), summary.NamedEvent), StoreBytes: h.Streams.Bytes, StoreMaxBytes: h.Streams.MaxBytes(),
	})
	options := config.NewOptions([]config.Option{})
	options.HandleMethodNotAllowed = true
	options.DisablePrintRoute = true
	options.RedirectTrailingSlash = false
	engine := route.NewEngine(options)
	h.Register(engine)
	return h, engine
}

// streamOptions are those of the handler that newTestHandler returns.
func streamOptions() streams.Options {
	return streams.Options{
		MaxBytes: 1 << 30, Grace: 30 * time.Second, Retention: 5 * time.Minute,
		Full: upstream.ErrorEvent(upstream.ErrTooLarge), Broken: upstream.ErrorEvent(upstream.ErrInternal),
		Logger: slog.New(slog.DiscardHandler),
	}
}

// answer is what a client got.
type answer struct {
	status int
	header func(string) string
	chunks []chunk // of a stream, one for each flush
	body   string
}

// chunk is what one flush sent.
type chunk struct {
	at   time.Duration
	data string
}

// text joins what a stream sent.
func (a answer) text() string {
	var b strings.Builder
	for _, c := range a.chunks {
		b.WriteString(c.data)
	}
	return b.String()
}

// flushes is a response's writer that notes each flush. It implements
// network.ExtWriter.
type flushes struct {
	start  time.Time
	buf    bytes.Buffer
	chunks []chunk
	opened time.Duration // when the header was sent
	ended  bool
}

func (f *flushes) Write(p []byte) (int, error) { return f.buf.Write(p) }

func (f *flushes) Flush() error {
	at := time.Since(f.start)
	if f.buf.Len() == 0 {
		f.opened = at
		return nil
	}
	f.chunks = append(f.chunks, chunk{at, f.buf.String()})
	f.buf.Reset()
	return nil
}

func (f *flushes) Finalize() error {
	f.ended = true
	return nil
}

// request is a request of a test.
type request struct {
	method, url string
	header      map[string]string
	body        string
}

func post(body string) request { return request{method: "POST", url: "/v3/chat", body: body} }

// question is a chat request with a message.
func question(message string) request {
	return post(`{"bot_id":"b","user_id":"u","stream":true,"additional_messages":[{"role":"user","content":"` +
		message + `","content_type":"text"}]}`)
}

// serve has an engine answer a request.
func serve(ctx context.Context, t *testing.T, engine *route.Engine, r request) (answer, *flushes) {
	t.Helper()
	w := &flushes{start: time.Now()}
	return serveTo(ctx, t, engine, r, w, w), w
}

// serveTo has an engine answer a request to a writer, which notes what it gets.
func serveTo(ctx context.Context, t *testing.T, engine *route.Engine, r request, w network.ExtWriter, noted *flushes) answer {
	t.Helper()
	c := newContext(r, w)
	engine.ServeHTTP(ctx, c)
	return answer{
		status: c.Response.StatusCode(),
		header: func(name string) string { return c.Response.Header.Get(name) },
		chunks: noted.chunks,
		body:   string(c.Response.Body()) + noted.buf.String(),
	}
}

// newContext returns a request that is answered to a writer.
func newContext(r request, w network.ExtWriter) *app.RequestContext {
	c := app.NewContext(0)
	c.Request.SetMethod(r.method)
	c.Request.SetRequestURI(r.url)
	c.Request.Header.Set("Host", "localhost")
	for name, value := range r.header {
		c.Request.Header.Set(name, value)
	}
	if r.body != "" { // as the server has it
		c.Request.SetBodyStream(strings.NewReader(r.body), len(r.body))
		c.Request.Header.SetContentLength(len(r.body))
	}
	c.Response.HijackWriter(w)
	return c
}

// testLogger logs as text.
func testLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
