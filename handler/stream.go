package handler

import (
	"context"
	"iter"
	"net/http"
	"sync/atomic"

	"sse-typewriter/streams"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// recording is what a stream needs to know of the request that it answers.
type recording struct {
	owner  string             // whom it belongs to
	header http.Header        // that went upstream
	kept   bool               // whether a viewer can come back
	cancel context.CancelFunc // ends the reply's context
}

// record starts to read a reply into a stream.
func (h *Handler) record(reply *upstream.Reply, r recording) *streams.Stream {
	events, failure := reply.Events()
	source, canceled := h.source(r.header, reply.Chat, failure, r.cancel)
	source.LogID = reply.Header.Get(headerLogID)
	s := h.Streams.Open(r.owner, r.kept, source)
	// It ends with the upstream's stream, at the latest when that is cancelled.
	h.live.Go(func() {
		defer r.cancel()
		err := typewriter.Record(untilCanceled(events, canceled), s.Log, upstream.ErrorEvent(upstream.ErrRefused))
		s.Ended()
		if err != nil {
			reply.Close()
			return
		}
		reply.Drain()
	})
	return s
}

// untilCanceled has a stream end in order when it is cancelled.
func untilCanceled(events iter.Seq[typewriter.Event], canceled *atomic.Bool) iter.Seq[typewriter.Event] {
	return func(yield func(typewriter.Event) bool) {
		for e := range events {
			if canceled.Load() {
				yield(upstream.DoneEvent())
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
				_ = h.Upstream.Cancel(ctx, header, id, conversationID) // it may be over by now
			}
		},
		Failure: func() string {
			if failed := failure(); failed != nil && !canceled.Load() {
				return failed.Reason
			}
			return ""
		},
	}, canceled
}

// proceed goes on with a chat that another replica has lost. It is a
// [streams.Continue].
func (h *Handler) proceed(ctx context.Context, header http.Header, seen iter.Seq[typewriter.Event]) (iter.Seq[typewriter.Event], streams.Source) {
	ctx, cancel := context.WithCancel(ctx)
	events, failure := h.Upstream.Continue(ctx, header, seen)
	id, conversationID := upstream.ChatOf(seen)
	chat := func() (string, string) { return id, conversationID }
	source, canceled := h.source(header, chat, failure, cancel)
	return untilCanceled(events, canceled), source
}
