package handler

import (
	"context"
	"iter"
	"net/http"
	"sync/atomic"
	"time"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/streams"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// recorder reads answers of the upstream into streams.
type recorder struct {
	upstream       *upstream.Client
	streams        *streams.Registry
	observer       observer
	lifecycle      *lifecycle
	summaryTimeout time.Duration
}

// recording is a stream to be recorded.
type recording struct {
	ticket
	events iter.Seq[typewriter.Event]
	source streams.Source

	// close is called when the stream has ended, with the error of recording.
	close func(error)
}

// record starts to record a stream.
func (r *recorder) record(rec recording) *streams.Stream {
	source, released := r.observer.timeCancel(rec.source)
	s := r.streams.Open(rec.id, rec.owner, rec.resumable, source)
	// The goroutine ends with the upstream's stream, at the latest by a cancellation.
	r.lifecycle.inflight.Go(func() {
		defer rec.release()
		defer released() // after the upstream has been released
		rec.close(s.Record(r.observer.countFailure(rec.events, source)))
	})
	return s
}

// openedChat is a chat with the beginning of an answer.
type openedChat struct {
	ticket
	reply  *upstream.Reply
	header http.Header        // of the upstream request
	asked  time.Time          // when the request was sent
	cancel context.CancelFunc // ends the context of the reply
}

// recordChat starts to record the answer of a chat.
func (r *recorder) recordChat(chat openedChat) *streams.Stream {
	events, failure := chat.reply.Events()
	source, canceled := r.source(chat.header, chat.reply.Chat(), failure, chat.cancel)
	source.LogID = chat.reply.Header.Get(headerLogID)
	return r.record(recording{
		ticket: chat.ticket,
		events: untilCanceled(r.observer.timeFirstText(events, chat.asked), canceled, upstream.DoneEvent),
		source: source,
		close: func(err error) {
			defer chat.cancel()
			if err != nil {
				chat.reply.Close()
				return
			}
			chat.reply.Drain()
		},
	})
}

// untilCanceled ends a canceled stream in order, with a last event.
func untilCanceled(events iter.Seq[typewriter.Event], canceled *atomic.Bool, last func() typewriter.Event) iter.Seq[typewriter.Event] {
	return func(yield func(typewriter.Event) bool) {
		for e := range events {
			if canceled.Load() {
				yield(last())
				return
			}
			if !yield(e) {
				return
			}
		}
	}
}

// source returns the source of a chat's events. canceled becomes true when the source is
// canceled; a canceled source has not failed.
func (r *recorder) source(
	header http.Header, chat func() (id, conversationID string), failure func() *apierror.Error, stop context.CancelFunc,
) (source streams.Source, canceled *atomic.Bool) {
	canceled = &atomic.Bool{}
	return streams.Source{
		Stop: stop,
		Cancel: func(ctx context.Context) {
			canceled.Store(true)
			stop()
			if id, conversationID := chat(); id != "" {
				r.cancelChat(header)(ctx, id, conversationID)
			}
		},
		Failure: func() (reason string, cause error) {
			if failed := failure(); failed != nil && !canceled.Load() {
				return failed.Reason, failed.Err
			}
			return "", nil
		},
	}, canceled
}

// cancelChat returns a function that cancels a chat with the credential of a request.
func (r *recorder) cancelChat(header http.Header) func(ctx context.Context, chatID, conversationID string) {
	return func(ctx context.Context, chatID, conversationID string) {
		_ = r.upstream.Cancel(ctx, header, chatID, conversationID) // the chat may have ended
	}
}

// proceed continues a stream of a lost replica, with the credential in header. See
// [streams.Continue].
func (r *recorder) proceed(ctx context.Context, header http.Header, seen iter.Seq[typewriter.Event]) (iter.Seq[typewriter.Event], streams.Source) {
	if events, source, ok := r.proceedSummary(ctx, header, seen); ok {
		return r.observer.countFailure(events, source), source
	}
	ctx, cancel := context.WithCancel(ctx)
	events, failure := r.upstream.Continue(ctx, header, seen)
	id, conversationID := upstream.ChatOf(seen)
	chat := func() (string, string) { return id, conversationID }
	source, canceled := r.source(header, chat, failure, cancel)
	return r.observer.countFailure(untilCanceled(events, canceled, upstream.DoneEvent), source), source
}
