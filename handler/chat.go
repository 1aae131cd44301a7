package handler

import (
	"bytes"
	"context"
	"errors"
	"net/http"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/hertz-contrib/sse"

	"sse-typewriter/internal/hertzio"
	"sse-typewriter/internal/jsonx"
	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/streams"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// chat serves POST /v3/chat and the other chats of the API. A JSON body goes upstream
// unchanged; a request without a body is built from the query.
func (h *Handler) chat(ctx context.Context, c *app.RequestContext) {
	p, ok := h.readPost(c)
	if !ok {
		return
	}
	last := sse.GetLastEventID(c)
	switch {
	case p.isResumable() && last != "":
		h.resume(ctx, c, last)
	case p.key != "":
		h.serveRepeatableChat(ctx, c, p)
	case prefersAsync(c):
		h.startChat(ctx, c, p.body)
	default:
		h.serveChat(ctx, c, p.body, p.withIDs)
	}
}

// posted is a POST: the body, the idempotency key or "", and the parameter for event ids.
type posted struct {
	body    []byte
	key     string
	withIDs bool
}

// isResumable reports whether the client can resume the stream.
func (p posted) isResumable() bool { return p.withIDs || p.key != "" }

// readPost reads a POST. After an error readPost has answered the client and reports false.
func (h *Handler) readPost(c *app.RequestContext) (p posted, ok bool) {
	if p.body, ok = h.readBody(c); !ok {
		return p, false
	}
	var err error
	if p.withIDs, err = paramEventIDs.parseSwitch(c, false); err == nil {
		p.key, err = idempotencyKey(c)
	}
	if err != nil {
		failBadRequest(c, err)
		return p, false
	}
	return p, true
}

// chatGet serves GET /v3/chat for EventSource, a client without request bodies.
func (h *Handler) chatGet(ctx context.Context, c *app.RequestContext) {
	if _, ok := h.readBody(c); !ok { // any body is ignored
		return
	}
	if last := lastEventID(c); last != "" {
		h.resume(ctx, c, last) // never a second chat
		return
	}
	h.serveChat(ctx, c, nil, true)
}

// serveChat opens a chat and plays the answer.
func (h *Handler) serveChat(ctx context.Context, c *app.RequestContext, body []byte, withIDs bool) {
	pace, err := targetOf(c).upstream.pace(c)
	if err != nil {
		failBadRequest(c, err)
		return
	}
	t, ok := h.admit.stream(ctx, c, withIDs)
	if !ok {
		return
	}
	release, ok := h.admit.firstView(ctx, c, t)
	if !ok {
		return
	}
	defer release()
	defer hertzio.CancelOnDisconnect(c)()
	if s, ok := h.openChat(ctx, c, t, body); ok {
		h.play(ctx, c, s, view{pace: pace, withIDs: withIDs})
	}
}

// startChat opens a chat without a viewer and answers with the stream's URL.
func (h *Handler) startChat(ctx context.Context, c *app.RequestContext, body []byte) {
	t, ok := h.admit.stream(ctx, c, true)
	if !ok {
		return
	}
	defer hertzio.CancelOnDisconnect(c)()
	if s, ok := h.openChat(ctx, c, t, body); ok {
		sendStreamURL(c, s)
	}
}

// serveRepeatableChat is serveChat and startChat for a POST with an idempotency key.
func (h *Handler) serveRepeatableChat(ctx context.Context, c *app.RequestContext, p posted) {
	pace, err := targetOf(c).upstream.pace(c)
	if err != nil {
		failBadRequest(c, err)
		return
	}
	req, err := buildChat(c, bytes.Clone(p.body)) // the chat outlives the request
	if err != nil {
		failBadRequest(c, err)
		return
	}
	u := targetOf(c).upstream
	h.serveRepeatable(ctx, c, repeatable{
		claim: h.claim(c, p), withIDs: p.withIDs, pace: pace,
		open: func(ctx context.Context, cancel context.CancelFunc, t ticket) opened {
			return h.open(ctx, cancel, chatRequest{t, u, req})
		},
	})
}

// sendStreamURL answers with the URL of a stream, and detaches from the stream. A client
// must send the history with its next question if the format is translated: the service
// keeps no conversations.
func sendStreamURL(c *app.RequestContext, s *streams.Stream) {
	defer s.Detach()
	url := streamsPath + s.ID
	c.Response.Header.Set("Location", url)
	c.Response.Header.Set("Preference-Applied", "respond-async")
	if s.LocalOnly {
		c.Response.Header.Set(headerResume, metrics.ResumeUnavailable)
	}
	c.Data(http.StatusAccepted, "application/json", jsonx.Marshal(struct {
		Stream    string `json:"stream"`
		URL       string `json:"url"`
		Stateless bool   `json:"stateless,omitempty"`
	}{s.ID, url, formatOf(c).Translation != nil}))
}

// view is the way a stream is sent to a client.
type view struct {
	pace    typewriter.Pace
	withIDs bool
	from    typewriter.Position
	known   int              // number of entries that arrived before the client
	format  *upstream.Format // of the stream; set by play
}

// play sends a stream to a client until the stream ends or the client disconnects, and
// detaches from the stream.
func (h *Handler) play(ctx context.Context, c *app.RequestContext, s *streams.Stream, v view) {
	defer s.Detach()
	defer context.AfterFunc(h.lifecycle.shutdownCtx, s.Skipping.Set)() //nolint:contextcheck // a shutdown leaves no time for pacing
	observer := h.observer.view(c, s, v)
	err := errPanic // unless play gets further
	defer func() { observer.end(ctx, s, err) }()
	v.format = settingsOf(c).upstreams.format(s.Origin)
	if v.pace.MinInterval == typewriter.Auto && v.format.MinInterval > 0 {
		v.pace.MinInterval = v.format.MinInterval
	}
	w := newEventWriter(c, s, v, observer)
	player := typewriter.Player{Log: s.View(), Pace: v.pace, From: v.from, Heartbeat: h.options.Heartbeat, Skip: &s.Skipping, TrimPlayed: !s.Resumable()}
	// Official SDKs fail at an event without data; they never GET from paths of EventSource.
	if err = w.play(ctx, player, v.withIDs && c.IsGet() && isEventSourcePath(targetOf(c).path)); err != nil {
		w.out.Abort(err)
	} else if v.format.BreaksOff && w.hasFailed(v.format) {
		w.out.Abort(errFailed)
	}
}

// errFailed breaks off the response to a stream that has failed.
var errFailed = errors.New("the stream has failed")
