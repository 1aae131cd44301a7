package handler

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/hertz-contrib/sse"

	"sse-typewriter/typewriter"
)

// chat serves POST /v3/chat and its like: the body goes upstream as it is. Without a
// body a request is made of the query.
func (h *Handler) chat(ctx context.Context, c *app.RequestContext) {
	body, ok := h.readBody(c)
	if !ok {
		return
	}
	withIDs, err := eventIDs(c)
	if err != nil {
		fail(c, http.StatusBadRequest, codeBadRequest, err.Error())
		return
	}
	h.serveChat(ctx, c, body, withIDs)
}

// chatGet serves GET /v3/chat, for EventSource, which can send no body.
func (h *Handler) chatGet(ctx context.Context, c *app.RequestContext) {
	if sse.GetLastEventID(c) != "" {
		// A browser that reconnects must not start a second chat.
		c.Response.Header.Set("Typewriter-Resume", "gone")
		c.SetStatusCode(http.StatusNoContent)
		return
	}
	h.serveChat(ctx, c, nil, true)
}

// serveChat opens the chat and plays its answer. Without a body it makes one.
func (h *Handler) serveChat(ctx context.Context, c *app.RequestContext, body []byte, withIDs bool) {
	h.live.Add(1)
	defer h.live.Done()
	defer watchLeaving(c)()
	pace, err := h.pace(c)
	if err != nil {
		fail(c, http.StatusBadRequest, codeBadRequest, err.Error())
		return
	}
	req, err := h.chatRequest(c, body)
	if err != nil {
		fail(c, http.StatusBadRequest, codeBadRequest, err.Error())
		return
	}
	// The upstream's context is not the client's: a stream that ended well is
	// read to its end after the client has gone.
	upCtx, cancel := context.WithCancel(h.draining)
	gone := context.AfterFunc(ctx, cancel)
	defer gone()
	reply, err := h.Upstream.Do(upCtx, req) //nolint:contextcheck // see above
	if err != nil {
		cancel()
		failOpen(c, err)
		return
	}
	if !reply.IsStream() {
		h.passReply(c, reply)
		return
	}
	s := h.record(reply, cancel)
	h.view(ctx, c, s, pace, withIDs)
}

// view plays a stream to a client until it has ended or the client has gone.
func (h *Handler) view(ctx context.Context, c *app.RequestContext, s *stream, pace typewriter.Pace, withIDs bool) {
	started := time.Now()
	w := h.newEventWriter(c, s, withIDs)
	err := w.open()
	if err == nil {
		player := typewriter.Player{Log: s.log, Pace: pace, Heartbeat: h.Heartbeat, Forget: true}
		err = player.Play(ctx, w)
	}
	outcome := "done"
	switch {
	case err != nil:
		outcome = "left"
		s.stop()
	case s.failure() != nil:
		outcome = s.failure().Reason
	}
	h.Logger.LogAttrs(ctx, slog.LevelInfo, "stream ended",
		slog.String("stream", s.id),
		slog.String("route", string(c.Method())+" "+c.FullPath()),
		slog.String("mode", string(pace.Mode)),
		slog.String("logid", s.logid),
		slog.Int("graphemes", w.clusters),
		slog.Duration("duration", time.Since(started)),
		slog.String("outcome", outcome),
	)
}
