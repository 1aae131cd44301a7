package handler

import (
	"context"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// stream is an upstream's answer on its way into a log.
type stream struct {
	id    string
	logid string // the upstream's name for the request, to be quoted to its support
	log   *typewriter.Log

	// stop gives up the upstream, if its stream has not ended.
	stop context.CancelFunc

	// failure tells how the upstream's stream ended, once the log has.
	failure func() *upstream.Error
}

// record starts to read a reply into a log. Whoever opened the reply with a
// context passes the function that cancels it.
func (h *Handler) record(reply *upstream.Reply, cancel context.CancelFunc) *stream {
	events, failure := reply.Events()
	s := &stream{
		id:      newID(),
		logid:   reply.Header.Get(headerLogID),
		log:     typewriter.NewLog(h.MaxLogBytes),
		stop:    cancel,
		failure: failure,
	}
	// It ends with the upstream's stream, at the latest when that is cancelled.
	h.live.Go(func() {
		defer cancel()
		if err := typewriter.Record(events, s.log, upstream.ErrorEvent(upstream.ErrRefused)); err != nil {
			reply.Close()
			return
		}
		reply.Drain()
	})
	return s
}
