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

	"sse-typewriter/typewriter"
)

// Events reads a reply that is a stream and yields its events, the last of which
// is the one that ends it. If the stream ends otherwise, the rest of the answer is
// fetched and yielded as if nothing had happened; where that fails, an error event is
// yielded last. The returned function tells why that was, or nil; it is to be called
// when the sequence is over.
//
// The sequence can be read once. It stops when the reply is closed.
func (r *Reply) Events() (events iter.Seq[typewriter.Event], failure func() *Error) {
	return ending(func(yield func(typewriter.Event) bool) *Error {
		seen := &progress{}
		err := r.read(func(e typewriter.Event) bool {
			if seen.add(e) {
				name := seen.chat
				r.chat.Store(&name)
			}
			return yield(e)
		})
		if !err.isRecoverable() {
			return err
		}
		_ = r.Body.Close() // nothing more is wanted of the connection
		rec := recovery{client: r.client, header: r.credentials, seen: seen}
		return rec.run(r.life, err, yield)
	})
}

// ending returns the events that run yields and, if it fails, an event that tells so;
// and a function that returns what it returned.
func ending(run func(yield func(typewriter.Event) bool) *Error) (events iter.Seq[typewriter.Event], failure func() *Error) {
	var failed *Error
	return func(yield func(typewriter.Event) bool) {
		if failed = run(yield); failed != nil && failed != ErrTooLarge {
			yield(ErrorEvent(failed))
		}
	}, func() *Error { return failed }
}

// read yields the events of the stream and returns why it ended, if not well.
func (r *Reply) read(yield func(typewriter.Event) bool) *Error {
	decoder := cozeDecoder{keepStudioDone: r.client.KeepStudioDone}
	body := &endReader{r: r.Body}
	reached := running
	config := sse.ReadConfig{MaxEventSize: r.client.MaxEventBytes}
	for e, err := range sse.Read(body, &config) {
		if err != nil {
			return readError(r.ctx, err, r.client.MaxEventBytes)
		}
		if body.unfinished && e.Data != "[DONE]" && !gjson.Valid(e.Data) {
			break // the line was cut off, and not at its end
		}
		if e.Data == "" && (e.Type == "" || body.ended && e.Type != eventStudioDone) {
			continue // an id or a retry alone is no event, nor is one cut off before its data
		}
		event, phase := decoder.event(e.Type, e.Data)
		if !yield(event) {
			return ErrTooLarge
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

// impatientBody is a reply's body that is dropped when it is silent for too long.
type impatientBody struct {
	io.ReadCloser
	drop    context.CancelCauseFunc
	timeout time.Duration
	silent  *time.Timer // runs while something is read; nil: nothing was
}

// Read implements [io.Reader].
func (b *impatientBody) Read(p []byte) (int, error) {
	if b.silent == nil {
		b.silent = time.AfterFunc(b.timeout, func() { b.drop(errIdle) })
	} else {
		b.silent.Reset(b.timeout)
	}
	defer b.silent.Stop()
	return b.ReadCloser.Read(p)
}

// endReader ends the last line and event of a stream that forgot to. It hands on
// what came when an event has ended or its reader's buffer is full, since go-sse
// looks through an event from its beginning each time that it gets more of it.
type endReader struct {
	r          io.Reader
	last       byte
	end        []byte // what is left to add
	ended      bool
	unfinished bool // the stream has ended within a line
}

func (e *endReader) Read(p []byte) (int, error) {
	for n := 0; !e.ended; {
		read, err := e.r.Read(p[n:])
		ends := e.endsEvent(p[n : n+read])
		n += read
		switch {
		case ends, n == len(p), n > 0 && err != nil:
			return n, nil // an error comes again
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

// blankLines are the ways in which a line's end follows another, but for those that
// begin with one of these.
var blankLines = []string{"\n\n", "\n\r", "\r\r"}

// endsEvent reports whether an event ends in what was read, or with it.
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
