package handler

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http/httputil"
	"strings"
	"testing"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/hertz-contrib/sse"

	"sse-typewriter/internal/hertzio"
	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/streams"
	"sse-typewriter/typewriter"
)

// sink is a client's connection. A sink keeps the last write, and appends all writes to all
// unless all is nil.
type sink struct {
	net.Conn
	request *strings.Reader
	last    []byte
	all     *bytes.Buffer
	writes  int
}

func newSink(all *bytes.Buffer) *sink {
	return &sink{request: strings.NewReader("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"), all: all}
}

func (s *sink) Read(p []byte) (int, error) { return s.request.Read(p) }

func (s *sink) Write(p []byte) (int, error) {
	s.last = append(s.last[:0], p...)
	s.writes++
	if s.all != nil {
		s.all.Write(p)
	}
	return len(p), nil
}

func (s *sink) Close() error                     { return nil }
func (s *sink) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *sink) SetDeadline(time.Time) error      { return nil }
func (s *sink) SetReadDeadline(time.Time) error  { return nil }
func (s *sink) SetWriteDeadline(time.Time) error { return nil }

// Accept and Addr make a sink a listener, of itself.
func (s *sink) Accept() (net.Conn, error) { return s, nil }
func (s *sink) Addr() net.Addr            { return &net.TCPAddr{} }

// writeTo serves a request on a connection, with a writer of events whose header is sent.
func writeTo(t testing.TB, conn *sink, idPrefix string, retry uint64, write func(*eventWriter)) {
	t.Helper()
	listener := &hertzio.Listener{Listener: &once{Listener: conn, closed: make(chan struct{})}, Max: 1, WriteTimeout: time.Minute}
	server := hertzio.NewServer(listener, time.Minute, time.Minute)
	done := make(chan struct{})
	server.Use(hertzio.Track)
	server.POST("/", func(_ context.Context, c *app.RequestContext) {
		defer close(done)
		w := newEventWriter(c, &streams.Stream{}, view{format: testFormats.Default()}, newTestObserver())
		w.idPrefix, w.retry = idPrefix, retry
		if err := w.open(); err != nil {
			t.Error(err)
		}
		write(w)
		if err := w.out.Finalize(); err != nil {
			t.Error(err)
		}
		w.out.Abort(io.EOF) // Hertz finalizes no more
	})
	go func() { _ = server.Run() }() // ends when the listener is closed
	<-done
	_ = listener.Close()
}

// once accepts a single connection.
type once struct {
	net.Listener
	accepted bool
	closed   chan struct{}
}

func (o *once) Accept() (net.Conn, error) {
	if !o.accepted {
		o.accepted = true
		return o.Listener.Accept()
	}
	<-o.closed
	return nil, net.ErrClosed
}

func (o *once) Close() error {
	close(o.closed)
	return nil
}

// newTestObserver returns an observer without a log line.
func newTestObserver() *viewObserver {
	counts := metrics.New(metrics.Options{EventTypes: testFormats.EventNames()})
	return &viewObserver{metrics: counts.View(metrics.ViewLabels{Upstream: "/", Route: "GET /", Mode: "typewriter"}, func() int { return 0 }), log: typewriter.NewLog(typewriter.LogOptions{})}
}

// bodyOf returns the body of a response in chunks.
func bodyOf(t testing.TB, response *bytes.Buffer) string {
	t.Helper()
	_, chunks, _ := bytes.Cut(response.Bytes(), []byte("\r\n\r\n"))
	body, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(chunks)))
	if err != nil {
		t.Errorf("the body is not whole: %v", err)
	}
	return string(body)
}

// fullBuffer is the size beyond which events are sent before a flush.
const fullBuffer = 16 << 10

// unit is an output event with text.
var unit = typewriter.Output{
	Frame: &typewriter.Frame{
		Name: "conversation.message.delta",
		Head: `{"id":"7371089265172791332","role":"assistant","type":"answer","content":"`,
		Tail: `","x":"` + strings.Repeat("x", 180) + `"}`,
	},
	Text:     []byte("好"),
	Next:     typewriter.Position{Entry: 123, Offset: 6},
	Clusters: 1,
}

// whole returns an output event without text.
func whole(name, data string) typewriter.Output {
	return typewriter.Output{Frame: &typewriter.Frame{Name: name, Head: data}, Next: unit.Next}
}

