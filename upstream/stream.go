package upstream

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"time"

	"sse-typewriter/internal/apierror"

	"github.com/tidwall/gjson"
)

// Events returns the events of a stream, up to the stream's final event. If the stream is
// cut, Events fetches and yields the rest of the answer; after a failure, the last events
// report the error. failure returns the error, or nil, after the end of the sequence.
//
// The request must have a format. The sequence can be read once, and stops when the reply
// is closed.
func (r *Reply) Events() (events iter.Seq[Event], failure func() *Error) {
	events, failure = withFailure(r.format.wire(), func(_ *Sent, yield func(Event) bool) *Error {
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
	if r.format.Translation != nil {
		events = r.format.Translation.Events(events)
	}
	return events, failure
}

// withFailure returns the events of run, followed by error events if run fails, and a
// function for the error of run. run adds events of the stream to sent that it does not
// yield.
func withFailure(format *Format, run func(sent *Sent, yield func(Event) bool) *Error) (events iter.Seq[Event], failure func() *Error) {
	var failed *Error
	return func(yield func(Event) bool) {
		var sent Sent
		failed = run(&sent, func(e Event) bool {
			sent.Add(e.Event)
			return yield(e)
		})
		if failed == nil || failed == apierror.TooLarge {
			return
		}
		for _, e := range format.failureEvents(failed, sent) {
			if !yield(e) {
				return
			}
		}
	}, func() *Error { return failed }
}

// read yields the events of the stream, and returns an error unless the stream ends
// properly.
func (r *Reply) read(yield func(Event) bool) *Error {
	format := r.format.wire()
	body := &eventReader{r: r.Body, max: r.client.MaxEventBytes, ndjson: format.Framing == NDJSON}
	reached := Running
	begun := false
	stopTimer := r.startFirstText()
	defer stopTimer()
	for {
		e, err := body.read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && reached == Ended {
			return nil
		}
		if err != nil {
			return readError(r.conn, err, r.client.MaxEventBytes)
		}
		if e.inLine && e.data != "[DONE]" && !gjson.Valid(e.data) {
			break // the stream was cut within a line
		}
		if e.unended && e.data == "" && !slices.Contains(format.Dataless, e.name) {
			break // the event was cut before its data
		}
		event := r.decoder.Decode(e.name, e.data)
		if !begun && (event.Meaning.Kind.IsOutput() || event.Meaning.Phase != Running) {
			begun = true
			if !stopTimer() {
				return apierror.FirstText
			}
		}
		if !yield(event) {
			return apierror.TooLarge
		}
		if event.Meaning.Phase == Done {
			return nil
		}
		if event.Meaning.Phase == Ended && reached < Ended {
			defer time.AfterFunc(drainTime, func() { r.drop(errEnded) }).Stop()
		}
		reached = max(reached, event.Meaning.Phase)
	}
	if reached >= MayClose {
		return nil
	}
	return readError(r.conn, nil, r.client.MaxEventBytes)
}

// startFirstText drops the connection at the end of the first-text timeout, unless stop is
// called before. stop reports whether the first call is in time.
func (r *Reply) startFirstText() (stop func() bool) {
	timeout := r.client.FirstTextTimeout
	if timeout <= 0 {
		return func() bool { return true }
	}
	timer := time.AfterFunc(timeout-time.Since(r.sent), func() { r.drop(errFirstText) })
	return func() bool { return timer.Stop() && time.Since(r.sent) < timeout }
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

// drainTime bounds the wait for more events after the end of a stream, and Drain, as
// drainBytes does.
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
