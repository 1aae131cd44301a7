package upstream

import (
	"bytes"
	"context"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/tidwall/gjson"
	"github.com/tmaxmax/go-sse"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/typewriter"
)

// Events returns the events of a stream. The last one is the stream's final event. If
// the stream is cut before it, the rest of the answer is fetched and yielded as if it
// had been streamed; if that fails, the last event is an error event. failure returns the
// cause of such an error event, or nil; call it after the sequence has ended.
//
// The sequence can be read once. It stops when the reply is closed.
func (r *Reply) Events() (events iter.Seq[typewriter.Event], failure func() *Error) {
	return withFailure(func(yield func(typewriter.Event) bool) *Error {
		seen := &progress{}
		err := r.read(func(e typewriter.Event) bool {
			if seen.add(e) {
				name := seen.chat
				r.chat.Store(&name)
			}
			return yield(e)
		})
		if !isRecoverable(err) {
			return err
		}
		_ = r.Body.Close() // the connection is not used any more
		rec := recovery{client: r.client, header: r.credentials, progress: seen}
		return rec.run(r.life, err, yield)
	})
}

// withFailure returns the events that run yields, followed by an error event if run
// fails, and a function that returns run's error.
func withFailure(run func(yield func(typewriter.Event) bool) *Error) (events iter.Seq[typewriter.Event], failure func() *Error) {
	var failed *Error
	return func(yield func(typewriter.Event) bool) {
		if failed = run(yield); failed != nil && failed != apierror.TooLarge {
			yield(ErrorEvent(failed))
		}
	}, func() *Error { return failed }
}

// read yields the events of the stream. It returns an error if the stream did not end
// properly.
func (r *Reply) read(yield func(typewriter.Event) bool) *Error {
	decoder := cozeDecoder{keepStudioDone: r.client.KeepStudioDone}
	body := &endReader{r: r.Body}
	reached := running
	config := sse.ReadConfig{MaxEventSize: r.client.MaxEventBytes}
	for e, err := range sse.Read(body, &config) {
		if err != nil {
			return readError(r.conn, err, r.client.MaxEventBytes)
		}
		if body.unfinished && e.Data != "[DONE]" && !gjson.Valid(e.Data) {
			break // the stream was cut within a line
		}
		if e.Data == "" && (e.Type == "" || body.ended && e.Type != eventStudioDone) {
			continue // a lone id or retry is not an event, nor is an event cut before its data
		}
		event, phase := decoder.event(e.Type, e.Data)
		if !yield(event) {
			return apierror.TooLarge
		}
		if phase == done {
			return nil
		}
		reached = max(reached, phase)
	}
	if reached == mayClose {
		return nil
	}
	return readError(r.conn, nil, r.client.MaxEventBytes)
}

// idleTimeoutBody is the body of a reply. It drops the connection if a read takes longer
// than the timeout.
type idleTimeoutBody struct {
	io.ReadCloser
	drop    context.CancelCauseFunc
	timeout time.Duration
	timer   *time.Timer // runs during a read; nil before the first one
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

// endReader appends a blank line to a stream, in case its last event lacks one. It
// returns data only when an event is complete or the buffer is full, since go-sse scans
// an incomplete event from its beginning after each read.
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

// blankLines are the sequences of two line ends, except for those that begin with one
// of these.
var blankLines = []string{"\n\n", "\n\r", "\r\r"}

// endsEvent reports whether the data that was just read contains the end of an event.
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

// Drain reads the few bytes after the last event, so that the connection can be reused,
// and closes the reply.
func (r *Reply) Drain() {
	defer r.Close()
	stop := time.AfterFunc(drainTime, r.end)
	defer stop.Stop()
	_, _ = io.CopyN(io.Discard, r.Body, drainBytes) // the reply is closed in any case
}