// Events are encoded byte for byte as by contrib/sse.
func TestEventBytes(t *testing.T) {
	for _, test := range []struct {
		name     string
		idPrefix string
		retry    uint64
		out      typewriter.Output
	}{
		{"text", "", 0, unit},
		{"with an id", "stream:", 0, unit},
		{"with an id and retry", "stream:", retryMillis, unit},
		{"unnamed", "", 0, whole("", "[DONE]")},
		{"no data", "", 0, whole("done", "")},
		{"several lines", "stream:", retryMillis, whole("note", "one\ntwo\n\nfour")},
		{"larger than the buffer", "stream:", 0, whole("", strings.Repeat("x", fullBuffer+1))},
		{"lines larger than the buffer", "", 0, whole("", strings.Repeat("x\n", fullBuffer))},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := sse.Event{Event: test.out.Frame.Name, Retry: test.retry, Data: test.out.AppendData(nil)}
			if test.idPrefix != "" {
				e.ID = test.idPrefix + test.out.Next.String()
			}
			var want bytes.Buffer
			if err := sse.Encode(&want, &e); err != nil {
				t.Fatal(err)
			}
			var response bytes.Buffer
			conn := newSink(&response)
			writeTo(t, conn, test.idPrefix, test.retry, func(w *eventWriter) {
				opened := conn.writes
				if err := w.Write(&test.out); err != nil {
					t.Fatal(err)
				}
				if isSent := conn.writes > opened; isSent != (want.Len() > fullBuffer) {
					t.Errorf("sent before it was flushed: %v, of %d bytes", isSent, want.Len())
				}
				if w.retry != 0 {
					t.Error("retry is sent again with the next event")
				}
			})
			if got := bodyOf(t, &response); got != want.String() {
				t.Errorf("got %q\nwant %q", got, want.String())
			}
		})
	}
}

// A parser reads the event's name and data unchanged, unlike after [sse.Encode].
func TestEventSpaces(t *testing.T) {
	for _, test := range []struct {
		name string
		out  typewriter.Output
		want string
	}{
		{"data", whole("", "  a "), "data:   a \n\n"},
		{"one space", whole("", " "), "data:  \n\n"},
		{"JSON", whole("a", ` {"b": 1}`), "event:a\ndata:  {\"b\": 1}\n\n"},
		{"name", whole(" a", "b"), "event:  a\ndata:b\n\n"},
		{"lines", whole("", "a\n  b\n\n c"), "data:a\ndata:   b\ndata:\ndata:  c\n\n"},
		{"lines that end in CR", whole("", "a\r b"), "data:a\ndata:  b\n\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var response bytes.Buffer
			writeTo(t, newSink(&response), "", 0, func(w *eventWriter) {
				if err := w.Write(&test.out); err != nil {
					t.Error(err)
				}
			})
			if got := bodyOf(t, &response); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// Events of the same flush keep their order, also next to events of several lines and
// beyond the buffer, and only the first has a retry field.
func TestEventsTogether(t *testing.T) {
	lines := whole("note", "one\ntwo")
	long := whole("", strings.Repeat("x", fullBuffer+1))
	for _, events := range [][]typewriter.Output{
		{unit, lines, unit, lines, lines, unit},
		{lines, unit},
		{unit, long, lines, unit, long, unit},
		{unit, whole("", strings.Repeat("x\n", 2*fullBuffer)), unit},
	} {
		var want bytes.Buffer
		var response bytes.Buffer
		writeTo(t, newSink(&response), "stream:", retryMillis, func(w *eventWriter) {
			for i := range events {
				o := &events[i]
				e := sse.Event{ID: "stream:" + o.Next.String(), Event: o.Frame.Name, Data: o.AppendData(nil)}
				if i == 0 {
					e.Retry = retryMillis
				}
				if err := sse.Encode(&want, &e); err != nil {
					t.Fatal(err)
				}
				if err := w.Write(o); err != nil {
					t.Fatal(err)
				}
			}
		})
		if got := bodyOf(t, &response); got != want.String() {
			t.Errorf("got %d bytes, want %d", len(got), want.Len())
		}
	}
}

// Writing an event does not allocate, and results in a single chunk and a single write.
func TestWriteAllocations(t *testing.T) {
	for _, idPrefix := range []string{"", "stream:"} {
		conn := newSink(nil)
		writeTo(t, conn, idPrefix, 0, func(w *eventWriter) {
			send := func() {
				if err := w.Write(&unit); err != nil {
					t.Fatal(err)
				}
				if err := w.Flush(); err != nil {
					t.Fatal(err)
				}
			}
			send()
			before := conn.writes
			const runs = 100
			if n := testing.AllocsPerRun(runs, send); n != 0 {
				t.Errorf("an event with the id %q allocates %v times", idPrefix, n)
			}
			if got := conn.writes - before; got != runs+1 { // one to warm up
				t.Errorf("%d events took %d writes", runs+1, got)
			}
			chunk, err := io.ReadAll(httputil.NewChunkedReader(io.MultiReader(bytes.NewReader(conn.last), strings.NewReader("0\r\n\r\n"))))
			if err != nil || !bytes.HasSuffix(chunk, []byte("\"}\n\n")) || bytes.Contains(chunk, []byte("\r\n")) {
				t.Errorf("the chunk is %q: %v", conn.last, err)
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, bench := range []struct{ name, idPrefix string }{{"plain", ""}, {"with ids", "abcdefghijklmnopqrstuvwxyz:"}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			writeTo(b, newSink(nil), bench.idPrefix, 0, func(w *eventWriter) {
				for b.Loop() {
					if err := w.Write(&unit); err != nil {
						b.Fatal(err)
					}
					if err := w.Flush(); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
