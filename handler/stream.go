package handler

import (
	"context"
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
	canceled := &atomic.Bool{}
	var s *streams.Stream
	s = h.Streams.Open(r.owner, r.kept, streams.Source{
		LogID: reply.Header.Get(headerLogID),
		Stop:  r.cancel,
		Cancel: func(ctx context.Context) {
			canceled.Store(true)
			r.cancel()
			s.Log.Skip() // nobody wants to wait for what is left
			if chatID, conversationID := reply.Chat(); chatID != "" {
				_ = h.Upstream.Cancel(ctx, r.header, chatID, conversationID) // it may be over by now
			}
		},
		Failure: func() string {
			if failed := failure(); failed != nil && !canceled.Load() {
				return failed.Reason
			}
			return ""
		},
	})
	// It ends with the upstream's stream, at the latest when that is cancelled.
	h.live.Go(func() {
		defer r.cancel()
		err := typewriter.Record(func(yield func(typewriter.Event) bool) {
			for e := range events {
				if canceled.Load() {
					yield(upstream.DoneEvent())
					return
				}
				if !yield(e) {
					return
				}
			}
		}, s.Log, upstream.ErrorEvent(upstream.ErrRefused))
		s.Ended()
		if err != nil {
			reply.Close()
			return
		}
		reply.Drain()
	})
	return s
}
