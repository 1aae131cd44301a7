package handler

import (
	"bytes"
	"context"
	"strconv"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/hertz-contrib/sse"

	"sse-typewriter/internal/hertzio"
	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/streams"
	"sse-typewriter/typewriter"
)

// retryMillis is how long a browser waits before it reconnects, in milliseconds.
const retryMillis = 1000

// eventWriter writes the events of a stream to one client. It implements
// [typewriter.Writer].
type eventWriter struct {
	out      *hertzio.ResponseWriter
	observer *viewObserver

	idPrefix string // the stream's id and a colon; empty: events have no ids
	retry    uint64 // sent with the next event, in milliseconds; 0: not sent
}

// newEventWriter takes over the response.
func newEventWriter(c *app.RequestContext, s *streams.Stream, withIDs bool, observer *viewObserver) *eventWriter {
	w := &eventWriter{out: hertzio.NewResponseWriter(c, hertzio.UnknownSize), observer: observer}
	header := &c.Response.Header
	header.SetContentType(sse.ContentType + "; charset=utf-8")
	header.Set("Cache-Control", "no-cache, no-store, must-revalidate")
	header.Set("Pragma", "no-cache")
	if !c.Response.ConnectionClose() {
		header.Set("Connection", "keep-alive")
	}
	header.Set("X-Accel-Buffering", "no") // disables nginx's buffer
	header.Set("Typewriter-Stream", s.ID)
	if s.LogID != "" {
		header.Set(headerLogID, s.LogID)
	}
	if s.LocalOnly {
		header.Set(headerResume, metrics.ResumeUnavailable)
	}
	if withIDs {
		w.idPrefix = s.ID + ":"
		w.retry = retryMillis
	}
	return w
}

// open sends the response header.
func (w *eventWriter) open() error { return w.out.SendHeader() }

// openAt sends the response header and the id of the stream's first position. A browser
// that disconnects before the first event then resumes this stream instead of opening
// another chat: an id counts even without data (HTML, section 9.2.6).
func (w *eventWriter) openAt(from typewriter.Position) error {
	if err := w.open(); err != nil {
		return err
	}
	_, _ = w.out.WriteString("id:" + w.idPrefix + from.String() + "\n\n") // Flush returns the error
	return w.out.Flush()
}

// play sends the response header, with the id of the first position if withFirstID, and
// plays the stream.
func (w *eventWriter) play(ctx context.Context, player typewriter.Player, withFirstID bool) error {
	open := w.open
	if withFirstID {
		open = func() error { return w.openAt(player.From) }
	}
	if err := open(); err != nil {
		return err
	}
	return player.Play(ctx, w)
}

// Write implements [typewriter.Writer]. The bytes are those of [sse.Encode], without its
// 6 allocations.
func (w *eventWriter) Write(o *typewriter.Output) error {
	w.observer.sent(o)
	buf := w.out.AvailableBuffer()
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
		if err := w.writeLines(o, bytes.Clone(lines)); err != nil { // the writer reuses the buffer
			return err
		}
	} else if _, err := w.out.Write(append(buf, "\n\n"...)); err != nil {
		return err
	}
	w.retry = 0
	return w.out.FlushIfFull()
}

// writeLines writes an event whose data has several lines, as JSON never does.
func (w *eventWriter) writeLines(o *typewriter.Output, data []byte) error {
	e := sse.Event{Event: o.Frame.Name, Retry: w.retry, Data: data}
	if w.idPrefix != "" {
		e.ID = w.idPrefix + o.Next.String()
	}
	return sse.Encode(w.out, &e)
}

// Flush implements [typewriter.Writer].
func (w *eventWriter) Flush() error { return w.out.Flush() }

// Heartbeat implements [typewriter.Writer]. It writes a blank line, which all SDKs
// ignore; some fail at comments.
func (w *eventWriter) Heartbeat() error {
	if _, err := w.out.WriteString("\n"); err != nil {
		return err
	}
	return w.out.Flush()
}
