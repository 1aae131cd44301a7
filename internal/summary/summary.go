// Package summary runs a long job with visible progress: a chat summarizes a text, and the
// events of the chat determine the progress. The package neither paces nor knows HTTP
// routes, and knows the AI service only through package upstream.
package summary

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"runtime/debug"
	"sync"
	"time"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/jsonx"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// MaxTimeout bounds [Job.Timeout]: up to it, the smallest span of a stage (see spans) is
// large enough for the progress to grow by a hundredth of a percent every maxSilence.
const MaxTimeout = 10 * time.Minute

// maxSilence is the longest time without an update. The documentation promises 2 s.
const maxSilence = 1500 * time.Millisecond

// maxLength bounds an answer, in characters.
const maxLength = 1 << 20

// Job is a summary. Set the exported fields, read Events once, then call Close.
type Job struct {
	// Open starts or continues the chat, and returns the events of the chat and a function
	// to call after the events. The events end when ctx is done. An error is an
	// [*upstream.Error].
	Open func(ctx context.Context) (events iter.Seq[upstream.Event], closeChat func(), err error)

	// Cancel stops the chat at the upstream.
	Cancel func(ctx context.Context, chat upstream.Chat)

	// Lang is the language of the messages.
	Lang Lang

	// EventName is the type of the events, or empty.
	EventName string

	// Timeout bounds the time of the job, up to [MaxTimeout].
	Timeout time.Duration

	answer   upstream.Answer
	failure  *upstream.Error
	value    float64 // the progress in percent
	reported float64 // the progress in the last event
	stage    upstream.Stage
	timedOut bool

	reading sync.WaitGroup
	readErr error // of opening or reading the chat; owned by the reading goroutine until it ends
}

// update is the payload of an event.
type update struct {
	Status   string  `json:"status"`
	Progress float64 `json:"progress"`
	Message  string  `json:"message"`
	Result   *string `json:"result,omitempty"`

	// The ids are in the event of a created chat, for a replica that continues the job.
	ChatID         string `json:"chat_id,omitempty"`
	ConversationID string `json:"conversation_id,omitempty"`
}

// Values of the status.
const (
	statusProcessing = "processing"
	statusDone       = "done"
	statusError      = "error"
)

// Events returns the job's progress. The last event is the result or a failure. The events
// end when ctx is done.
func (j *Job) Events(ctx context.Context) iter.Seq[typewriter.Event] {
	return func(yield func(typewriter.Event) bool) {
		deadline := time.Now().Add(j.Timeout)
		ctx, cancel := context.WithDeadline(ctx, deadline)
		defer cancel()
		if !yield(j.begin()) {
			return
		}
		chat := make(chan upstream.Event)
		j.reading.Go(func() { j.read(ctx, chat) }) // ends with the chat, or when ctx is done
		idle := time.NewTimer(maxSilence)
		defer idle.Stop()
		for {
			changed := false
			select {
			case e, ok := <-chat:
				if !ok {
					yield(j.end(ctx))
					return
				}
				j.answer.Add(e)
				changed = j.advance()
			case <-idle.C:
				j.extrapolate(time.Until(deadline))
				changed = true
			case <-ctx.Done():
				yield(j.end(ctx))
				return
			}
			if j.answer.Failure != nil || j.answer.Length > maxLength {
				yield(j.end(ctx))
				return
			}
			if changed {
				idle.Reset(maxSilence)
				if !yield(j.report()) {
					return
				}
			}
		}
	}
}

