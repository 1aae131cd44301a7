package handler

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/hertz-contrib/sse"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/hertzio"
	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/streams"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// retryMillis is the delay before a browser reconnects, in milliseconds.
const retryMillis = 1000

// eventWriter writes the events of a stream to a client. eventWriter implements
// [typewriter.Writer].
type eventWriter struct {
	out      *hertzio.ResponseWriter
	observer *viewObserver

	ndjson    bool   // an event is a line with its data, without a name and an id
	colon     string // between the name and the value of a field
	heartbeat string

	idPrefix string // the stream's id and a colon; empty: events have no such ids
	epochs   *streams.Epochs
	retry    uint64 // sent with the next event, in milliseconds; 0: not sent

	numbered bool   // events have their numbers as ids
	number   uint64 // of the next event

	last *typewriter.Frame // of the last event
}

// newEventWriter takes over the response.
func newEventWriter(c *app.RequestContext, s *streams.Stream, v view, observer *viewObserver) *eventWriter {
	w := &eventWriter{out: hertzio.NewResponseWriter(c, hertzio.UnknownSize), observer: observer, heartbeat: v.format.Heartbeat, colon: ": "}
	contentType := sse.ContentType + "; charset=utf-8"
	switch {
	case v.format.Framing == upstream.CompactSSE:
		w.colon = ":"
	case v.format.Framing == upstream.NDJSON && acceptsSSE(c):
		w.heartbeat = sseHeartbeat
	case v.format.Framing == upstream.NDJSON:
		w.ndjson, contentType = true, v.format.Framing.ContentType()
	}
	c.SetStatusCode(http.StatusOK) // Hertz has set 404 for a path without a route
	header := &c.Response.Header
	header.SetContentType(contentType)
	header.Set("Cache-Control", "no-cache, no-store, must-revalidate")
	header.Set("Pragma", "no-cache")
	if !c.Response.ConnectionClose() {
		header.Set("Connection", "keep-alive")
	}
	header.Set("X-Accel-Buffering", "no") // disables nginx's buffer
	header.Set("Typewriter-Stream", s.ID)
	if s.LogID != "" {
		header.Set(v.format.RequestIDHeader, s.LogID)
	}
	if s.LocalOnly {
		header.Set(headerResume, metrics.ResumeUnavailable)
	}
	if v.withIDs && !w.ndjson {
		w.idPrefix, w.epochs = s.ID+":", &s.Epochs
		w.retry = retryMillis
	}
	w.numbered = v.format.NumbersEvents && !v.withIDs
	return w
}

// sseHeartbeat is the heartbeat of a stream in a framing other than that of the format.
const sseHeartbeat = "\n\n"

// acceptsSSE reports whether a client names server-sent events among the media types that
// it accepts, as an EventSource does.
func acceptsSSE(c *app.RequestContext) bool {
	return strings.Contains(c.Request.Header.Get("Accept"), sse.ContentType)
}

// open sends the response header.
func (w *eventWriter) open() error { return w.out.SendHeader() }

// openAt sends the response header and the id of the stream's first position. A browser
// disconnected before the first event then resumes this stream instead of opening
// another chat: an id counts even without data (HTML, section 9.2.6).
func (w *eventWriter) openAt(from typewriter.Position) error {
	if err := w.open(); err != nil {
		return err
	}
	_, _ = w.out.WriteString("id:" + w.id(from) + "\n\n") // Flush returns the error
	return w.out.Flush()
}

// play sends the response header, with the id of the first position if withFirstID, and
// plays the stream.
func (w *eventWriter) play(ctx context.Context, player typewriter.Player, withFirstID bool) error {
	open := w.open
	if withFirstID && w.idPrefix != "" {
		open = func() error { return w.openAt(player.From) }
	}
	if err := open(); err != nil {
		return err
	}
	return player.Play(ctx, w)
}

