package typewriter

import (
	"bytes"
	"context"
	"io"
	"iter"
	"strings"
)

// Type writes texts to w as somebody types them, each piece that is due by one Write.
// What is written equals the texts, joined. It reads texts in a goroutine of its own,
// as fast as they come, and keeps what waits in memory.
//
// It returns nil when all is written; else the pace's error, the writer's, ctx's when
// that is done, or [ErrFull]. In any case it waits until texts has ended or yields
// once more: a source that may block for long must end with ctx itself.
func Type(ctx context.Context, w io.Writer, texts iter.Seq[string], pace Pace) error {
	if err := pace.Validate(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	log := NewLog(LogOptions{})
	recorded := make(chan error, 1)
	// It ends with texts or, after ctx, with the next of them.
	go func() { recorded <- Record(plainEvents(ctx, texts), log, Event{Frame: plain}) }()
	player := Player{Log: log, Pace: pace, TrimPlayed: true}
	err := player.Play(ctx, plainWriter{w})
	cancel()
	if failed := <-recorded; err == nil {
		err = failed
	}
	return err
}

// plain is the frame of texts with nothing around them.
var plain = &Frame{Channel: "text"}

// plainEvents makes events of texts until ctx is done. The text of an event is the
// inside of a JSON string, where a backslash is written as two; all else may stand as
// it is, since nobody parses it.
func plainEvents(ctx context.Context, texts iter.Seq[string]) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for text := range texts {
			if ctx.Err() != nil || !yield(Event{Frame: plain, Text: strings.ReplaceAll(text, `\`, `\\`)}) {
				return
			}
		}
	}
}

// plainWriter writes what plainEvents made of texts as it was.
type plainWriter struct{ w io.Writer }

// Write implements [Writer]. No event ends within an escape, so that each has both
// backslashes of a pair.
func (p plainWriter) Write(o *Output) error {
	_, err := p.w.Write(bytes.ReplaceAll(o.Text, []byte(`\\`), []byte(`\`)))
	return err
}

// Flush implements [Writer].
func (p plainWriter) Flush() error { return nil }

// Heartbeat implements [Writer].
func (p plainWriter) Heartbeat() error { return nil }
