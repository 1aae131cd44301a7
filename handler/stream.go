package handler

import (
	"context"
	"iter"
	"net/http"
	"sync/atomic"
	"time"

	"sse-typewriter/internal/streams"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// recording is a stream that is to be read, and what it needs to know of the request
// that it answers.
type recording struct {
	opening
	events iter.Seq[typewriter.Event]
	source streams.Source

	// release is called when the log has ended, with the error of recording.
	release func(error)
}

// record starts to read a stream.
func (h *Handler) record(r recording) *streams.Stream {
	source, gaveUp := h.timed(r.source)
	s := h.Streams.Open(r.id, r.owner, r.kept, source)
	// It ends with the upstream's stream, at the latest when that is cancelled.
	h.live.Go(func() {
		defer r.leave()
		defer gaveUp() // once the upstream has been released
		r.release(s.Record(h.counted(r.events, source)))
	})
	return s
}

// opened is a chat that the upstream has begun to answer.
type opened struct {
	opening
	reply  *upstream.Reply
	header http.Header        // that went upstream
	asked  time.Time          // when it did
	cancel context.CancelFunc // ends the reply's context
}

// recordChat starts to read a chat's reply into a stream.
func (h *Handler) recordChat(o opened) *streams.Stream {
	events, failure := o.reply.Events()
	source, canceled := h.source(o.header, o.reply.Chat(), failure, o.cancel)
	source.LogID = o.reply.Header.Get(headerLogID)
	return h.record(recording{
		opening: o.opening,
		events:  untilCanceled(h.timedText(events, o.asked), canceled, upstream.DoneEvent),
		source:  source,
		release: func(err error) {
			defer o.cancel()
			if err != nil {
				o.reply.Close()
				return
			}
			o.reply.Drain()
		},
	})
}

// untilCanceled has a stream end in order when it is cancelled: with a last event.
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

// source is where a chat's events come from: what stops them and what became of them.
// It reports whether they were cancelled, too.
func (h *Handler) source(header http.Header, chat func() (id, conversationID string), failure func() *upstream.Error, stop context.CancelFunc) (streams.Source, *atomic.Bool) {
	canceled := &atomic.Bool{}
	return streams.Source{
		Stop: stop,
		Cancel: func(ctx context.Context) {
			canceled.Store(true)
			stop()
			if id, conversationID := chat(); id != "" {
				h.cancelChat(header)(ctx, id, conversationID)
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

// proceed goes on with a stream that another replica has lost. It is a
// [streams.Continue].
func (h *Handler) proceed(ctx context.Context, header http.Header, seen iter.Seq[typewriter.Event]) (iter.Seq[typewriter.Event], streams.Source) {
	if events, source, ok := h.proceedSummary(ctx, header, seen); ok {
		return h.counted(events, source), source
	}
	ctx, cancel := context.WithCancel(ctx)
	events, failure := h.Upstream.Continue(ctx, header, seen)
	id, conversationID := upstream.ChatOf(seen)
	chat := func() (string, string) { return id, conversationID }
	source, canceled := h.source(header, chat, failure, cancel)
	return h.counted(untilCanceled(events, canceled, upstream.DoneEvent), source), source
}
