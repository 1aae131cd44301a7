package handler

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloudwego/hertz/pkg/protocol"
	"github.com/cloudwego/hertz/pkg/route"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/hertzio"
	"sse-typewriter/internal/limits"
	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/summary"
	"sse-typewriter/internal/testenv"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/coze"
)

// testFormats are the formats of the handlers of these tests.
var testFormats = upstream.Formats{coze.New(coze.Options{BotID: "bot", UserID: "user"}), coze.NewWorkflow()}

// newTestHandler returns a handler in front of a transport, and a server of the handler.
// Pauses have fixed lengths: 100 ms, 200 after a clause, 400 after a sentence.
func newTestHandler(t *testing.T, transport http.RoundTripper, changes ...option) (*Handler, *testServer) {
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
	options := Options{
		Settings: Settings{
			Upstreams: Upstreams{{
				Client:  upstream.NewClient("http://upstream.invalid", transport),
				Formats: testFormats, Paces: paces, Mode: typewriter.Typewriter,
			}},
			MaxStreams: 100,
		},
		Logger:            slog.New(slog.DiscardHandler),
		Heartbeat:         15 * time.Second,
		Limiter:           limits.NewLocal(limits.Bounds{}),
		MaxBodyBytes:      1 << 20,
		MaxUploadBytes:    1 << 20,
		SummarizeTimeout:  50 * time.Second,
		MaxSummarizeBytes: 1 << 10,
	}
	streamOptions := streams.Options{
		MaxBytes: 1 << 30, Grace: 30 * time.Second, Retention: 5 * time.Minute,
	}
	for _, change := range changes {
		change(&options, &streamOptions)
	}
	streamOptions.Logger, streamOptions.Knows, streamOptions.Stopped = options.Logger, options.Upstreams.Knows, options.Upstreams.Stopped
	streamOptions.Full, streamOptions.Broken = options.Upstreams.ErrorEvents(apierror.TooLarge), options.Upstreams.ErrorEvents(apierror.Internal)
	options.Streams = streams.NewRegistry(streamOptions)
	options.Metrics = metrics.New(metrics.Options{
		Upstreams: options.Upstreams.Labels(), EventTypes: append(testFormats.EventNames(), summary.NamedEvent), StoreBytes: options.Streams.Bytes, StoreMaxBytes: options.Streams.MaxBytes(),
	})
	h := New(options)
	return h, newTestServer(t, h, testenv.NewMemListener())
}

// option changes the options of a test's handler.
type option func(*Options, *streams.Options)

// testServer serves a handler in memory with the program's own server.
type testServer struct {
	listener *testenv.MemListener
	engine   *route.Engine
}

// newTestServer serves h on a listener until the test ends.
func newTestServer(t *testing.T, h *Handler, listener *testenv.MemListener) *testServer {
	t.Helper()
	server := hertzio.NewServer(&hertzio.Listener{
		Listener: listener, Max: 1000, WriteTimeout: time.Minute, ErrorReply: ErrorReply(testFormats.Default()), Logger: slog.New(slog.DiscardHandler),
	}, time.Minute, time.Hour)
	h.Register(server.Engine)
	done := make(chan struct{})
	go func() { // ends when the listener is closed
		defer close(done)
		_ = server.Run()
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return &testServer{listener, server.Engine}
}

// Before the first response, Hertz starts a goroutine without end, which must not belong to
// a test.
func init() { protocol.ServerDateOnce.Do(protocol.UpdateServerDate) }

// answer is a response as received by a client.
type answer struct {
	status   int
	fields   http.Header
	opened   time.Duration // when the header arrived
	chunks   []chunk       // of a stream, a chunk per flush
	body     string        // without chunks
	complete bool          // the whole body was received
}

// header returns a field of the header.
func (a answer) header(name string) string { return a.fields.Get(name) }

// chunk is a chunk of a response, with the time since the request.
type chunk struct {
	at   time.Duration
	data string
}

// text returns the body.
func (a answer) text() string {
	var b strings.Builder
	for _, c := range a.chunks {
		b.WriteString(c.data)
	}
	return b.String() + a.body
}

// request is a request of a test.
type request struct {
	method, url string
	header      map[string]string
	body        string

	raw      string       // sent behind the request
	received func(answer) // called after each chunk; may be nil
}

func post(body string) request { return request{method: "POST", url: "/v3/chat", body: body} }

// question is a chat request with a message.
func question(message string) request {
	return post(`{"bot_id":"b","user_id":"u","stream":true,"additional_messages":[{"role":"user","content":"` +
		message + `","content_type":"text"}]}`)
}

// serve sends a request and reads the response, until ctx is done: then the client
// disconnects, and serve waits for the handler.
func (s *testServer) serve(ctx context.Context, t *testing.T, r request) answer {
	t.Helper()
	var a answer
	s.serveTo(ctx, t, r, &a)
	return a
}

// serveTo is serve, and stores the answer received so far in a.
func (s *testServer) serveTo(ctx context.Context, t *testing.T, r request, a *answer) {
	t.Helper()
	start := time.Now()
	conn, err := s.listener.Dial(context.WithoutCancel(ctx))
	if err != nil {
		t.Error(err)
		return
	}
	sent := make(chan struct{})
	go func() { // ends when all is sent, or the connection is closed
		defer close(sent)
		_, _ = conn.Write(r.bytes())
	}()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer func() {
		_ = conn.Close()
		<-sent
		<-conn.ServerClosed
	}()
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, &http.Request{Method: r.method}) //nolint:bodyclose // the connection is closed
	if err != nil {
		return
	}
	if response.Close {
		response.Header.Set("Connection", "close")
		defer func() { <-conn.ServerClosed }()
	}
	a.status, a.fields, a.opened = response.StatusCode, response.Header, time.Since(start)
	if !slices.Equal(response.TransferEncoding, []string{"chunked"}) || r.method == http.MethodHead {
		body, err := io.ReadAll(response.Body)
		a.body, a.complete = string(body), err == nil
		return
	}
	for {
		data, err := readChunk(in)
		if err != nil || len(data) == 0 {
			a.complete = err == nil
			return
		}
		a.chunks = append(a.chunks, chunk{time.Since(start), string(data)})
		if r.received != nil {
			r.received(*a)
		}
	}
}

// readChunk reads a chunk. The last chunk is empty.
func readChunk(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	size, err := strconv.ParseInt(strings.TrimSuffix(line, "\r\n"), 16, 64)
	if err != nil {
		return nil, err
	}
	data := make([]byte, size+2)
	_, err = io.ReadFull(in, data)
	return data[:size], err
}

// bytes returns the encoded request.
func (r request) bytes() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\n", r.method, strings.ReplaceAll(r.url, " ", "%20"))
	for name, value := range r.header {
		fmt.Fprintf(&b, "%s: %s\r\n", name, value)
	}
	if r.body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.body))
	}
	b.WriteString("\r\n" + r.body + r.raw)
	return b.Bytes()
}

// testLogger logs as text.
func testLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