// read forwards the chat's events. A panic becomes a failure of the job.
func (j *Job) read(ctx context.Context, chat chan<- upstream.Event) {
	closeChat := func() {}
	defer func() { closeChat() }()
	defer close(chat)
	defer func() {
		if cause := recover(); cause != nil {
			j.readErr = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	events, end, err := j.Open(ctx)
	if err != nil {
		j.readErr = err
		return
	}
	closeChat = end
	for e := range events {
		select {
		case chat <- e:
		case <-ctx.Done():
			return
		}
	}
}

// cancelTimeout bounds the cancellation of a chat.
const cancelTimeout = 5 * time.Second

// Close waits for the end of reading, and cancels the chat after a timeout.
func (j *Job) Close(ctx context.Context) {
	j.reading.Wait()
	if j.timedOut && j.answer.Chat.IsKnown() {
		ctx, cancel := context.WithTimeout(ctx, cancelTimeout)
		defer cancel()
		j.Cancel(ctx, j.answer.Chat)
	}
}

// Failure returns the error of a failed job, or nil, after the end of Events.
func (j *Job) Failure() *upstream.Error { return j.failure }

// span is a stage's share of the progress, in percent. Without events the progress grows
// from the beginning towards the end of the span.
type span struct{ from, to float64 }

var spans = [...]span{
	upstream.Waiting:   {1, 8},
	upstream.Created:   {9, 14},
	upstream.Working:   {15, 24},
	upstream.Thinking:  {25, 34},
	upstream.Answering: {35, 94},
	upstream.Completed: {95, 99},
}

// The final length of the answer is unknown: each typicalLength characters reduce the
// distance of the progress to mostText by the same factor.
const (
	mostText      = 90
	typicalLength = 150
)

// begin returns the first event of the job.
func (j *Job) begin() typewriter.Event {
	j.value = max(j.value, spans[j.stage].from)
	return j.report()
}

// advance updates the progress to the state of the chat, and reports whether the change is
// large enough for an event.
func (j *Job) advance() bool {
	isNew := j.answer.Stage > j.stage
	if isNew {
		j.stage = j.answer.Stage
		j.value = max(j.value, spans[j.stage].from)
	}
	if j.stage == upstream.Answering {
		from := spans[upstream.Answering].from
		grown := 1 - math.Exp(-float64(j.answer.Length)/typicalLength)
		j.value = max(j.value, math.Floor(from+(mostText-from)*grown))
	}
	return isNew || j.value >= j.reported+1
}

// extrapolate advances the progress without an event of the chat. If none arrives until
// the timeout, the progress reaches the end of the stage's span at the timeout.
func (j *Job) extrapolate(left time.Duration) {
	to := spans[j.stage].to
	steps := math.Ceil(float64(left)/float64(maxSilence)) + 1
	const hundredths = 100
	next := math.Round((j.value+(to-j.value)/steps)*hundredths) / hundredths
	j.value = max(j.value, min(next, to))
}

// report returns an event with the current progress.
func (j *Job) report() typewriter.Event {
	u := update{Status: statusProcessing, Progress: j.value, Message: j.Lang.stage(j.stage, j.answer.Length)}
	if j.stage == upstream.Created {
		u.ChatID, u.ConversationID = j.answer.Chat.ID, j.answer.Chat.Conversation
	}
	j.reported = j.value
	return j.event(u)
}

// Reasons of the job's own failures, in addition to those of package upstream.
const (
	reasonCanceled = "canceled"
	reasonEmpty    = "empty"   // the answer has no text
	reasonStopped  = "stopped" // the service stopped the chat
	reasonTimeout  = "summarize_timeout"
)

// end returns the last event of the job.
func (j *Job) end(ctx context.Context) typewriter.Event {
	result := j.answer.Text()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		j.timedOut = true
		j.failure = &upstream.Error{Reason: reasonTimeout}
	case ctx.Err() != nil:
		j.failure = &upstream.Error{Reason: reasonCanceled}
	case j.answer.Failure != nil:
		j.failure = j.answer.Failure
	case j.answer.Length > maxLength:
		j.failure = apierror.TooLarge
	case j.readErr != nil:
		j.failure = &upstream.Error{Reason: "internal", Err: j.readErr}
		_ = errors.As(j.readErr, &j.failure)
	case j.answer.Chat.IsKnown() && j.answer.Stage < upstream.Completed:
		j.failure = &upstream.Error{Reason: reasonStopped}
	case result == "":
		j.failure = &upstream.Error{Reason: reasonEmpty}
	default:
		return j.event(update{Status: statusDone, Progress: 100, Message: j.Lang.done(), Result: &result})
	}
	return j.event(update{Status: statusError, Progress: j.value, Message: j.Lang.failure(j.failure, j.Timeout)})
}

// Stopped returns the last event of a stopped job.
func (j *Job) Stopped() typewriter.Event {
	return j.event(update{Status: statusError, Progress: j.value, Message: j.Lang.stopped()})
}

func (j *Job) event(u update) typewriter.Event {
	return typewriter.Event{Frame: &typewriter.Frame{Name: j.EventName, Head: string(jsonx.Marshal(u))}}
}
