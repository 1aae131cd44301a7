// Package summary is a long job whose progress can be seen: it follows a chat that
// sums up a text and tells, from what happens there, how far it has come. It never
// paces, knows no HTTP routes, and knows the service only through package upstream.
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

// MaxTimeout is the longest time that a job may take: the smallest span of a stage (see
// spans) is enough for a hundredth of a percent each time that progress would stand still.
const MaxTimeout = 10 * time.Minute

// maxSilence is how long progress may stand still. Users are promised 2 s.
const maxSilence = 1500 * time.Millisecond

// maxLength bounds an answer, in characters.
const maxLength = 1 << 20

// Job is one summary in the making. Set the exported fields, read Events once, then
// call Close.
type Job struct {
	// Open begins the chat, or goes on with it. It returns the chat's events, which end
	// when ctx does, and what is to be called after them. An error is an
	// [*upstream.Error].
	Open func(ctx context.Context) (events iter.Seq[typewriter.Event], closeChat func(), err error)

	// Cancel has the upstream stop a chat.
	Cancel func(ctx context.Context, chatID, conversationID string)

	// Lang is the language of the messages.
	Lang Lang

	// EventName is the type of the events; empty: they have none.
	EventName string

	// Timeout is how long the job may take; more than [MaxTimeout] is not allowed.
	Timeout time.Duration

	answer   upstream.Answer
	failure  *upstream.Error
	value    float64 // the progress, in percent
	reported float64 // what was last told of it
	stage    upstream.Stage
	timedOut bool

	reading sync.WaitGroup
	readErr error // how opening or reading the chat failed; of the reading goroutine until it ends
}

// update is what a client is told.
type update struct {
	Status   string  `json:"status"`
	Progress float64 `json:"progress"`
	Message  string  `json:"message"`
	Result   *string `json:"result,omitempty"`

	// They are in the event that says that the chat was created, so that another
	// replica can go on with the job.
	ChatID         string `json:"chat_id,omitempty"`
	ConversationID string `json:"conversation_id,omitempty"`
}

// Values of the status.
const (
	statusProcessing = "processing"
	statusDone       = "done"
	statusError      = "error"
)

// Events yields the job's progress; the last event says that it is done, or how it
// failed. It ends when ctx does.
func (j *Job) Events(ctx context.Context) iter.Seq[typewriter.Event] {
	return func(yield func(typewriter.Event) bool) {
		deadline := time.Now().Add(j.Timeout)
		ctx, cancel := context.WithDeadline(ctx, deadline)
		defer cancel()
		if !yield(j.begin()) {
			return
		}
		chat := make(chan typewriter.Event)
		j.reading.Go(func() { j.read(ctx, chat) }) // until the chat has ended, or ctx has
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

// read hands on the chat's events. A panic there is a failure of the job.
func (j *Job) read(ctx context.Context, chat chan<- typewriter.Event) {
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

// cancelTimeout is how long the upstream may take to stop a chat.
const cancelTimeout = 5 * time.Second

// Close waits until nothing is read any more. A chat that took too long is cancelled.
func (j *Job) Close(ctx context.Context) {
	j.reading.Wait()
	if j.timedOut && j.answer.ChatID != "" {
		ctx, cancel := context.WithTimeout(ctx, cancelTimeout)
		defer cancel()
		j.Cancel(ctx, j.answer.ChatID, j.answer.ConversationID)
	}
}

// Failure returns how the job failed, or nil. It is to be called when the events are
// over.
func (j *Job) Failure() *upstream.Error { return j.failure }

// span is the part of the progress that belongs to a stage, in percent: it begins at
// from, and without news it creeps towards to, which it does not pass.
type span struct{ from, to float64 }

var spans = [...]span{
	upstream.Waiting:   {1, 8},
	upstream.Created:   {9, 14},
	upstream.Working:   {15, 24},
	upstream.Thinking:  {25, 34},
	upstream.Answering: {35, 94},
	upstream.Completed: {95, 99},
}

// How the answer's growth becomes progress, its length being unknown: towards mostText
// it comes nearer by the same factor with each typicalLength characters.
const (
	mostText      = 90
	typicalLength = 150
)

// begin tells that the job has begun, or goes on.
func (j *Job) begin() typewriter.Event {
	j.value = max(j.value, spans[j.stage].from)
	return j.report()
}

// advance brings the progress to where the chat is, and reports whether that is worth
// telling.
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

// extrapolate moves the progress on without news: so that, if there are none until the time
// is over, it comes to the end of its stage's span then.
func (j *Job) extrapolate(left time.Duration) {
	to := spans[j.stage].to
	steps := math.Ceil(float64(left)/float64(maxSilence)) + 1
	const hundredths = 100
	next := math.Round((j.value+(to-j.value)/steps)*hundredths) / hundredths
	j.value = max(j.value, min(next, to))
}

// report tells how far the job is.
func (j *Job) report() typewriter.Event {
	u := update{Status: statusProcessing, Progress: j.value, Message: j.Lang.stage(j.stage, j.answer.Length)}
	if j.stage == upstream.Created {
		u.ChatID, u.ConversationID = j.answer.ChatID, j.answer.ConversationID
	}
	j.reported = j.value
	return j.event(u)
}

// Reasons of failures that are the job's own; others are those of package upstream.
const (
	reasonCanceled = "canceled"
	reasonEmpty    = "empty"   // there is no text in the answer
	reasonStopped  = "stopped" // the chat was, at the service
	reasonTimeout  = "summarize_timeout"
)

// end tells how the job has ended.
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
	case j.answer.ChatID != "" && j.answer.Stage < upstream.Completed:
		j.failure = &upstream.Error{Reason: reasonStopped}
	case result == "":
		j.failure = &upstream.Error{Reason: reasonEmpty}
	default:
		return j.event(update{Status: statusDone, Progress: 100, Message: j.Lang.done(), Result: &result})
	}
	return j.event(update{Status: statusError, Progress: j.value, Message: j.Lang.failure(j.failure, j.Timeout)})
}

// Stopped is the last event of a job that its client has stopped.
func (j *Job) Stopped() typewriter.Event {
	return j.event(update{Status: statusError, Progress: j.value, Message: j.Lang.stopped()})
}

func (j *Job) event(u update) typewriter.Event {
	return typewriter.Event{Frame: &typewriter.Frame{Name: j.EventName, Head: string(jsonx.Marshal(u))}}
}
