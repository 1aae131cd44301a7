package handler

import (
	"bytes"
	"strconv"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/hertz-contrib/sse"

	"sse-typewriter/streams"
	"sse-typewriter/typewriter"
)

// retry is how long a browser waits before it reconnects, in milliseconds.
const retry = 1000

// eventWriter writes a stream's events to one client. It is a [typewriter.Writer].
type eventWriter struct {
	body *body

	idPrefix string // the stream's id and a colon; empty: without ids
	retry    uint64 // told with the next event; 0: not at all
	seen     *sight
}

// newEventWriter takes over the response.
func newEventWriter(c *app.RequestContext, s *streams.Stream, withIDs bool) *eventWriter {
	w := &eventWriter{body: newBody(c, unknownSize)}
	header := &c.Response.Header
	header.SetContentType(sse.ContentType + "; charset=utf-8")
	header.Set("Cache-Control", "no-cache, no-store, must-revalidate")
	header.Set("Pragma", "no-cache")
	if !c.Response.ConnectionClose() {
		header.Set("Connection", "keep-alive")
	}
	header.Set("X-Accel-Buffering", "no") // nginx must not collect events
	header.Set("Typewriter-Stream", s.ID)
	if s.LogID != "" {
		header.Set(headerLogID, s.LogID)
	}
	if s.Unshared {
		header.Set("Typewriter-Resume", resumeUnavailable)
	}
	if withIDs {
		w.idPrefix = s.ID + ":"
		w.retry = retry
	}
	return w
}

// open sends the response's header.
func (w *eventWriter) open() error { return w.body.open() }

// openAt sends the response's header and the id of the position where the stream
// begins: a browser that is cut off before the first event comes back to this stream
// (HTML, section 9.2.6: an id counts even without data), and not with a new chat.
func (w *eventWriter) openAt(from typewriter.Position) error {
	if err := w.open(); err != nil {
		return err
	}
	_, _ = w.body.WriteString("id:" + w.idPrefix + from.String() + "\n\n") // an error shows below
	return w.body.Flush()
}

// Write implements [typewriter.Writer].
func (w *eventWriter) Write(o typewriter.Output) error {
	w.seen.sent(o)
	event := sse.Event{Event: o.Name, Retry: w.retry, Data: o.Data}
	w.retry = 0
	if bytes.IndexByte(o.Data, '\n') >= 0 || bytes.IndexByte(o.Data, '\r') >= 0 {
		return w.writeLines(event, o.Next)
	}
	buf := w.body.buf
	if w.idPrefix != "" {
		buf = append(append(buf, "id:"...), w.idPrefix...)
		buf = append(o.Next.Append(buf), '\n')
	}
	w.body.buf = appendEvent(buf, event)
	return w.sendIfFull()
}

// sendIfFull sends what was written when it is much. The buffer is then still small
// enough to be kept.
func (w *eventWriter) sendIfFull() error {
	if w.body.len() > maxBuffer/2 {
		return w.Flush()
	}
	return w.body.err
}

// appendEvent appends an event without an id, whose fields have no line ends, as
// [sse.Encode] writes it: that takes 6 allocations.
func appendEvent(buf []byte, e sse.Event) []byte {
	if e.Event != "" {
		buf = append(append(buf, "event:"...), e.Event...)
		buf = append(buf, '\n')
	}
	if e.Retry > 0 {
		buf = strconv.AppendUint(append(buf, "retry:"...), e.Retry, 10)
		buf = append(buf, '\n')
	}
	buf = append(append(buf, "data:"...), e.Data...)
	return append(buf, "\n\n"...)
}

// writeLines writes an event of several lines, which only data that is not JSON has.
func (w *eventWriter) writeLines(e sse.Event, next typewriter.Position) error {
	if w.idPrefix != "" {
		e.ID = w.idPrefix + next.String()
	}
	if err := sse.Encode(w.body, &e); err != nil {
		return err
	}
	return w.sendIfFull()
}

// Flush implements [typewriter.Writer].
func (w *eventWriter) Flush() error { return w.body.Flush() }

// Heartbeat implements [typewriter.Writer]. A blank line is the one sign of life
// that no SDK stumbles over.
func (w *eventWriter) Heartbeat() error {
	if _, err := w.body.WriteString("\n"); err != nil {
		return err
	}
	return w.body.Flush()
}