// id returns the event id of a position.
func (w *eventWriter) id(p typewriter.Position) string {
	return w.idPrefix + string(w.epochs.Cursor(p).Append(nil))
}

// Write implements [typewriter.Writer]. With compact framing, the bytes are those
// of [sse.Encode] without its 6 allocations, except for a leading space, which Encode
// loses.
func (w *eventWriter) Write(o *typewriter.Output) error {
	w.observer.sent(o)
	w.last = o.Frame
	if w.ndjson {
		return w.writeLine(o)
	}
	buf := w.out.AvailableBuffer()
	if w.idPrefix != "" {
		buf = append(w.appendName(buf, "id"), w.idPrefix...)
		buf = append(w.epochs.Cursor(o.Next).Append(buf), '\n')
	} else if w.numbered {
		buf = append(strconv.AppendUint(w.appendName(buf, "id"), w.number, 10), '\n')
		w.number++
	}
	if name := o.Frame.Name; name != "" {
		buf = w.appendField(buf, "event", name)
	}
	if w.retry > 0 {
		buf = append(strconv.AppendUint(w.appendName(buf, "retry"), w.retry, 10), '\n')
	}
	field := len(buf)
	buf = w.appendName(buf, "data")
	begin := len(buf)
	buf = o.AppendData(buf)
	if data := buf[begin:]; w.isOneField(data) {
		buf = append(buf, '\n')
	} else {
		buf = w.appendData(buf[:field], string(data))
	}
	if _, err := w.out.Write(append(buf, '\n')); err != nil {
		return err
	}
	w.retry = 0
	return w.out.FlushIfFull()
}

// writeLine is Write for NDJSON.
func (w *eventWriter) writeLine(o *typewriter.Output) error {
	buf := append(o.AppendData(w.out.AvailableBuffer()), '\n')
	if _, err := w.out.Write(buf); err != nil {
		return err
	}
	return w.out.FlushIfFull()
}

// isOneField reports whether data can follow the name of a field unchanged, as JSON can.
func (w *eventWriter) isOneField(data []byte) bool {
	return !w.needsSpace(string(data[:min(len(data), 1)])) && bytes.IndexByte(data, '\n') < 0 && bytes.IndexByte(data, '\r') < 0
}

// needsSpace reports whether a value needs a space before it: parsers remove one (HTML,
// section 9.2.6).
func (w *eventWriter) needsSpace(value string) bool {
	return w.colon == ":" && strings.HasPrefix(value, " ")
}

// appendData appends one field for each line of data.
func (w *eventWriter) appendData(buf []byte, data string) []byte {
	for {
		end := strings.IndexAny(data, "\r\n")
		if end < 0 {
			return w.appendField(buf, "data", data)
		}
		buf = w.appendField(buf, "data", data[:end])
		data = data[end+1:]
	}
}

// appendField appends a field.
func (w *eventWriter) appendField(buf []byte, name, value string) []byte {
	buf = w.appendName(buf, name)
	if w.needsSpace(value) {
		buf = append(buf, ' ')
	}
	return append(append(buf, value...), '\n')
}

// appendName appends the name of a field and the colon.
func (w *eventWriter) appendName(buf []byte, name string) []byte {
	return append(append(buf, name...), w.colon...)
}

// hasFailed reports whether the last event reports a failure, other than one that the
// service itself reports: its clients know how such a stream ends.
func (w *eventWriter) hasFailed(format *upstream.Format) bool {
	if w.last == nil || w.last.IsText() {
		return false
	}
	failure := format.NewDecoder().Decode(w.last.Name, w.last.Head).Meaning.Failure
	return failure != nil && failure.Reason != apierror.Refused.Reason
}

// Flush implements [typewriter.Writer].
func (w *eventWriter) Flush() error { return w.out.Flush() }

// Heartbeat implements [typewriter.Writer].
func (w *eventWriter) Heartbeat() error {
	if _, err := w.out.WriteString(w.heartbeat); err != nil {
		return err
	}
	return w.out.Flush()
}
