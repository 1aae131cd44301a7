package handler

import (
	"bytes"
	"io"
	"net/http/httputil"
	"strings"
	"testing"
	"time"

	"github.com/hertz-contrib/sse"

	"sse-typewriter/internal/metrics"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// sink is a connection that keeps what was written last.
type sink struct {
	last   []byte
	writes int
}

func (s *sink) Write(p []byte) (int, error) {
	s.last = append(s.last[:0], p...)
	s.writes++
	return len(p), nil
}

// newSinkWriter returns a writer in chunks to a sink. Its header has left.
func newSinkWriter(t testing.TB, idPrefix string) (*eventWriter, *sink) {
	t.Helper()
	conn := &sink{}
	w := &eventWriter{idPrefix: idPrefix, seen: newTestSight(), body: &body{w: &connWriter{conn: conn}}}
	w.body.setChunked()
	return w, conn
}

// newTestSight returns what a writer tells of the events that it sends.
func newTestSight() *sight {
	counts := metrics.New(metrics.Options{EventTypes: upstream.EventTypes()})
	return &sight{metrics: counts.View("GET /", "typewriter", func() int { return 0 }), log: typewriter.NewLog(typewriter.LogOptions{})}
}

// unit is an event of text as it leaves.
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

// whole is an event that is not text.
func whole(name, data string) typewriter.Output {
	return typewriter.Output{Frame: &typewriter.Frame{Name: name, Head: data}, Next: unit.Next}
}

// An event has the bytes that contrib/sse gives it.
func TestEventBytes(t *testing.T) {
	for _, test := range []struct {
		name     string
		idPrefix string
		retry    uint64
		out      typewriter.Output
	}{
		{"text", "", 0, unit},
		{"with an id", "stream:", 0, unit},
		{"with an id and retry", "stream:", retry, unit},
		{"unnamed", "", 0, whole("", "[DONE]")},
		{"no data", "", 0, whole("done", "")},
		{"several lines", "stream:", retry, whole("note", "one\ntwo\n\nfour")},
		{"a carriage return", "", 0, whole("note", "one\rtwo")},
		{"larger than the buffer", "stream:", 0, whole("", strings.Repeat("x", maxBuffer/2+1))},
		{"lines larger than the buffer", "", 0, whole("", strings.Repeat("x\n", maxBuffer/2))},
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
			flushed := &flushes{start: time.Now()}
			w := &eventWriter{idPrefix: test.idPrefix, retry: test.retry, seen: newTestSight(), body: &body{w: flushed}}
			if err := w.Write(&test.out); err != nil {
				t.Fatal(err)
			}
			if large := len(w.body.buf) == 0; large != (want.Len() > maxBuffer/2) {
				t.Errorf("sent before it was flushed: %v, of %d bytes", large, want.Len())
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			if got := (answer{chunks: flushed.chunks}).text(); got != want.String() {
				t.Errorf("got %q\nwant %q", got, want.String())
			}
			if w.retry != 0 {
				t.Error("retry is told again with the next event")
			}
		})
	}
}

// Events that leave together keep their order, also beside one of several lines and
// beyond the buffer, and the first alone tells retry.
func TestEventsTogether(t *testing.T) {
	lines := whole("note", "one\ntwo")
	long := whole("", strings.Repeat("x", maxBuffer/2+1))
	for _, events := range [][]typewriter.Output{
		{unit, lines, unit, lines, lines, unit},
		{lines, unit},
		{unit, long, lines, unit, long, unit},
		{unit, whole("", strings.Repeat("x\r", maxBuffer)), unit},
	} {
		var want bytes.Buffer
		conn := &bytes.Buffer{}
		w := &eventWriter{idPrefix: "stream:", retry: retry, seen: newTestSight(), body: &body{w: &connWriter{conn: conn, end: lastChunk}}}
		w.body.setChunked()
		for i := range events {
			o := &events[i]
			e := sse.Event{ID: "stream:" + o.Next.String(), Event: o.Frame.Name, Data: o.AppendData(nil)}
			if i == 0 {
				e.Retry = retry
			}
			if err := sse.Encode(&want, &e); err != nil {
				t.Fatal(err)
			}
			if err := w.Write(o); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.body.Finalize(); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(httputil.NewChunkedReader(conn))
		if err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Errorf("got %d bytes, %v, want %d", len(got), err, want.Len())
		}
		if cap(w.body.buf) > 2*maxBuffer {
			t.Errorf("a buffer of %d is kept", cap(w.body.buf))
		}
	}
}

// An event on its way out costs no memory, and is one chunk in one write.
func TestWriteAllocations(t *testing.T) {
	for _, idPrefix := range []string{"", "stream:"} {
		w, conn := newSinkWriter(t, idPrefix)
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
		chunk, err := io.ReadAll(httputil.NewChunkedReader(io.MultiReader(bytes.NewReader(conn.last), strings.NewReader(lastChunk))))
		if err != nil || !bytes.HasSuffix(chunk, []byte("\"}\n\n")) || bytes.Contains(chunk, []byte("\r\n")) {
			t.Errorf("the chunk is %q: %v", conn.last, err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, bench := range []struct{ name, idPrefix string }{{"plain", ""}, {"with ids", "abcdefghijklmnopqrstuvwxyz:"}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			w, _ := newSinkWriter(b, bench.idPrefix)
			for b.Loop() {
				if err := w.Write(&unit); err != nil {
					b.Fatal(err)
				}
				if err := w.Flush(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Chunks of all sizes hold what was written, and a buffer that has become large is let
// go of.
func TestChunks(t *testing.T) {
	for _, size := range []int{1, 15, 16, 255, 4096, maxBuffer, maxBuffer + 1, 1 << 20} {
		want := bytes.Repeat([]byte("x"), size)
		sent := &bytes.Buffer{}
		b := &body{w: &connWriter{conn: sent, end: lastChunk}}
		b.setChunked()
		for range 2 {
			if _, err := b.Write(want); err != nil || b.Flush() != nil {
				t.Fatal(err, b.err)
			}
		}
		if err := b.Finalize(); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(httputil.NewChunkedReader(sent))
		if err != nil || !bytes.Equal(got, append(want, want...)) {
			t.Errorf("%d bytes: got %d, %v", size, len(got), err)
		}
		if large := cap(b.buf) > 2*maxBuffer; large {
			t.Errorf("%d bytes: a buffer of %d is kept", size, cap(b.buf))
		}
	}
}
