package upstream

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/tidwall/gjson"
	"github.com/tmaxmax/go-sse"

	"sse-typewriter/typewriter"
)

// Events reads a reply that is a stream and yields its events, the last of which
// is the one that ends it. If the stream ends otherwise, an error event is yielded
// last. The returned function tells why that was, or nil; it is to be called when
// the sequence is over.
//
// The sequence can be read once. It stops when the reply is closed.
func (r *Reply) Events() (events iter.Seq[typewriter.Event], failure func() *Error) {
	var failed *Error
	return func(yield func(typewriter.Event) bool) {
		if failed = r.read(yield); failed != nil && failed != ErrRefused {
			yield(ErrorEvent(failed))
		}
	}, func() *Error { return failed }
}

// read yields the events of the stream and returns why it ended, if not well.
func (r *Reply) read(yield func(typewriter.Event) bool) *Error {
	decoder := cozeDecoder{keepStudioDone: r.client.KeepStudioDone}
	idle := time.AfterFunc(r.client.IdleTimeout, func() { r.cancel(errIdle) })
	defer idle.Stop()
	body := &endReader{r: &watchedReader{r: r.Body, timer: idle, timeout: r.client.IdleTimeout}}
	reached := running
	config := sse.ReadConfig{MaxEventSize: r.client.MaxEventBytes}
	for e, err := range sse.Read(body, &config) {
		if err != nil {
			return readError(r.ctx, err, r.client.MaxEventBytes)
		}
		if body.unfinished && e.Data != "[DONE]" && !gjson.Valid(e.Data) {
			break // the line was cut off, and not at its end
		}
		if e.Type == "" && e.Data == "" {
			continue // an id or a retry alone is no event
		}
		event, phase := decoder.event(e.Type, e.Data)
		if !yield(event) {
			return ErrRefused
		}
		if phase == done {
			return nil
		}
		reached = max(reached, phase)
	}
	if reached == mayClose {
		return nil
	}
	return readError(r.ctx, nil, r.client.MaxEventBytes)
}

// watchedReader puts off a timer whenever something was read.
type watchedReader struct {
	r       io.Reader
	timer   *time.Timer
	timeout time.Duration
}

func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		w.timer.Reset(w.timeout)
	}
	return n, err
}

// endReader ends the last line and event of a stream that forgot to.
type endReader struct {
	r          io.Reader
	last       byte
	end        []byte // what is left to add
	ended      bool
	unfinished bool // the stream has ended within a line
}

func (e *endReader) Read(p []byte) (int, error) {
	if !e.ended {
		n, err := e.r.Read(p)
		if n > 0 {
			e.last = p[n-1]
			return n, nil // an error comes again
		}
		if err != io.EOF {
			return n, err
		}
		e.ended = true
		e.unfinished = e.last != '\n' && e.last != '\r' && e.last != 0
		e.end = []byte("\n\n")
	}
	if len(e.end) == 0 {
		return 0, io.EOF
	}
	n := copy(p, e.end)
	e.end = e.end[n:]
	return n, nil
}

// drainTime and drainBytes bound what is read after a stream's last event, so
// that its connection can serve again.
const (
	drainTime  = time.Second
	drainBytes = 4096
)

// Drain reads what follows the last event, which is nothing much, so that the
// connection can be used again; within bounds. It closes the reply.
func (r *Reply) Drain() {
	defer r.Close()
	stop := time.AfterFunc(drainTime, func() { r.cancel(context.Canceled) })
	defer stop.Stop()
	_, _ = io.CopyN(io.Discard, r.Body, drainBytes) // whatever the outcome, it is closed
}
