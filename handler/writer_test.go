package handler

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/cloudwego/hertz/pkg/network"
	"github.com/cloudwego/hertz/pkg/protocol"
	"github.com/cloudwego/hertz/pkg/protocol/http1/resp"
	"github.com/hertz-contrib/sse"

	"sse-typewriter/metrics"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// sink is a connection that keeps what was written last.
type sink struct {
	network.Conn
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
	w := &eventWriter{idPrefix: idPrefix, seen: newTestSight(), body: &body{
		w: resp.NewChunkedBodyWriter(&protocol.Response{}, &connWriter{conn: conn}),
	}}
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	return w, conn
}

// newTestSight returns what a writer tells of the events that it sends.
func newTestSight() *sight {
	counts := metrics.New(metrics.Options{EventTypes: upstream.EventTypes()})
	return &sight{metrics: counts.View("GET /", "typewriter", func() int { return 0 }), log: typewriter.NewLog(0)}
}

// unit is an event of text as it leaves.
var unit = typewriter.Output{
	Name:     "conversation.message.delta",
	Data:     []byte(`{"id":"7371089265172791332","role":"assistant","type":"answer","content":"好","x":"` + strings.Repeat("x", 180) + `"}`),
	Next:     typewriter.Position{Entry: 123, Offset: 6},
	Clusters: 1,
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
		{"unnamed", "", 0, typewriter.Output{Data: []byte("[DONE]")}},
		{"no data", "", 0, typewriter.Output{Name: "done"}},
		{"several lines", "stream:", retry, typewriter.Output{Name: "note", Data: []byte("one\ntwo\n\nfour"), Next: unit.Next}},
		{"a carriage return", "", 0, typewriter.Output{Name: "note", Data: []byte("one\rtwo")}},
		{"larger than the buffer", "stream:", 0, typewriter.Output{Data: bytes.Repeat([]byte("x"), maxBuffer/2+1)}},
		{"lines larger than the buffer", "", 0, typewriter.Output{Data: bytes.Repeat([]byte("x\n"), maxBuffer/2)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := sse.Event{Event: test.out.Name, Retry: test.retry, Data: test.out.Data}
			if test.idPrefix != "" {
				e.ID = test.idPrefix + test.out.Next.String()
			}
			var want bytes.Buffer
			if err := sse.Encode(&want, &e); err != nil {
				t.Fatal(err)
			}
			flushed := &flushes{start: time.Now()}
			w := &eventWriter{idPrefix: test.idPrefix, retry: test.retry, seen: newTestSight(), body: &body{w: flushed}}
			if err := w.Write(test.out); err != nil {
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

// An event on its way out costs no memory, and is one chunk in one write.
func TestWriteAllocations(t *testing.T) {
	for _, idPrefix := range []string{"", "stream:"} {
		w, conn := newSinkWriter(t, idPrefix)
		send := func() {
			if err := w.Write(unit); err != nil {
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
		if !bytes.HasSuffix(conn.last, []byte("\"}\n\n\r\n")) || bytes.Count(conn.last, []byte("\r\n")) != 2 {
			t.Errorf("the chunk is %q", conn.last)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, bench := range []struct{ name, idPrefix string }{{"plain", ""}, {"with ids", "abcdefghijklmnopqrstuvwxyz:"}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			w, _ := newSinkWriter(b, bench.idPrefix)
			for b.Loop() {
				if err := w.Write(unit); err != nil {
					b.Fatal(err)
				}
				if err := w.Flush(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What is large passes a connWriter without a copy, in its order.
func TestConnWriterLarge(t *testing.T) {
	var sent []byte
	conn := &sinkFunc{write: func(p []byte) { sent = append(sent, p...) }}
	w := &connWriter{conn: conn}
	large := bytes.Repeat([]byte("x"), 8<<10)
	for _, p := range [][]byte{[]byte("before"), large, []byte("after")} {
		if n, err := w.WriteBinary(p); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := "before" + string(large) + "after"; string(sent) != want {
		t.Errorf("sent %d bytes, want %d in order", len(sent), len(want))
	}
	if cap(w.buf) >= len(large) {
		t.Errorf("the writer keeps %d bytes", cap(w.buf))
	}
}

type sinkFunc struct {
	network.Conn
	write func(p []byte)
}

func (s *sinkFunc) Write(p []byte) (int, error) {
	s.write(p)
	return len(p), nil
}
