package upstream

import (
	"bytes"
	"context"
	"io"
	"iter"
	"slices"
	"time"

	"sse-typewriter/internal/apierror"

	"github.com/tidwall/gjson"
	"github.com/tmaxmax/go-sse"
)

// Events returns the events of a stream, up to the stream's final event. If the stream is
// cut, Events fetches and yields the rest of the answer; after a failure, the last events
// report the error. failure returns the error, or nil, after the end of the sequence.
//
// The request must have a format. The sequence can be read once, and stops when the reply
// is closed.
func (r *Reply) Events() (events iter.Seq[Event], failure func() *Error) {
	return withFailure(r.format, func(yield func(Event) bool) *Error {
		named := false
		err := r.read(func(e Event) bool {
			r.recovery.Add(e)
			if !named && e.Meaning.Chat.IsKnown() {
				named = true
				chat := e.Meaning.Chat
				r.chat.Store(&chat)
			}
			return yield(e)
		})
		if !isRecoverable(err) {
			return err
		}
		_ = r.Body.Close() // the connection is not used any more
		return r.client.recover(r.life, r.recovery, err, yield)
	})
}

// withFailure returns the events of run, followed by error events if run fails, and a
// function for the error of run.
func withFailure(format *Format, run func(yield func(Event) bool) *Error) (events iter.Seq[Event], failure func() *Error) {
	var failed *Error
	return func(yield func(Event) bool) {
		if failed = run(yield); failed == nil || failed == apierror.TooLarge {
			return
		}
		for _, e := range format.failureEvents(failed) {
			if !yield(e) {
				return
			}
		}
	}, func() *Error { return failed }
}

// read yields the events of the stream, and returns an error unless the stream ends
// properly.
func (r *Reply) read(yield func(Event) bool) *Error {
	decoder := r.format.NewDecoder()
	body := &endReader{r: r.Body}
	reached := Running
	config := sse.ReadConfig{MaxEventSize: r.client.MaxEventBytes}
	for e, err := range sse.Read(body, &config) {
		if err != nil {
			return readError(r.conn, err, r.client.MaxEventBytes)
		}
		if body.unfinished && e.Data != "[DONE]" && !gjson.Valid(e.Data) {
			break // the stream was cut within a line
		}
		if e.Data == "" && (e.Type == "" || body.ended && !slices.Contains(r.format.Dataless, e.Type)) {
			continue // a lone id or retry is not an event, nor is an event cut before its data
		}
		event := decoder.Decode(e.Type, e.Data)
		if !yield(event) {
			return apierror.TooLarge
		}
		if event.Meaning.Phase == Done {
			return nil
		}
		reached = max(reached, event.Meaning.Phase)
	}
	if reached == MayClose {
		return nil
	}
	return readError(r.conn, nil, r.client.MaxEventBytes)
}

// idleTimeoutBody is the body of a reply. A read beyond the timeout drops the connection.
type idleTimeoutBody struct {
	io.ReadCloser
	drop    context.CancelCauseFunc
	timeout time.Duration
	timer   *time.Timer // runs during a read; nil before the first read
}

// Read implements [io.Reader].
func (b *idleTimeoutBody) Read(p []byte) (int, error) {
	if b.timer == nil {
		b.timer = time.AfterFunc(b.timeout, func() { b.drop(errIdle) })
	} else {
		b.timer.Reset(b.timeout)
	}
	defer b.timer.Stop()
	return b.ReadCloser.Read(p)
}

// endReader appends a blank line to a stream, in case the last event lacks a blank line.
// endReader returns data only when an event is complete or the buffer is full, since go-sse
// scans an incomplete event from the beginning after each read.
type endReader struct {
	r          io.Reader
	last       byte
	end        []byte // not yet appended
	ended      bool
	unfinished bool // the stream ended within a line
}

func (e *endReader) Read(p []byte) (int, error) {
	for n := 0; !e.ended; {
		read, err := e.r.Read(p[n:])
		ends := e.endsEvent(p[n : n+read])
		n += read
		switch {
		case ends, n == len(p), n > 0 && err != nil:
			return n, nil // the next read returns the error
		case err == io.EOF:
			e.ended = true
			e.unfinished = e.last != '\n' && e.last != '\r'
			e.end = []byte("\n\n")
		case err != nil, read == 0:
			return n, err
		}
	}
	if len(e.end) == 0 {
		return 0, io.EOF
	}
	n := copy(p, e.end)
	e.end = e.end[n:]
	return n, nil
}

// blankLines are the sequences of two line ends, except for longer forms with the same
// beginning.
var blankLines = []string{"\n\n", "\n\r", "\r\r"}

// endsEvent reports whether newly read data contains the end of an event.
func (e *endReader) endsEvent(data []byte) bool {
	if len(data) == 0 {
		return false
	}
	seam := string([]byte{e.last, data[0]})
	e.last = data[len(data)-1]
	return slices.ContainsFunc(blankLines, func(blank string) bool {
		return seam == blank || bytes.Contains(data, []byte(blank))
	})
}

// drainTime and drainBytes bound Drain.
const (
	drainTime  = time.Second
	drainBytes = 4096
)

// Drain reads the few bytes after the last event, for reuse of the connection, and closes
// the reply.
func (r *Reply) Drain() {
	defer r.Close()
	stop := time.AfterFunc(drainTime, r.end)
	defer stop.Stop()
	_, _ = io.CopyN(io.Discard, r.Body, drainBytes) // the reply is closed in any case
}
