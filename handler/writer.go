package handler

import (
	"bytes"
	"strconv"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/hertz-contrib/sse"

	"sse-typewriter/internal/streams"
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
	if s.LocalOnly {
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

// Write implements [typewriter.Writer]. It writes as [sse.Encode] does, which takes 6
// allocations.
func (w *eventWriter) Write(o *typewriter.Output) error {
	w.seen.sent(o)
	buf := w.body.buf
	if w.idPrefix != "" {
		buf = append(append(buf, "id:"...), w.idPrefix...)
		buf = append(o.Next.Append(buf), '\n')
	}
	if name := o.Frame.Name; name != "" {
		buf = append(append(buf, "event:"...), name...)
		buf = append(buf, '\n')
	}
	if w.retry > 0 {
		buf = strconv.AppendUint(append(buf, "retry:"...), w.retry, 10)
		buf = append(buf, '\n')
	}
	buf = append(buf, "data:"...)
	data := len(buf)
	buf = o.AppendData(buf)
	if lines := buf[data:]; bytes.IndexByte(lines, '\n') >= 0 || bytes.IndexByte(lines, '\r') >= 0 {
		if err := w.writeLines(o, bytes.Clone(lines)); err != nil { // it writes where they stand
			return err
		}
	} else {
		w.body.buf = append(buf, "\n\n"...)
	}
	w.retry = 0
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

// writeLines writes an event of several lines, which only data that is not JSON has.
func (w *eventWriter) writeLines(o *typewriter.Output, data []byte) error {
	e := sse.Event{Event: o.Frame.Name, Retry: w.retry, Data: data}
	if w.idPrefix != "" {
		e.ID = w.idPrefix + o.Next.String()
	}
	return sse.Encode(w.body, &e)
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
