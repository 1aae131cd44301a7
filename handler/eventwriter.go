package handler

import (
	"bytes"
	"context"
	"strconv"
	"strings"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/hertz-contrib/sse"

	"sse-typewriter/internal/hertzio"
	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/streams"
	"sse-typewriter/typewriter"
)

// retryMillis is the delay before a browser reconnects, in milliseconds.
const retryMillis = 1000

// eventWriter writes the events of a stream to a client. eventWriter implements
// [typewriter.Writer].
type eventWriter struct {
	out      *hertzio.ResponseWriter
	observer *viewObserver

	idPrefix string // the stream's id and a colon; empty: events have no ids
	epochs   *streams.Epochs
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
		w.idPrefix, w.epochs = s.ID+":", &s.Epochs
		w.retry = retryMillis
	}
	return w
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
	if withFirstID {
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

// Write implements [typewriter.Writer]. The bytes are those of [sse.Encode] without its 6
// allocations, except for a leading space, which Encode loses.
func (w *eventWriter) Write(o *typewriter.Output) error {
	w.observer.sent(o)
	buf := w.out.AvailableBuffer()
	if w.idPrefix != "" {
		buf = append(append(buf, "id:"...), w.idPrefix...)
		buf = append(w.epochs.Cursor(o.Next).Append(buf), '\n')
	}
	if name := o.Frame.Name; name != "" {
		buf = appendField(buf, "event:", name)
	}
	if w.retry > 0 {
		buf = strconv.AppendUint(append(buf, "retry:"...), w.retry, 10)
		buf = append(buf, '\n')
	}
	buf = append(buf, "data:"...)
	begin := len(buf)
	buf = o.AppendData(buf)
	if data := buf[begin:]; isOneField(data) {
		buf = append(buf, '\n')
	} else {
		buf = appendData(buf[:begin-len("data:")], string(data))
	}
	if _, err := w.out.Write(append(buf, '\n')); err != nil {
		return err
	}
	w.retry = 0
	return w.out.FlushIfFull()
}

// isOneField reports whether data can follow "data:" unchanged, as JSON can.
func isOneField(data []byte) bool {
	return !bytes.HasPrefix(data, []byte(" ")) && bytes.IndexByte(data, '\n') < 0 && bytes.IndexByte(data, '\r') < 0
}

// appendData appends one field for each line of data.
func appendData(buf []byte, data string) []byte {
	for {
		end := strings.IndexAny(data, "\r\n")
		if end < 0 {
			return appendField(buf, "data:", data)
		}
		buf = appendField(buf, "data:", data[:end])
		data = data[end+1:]
	}
}

// appendField appends a field. A value that begins with a space needs another space before
// it, because parsers remove one (HTML, section 9.2.6).
func appendField(buf []byte, name, value string) []byte {
	buf = append(buf, name...)
	if strings.HasPrefix(value, " ") {
		buf = append(buf, ' ')
	}
	return append(append(buf, value...), '\n')
}

// Flush implements [typewriter.Writer].
func (w *eventWriter) Flush() error { return w.out.Flush() }

// Heartbeat implements [typewriter.Writer]. The heartbeat is a blank line: all
// SDKs ignore blank lines, and some fail at comments.
func (w *eventWriter) Heartbeat() error {
	if _, err := w.out.WriteString("\n"); err != nil {
		return err
	}
	return w.out.Flush()
}
