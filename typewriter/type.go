package typewriter

import (
	"bytes"
	"context"
	"io"
	"iter"
	"strings"
)

// Type writes texts to w at the given pace, with a single Write for all clusters due
// together. The text written is the concatenation of texts. Type reads texts in a separate
// goroutine, as fast as they arrive, and keeps the backlog in memory.
//
// Type returns nil after the last write, or the first error: of [Pace.Validate], of w, of
// ctx, or [ErrFull]. Type does not return before texts ends or yields once more; a source
// with long waits should watch ctx.
func Type(ctx context.Context, w io.Writer, texts iter.Seq[string], pace Pace) error {
	if err := pace.Validate(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	log := NewLog(LogOptions{})
	recorded := make(chan error, 1)
	// The goroutine ends with texts or, once ctx is done, at the next text.
	go func() {
		recorded <- Record(plainEvents(ctx, texts), log, func() []Event { return []Event{{Frame: plain}} })
	}()
	player := Player{Log: log, Pace: pace, TrimPlayed: true}
	err := player.Play(ctx, plainWriter{w})
	cancel()
	if failed := <-recorded; err == nil {
		err = failed
	}
	return err
}

// plain is the frame of texts without surrounding payload.
var plain = &Frame{Channel: "text"}

// plainEvents returns an event for each text until ctx is done. Backslashes are doubled,
// because event texts are the inside of JSON strings. All other characters remain as they
// are, because nothing parses the result as JSON.
func plainEvents(ctx context.Context, texts iter.Seq[string]) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for text := range texts {
			if ctx.Err() != nil || !yield(Event{Frame: plain, Text: strings.ReplaceAll(text, `\`, `\\`)}) {
				return
			}
		}
	}
}

// plainWriter undoes the escaping of plainEvents.
type plainWriter struct{ w io.Writer }

// Write implements [Writer]. No event ends within an escape: both backslashes of a pair are
// in the same event.
func (p plainWriter) Write(o *Output) error {
	_, err := p.w.Write(bytes.ReplaceAll(o.Text, []byte(`\\`), []byte(`\`)))
	return err
}

// Flush implements [Writer].
func (p plainWriter) Flush() error { return nil }

// Heartbeat implements [Writer].
func (p plainWriter) Heartbeat() error { return nil }
