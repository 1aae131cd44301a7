package upstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/typewriter"
)

// Recovery finds the rest of an answer after the stream was cut. Some services continue a chat
// without the stream, and return the result, or the rest of the stream, on request. A
// Recovery is not safe for concurrent use.
type Recovery interface {
	// Add adds the next event of the stream. An event without a frame only names the
	// chat.
	Add(Event)

	// IsFinished reports whether the events contain the end of the stream.
	IsFinished() bool

	// Rest yields the events after those added, up to the stream's last event, as the
	// service has them. An error ends the sequence, and is [ErrNoRest] if there is no way
	// to recover the stream. The caller cancels ctx after a long time without an event.
	Rest(ctx context.Context) iter.Seq2[Event, error]
}

// ErrNoRest is the error of [Recovery.Rest] for a stream without recovery.
var ErrNoRest = errors.New("the stream cannot be recovered")

// noRecovery is the [Recovery] of formats without one.
type noRecovery struct{ finished bool }

func (r *noRecovery) Add(e Event) { r.finished = r.finished || e.Meaning.Phase != Running }

func (r *noRecovery) IsFinished() bool { return r.finished }

func (r *noRecovery) Rest(context.Context) iter.Seq2[Event, error] { return NoRest }

// NoRest is a rest that consists of [ErrNoRest].
func NoRest(yield func(Event, error) bool) { yield(Event{}, ErrNoRest) }

// newRecovery returns the recovery of a stream.
func (f *Format) newRecovery(c *Client, opening Opening) Recovery {
	if f.NewRecovery == nil {
		return &noRecovery{}
	}
	return f.NewRecovery(c, opening)
}

// Continue continues a stream of another replica, given the recorded events and the
// opening with the owner's credential. Continue returns the remaining events, up to
// the stream's last event or an error event; a finished stream has none. failure is as for
// [Reply.Events].
//
// The events can be read once. The events end when ctx is done.
func (c *Client) Continue(ctx context.Context, format *Format, opening Opening, recorded iter.Seq[typewriter.Event]) (events iter.Seq[Event], failure func() *Error) {
	recovery := format.newRecovery(c, opening)
	return withFailure(format, func(sent *Sent, yield func(Event) bool) *Error {
		for e := range format.replay(recorded) {
			sent.Add(e.Event)
			recovery.Add(e)
		}
		if recovery.IsFinished() {
			return nil
		}
		return c.recover(ctx, recovery, cutError(nil), yield)
	})
}

// ContinueChat is [Client.Continue] for a chat without recorded events. ContinueChat returns
// all events of the chat after the beginning.
func (c *Client) ContinueChat(ctx context.Context, format *Format, opening Opening, chat Chat) (events iter.Seq[Event], failure func() *Error) {
	recovery := format.newRecovery(c, opening)
	recovery.Add(Event{Meaning: &Meaning{Chat: chat}})
	return withFailure(format, func(_ *Sent, yield func(Event) bool) *Error { return c.recover(ctx, recovery, cutError(nil), yield) })
}

// ChatOf returns the chat of a recorded stream.
func (f *Format) ChatOf(recorded iter.Seq[typewriter.Event]) Chat {
	for e := range f.replay(recorded) {
		if e.Meaning.Chat.IsKnown() {
			return e.Meaning.Chat
		}
	}
	return Chat{}
}

// recover yields the rest of a failed stream. Without a rest, recover returns the failure.
func (c *Client) recover(ctx context.Context, recovery Recovery, failure *Error, yield func(Event) bool) *Error {
	if c.RecoveryTimeout <= 0 || recovery.IsFinished() {
		return failure
	}
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(c.RecoveryTimeout, func() { cancel(context.DeadlineExceeded) })
	defer timer.Stop()
	for e, err := range recovery.Rest(limited) {
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return canceledError(context.Cause(ctx))
		case errors.Is(err, ErrNoRest):
			return failure
		default:
			failed := *failure
			failed.Err = errors.Join(failure.Err, fmt.Errorf("cannot recover the answer: %w", err))
			return &failed
		}
		timer.Reset(c.RecoveryTimeout)
		if !yield(e) {
			return apierror.TooLarge
		}
	}
	return nil
}
