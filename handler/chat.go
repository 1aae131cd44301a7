package handler

import (
	"context"
	"net/http"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/hertz-contrib/sse"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/internal/streams"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// chat serves POST /v3/chat and its like: the body goes upstream as it is. Without a
// body a request is made of the query.
func (h *Handler) chat(ctx context.Context, c *app.RequestContext) {
	body, withIDs, ok := h.readPost(c)
	if !ok {
		return
	}
	last := sse.GetLastEventID(c)
	switch {
	case withIDs && last != "":
		h.resume(ctx, c, last)
	case prefersAsync(c):
		h.startChat(ctx, c, body)
	default:
		h.serveChat(ctx, c, body, withIDs)
	}
}

// readPost reads a request's body, and whether its stream is to have ids. If either cannot
// be, it answers the client.
func (h *Handler) readPost(c *app.RequestContext) (body []byte, withIDs, ok bool) {
	if body, ok = h.readBody(c); !ok {
		return nil, false, false
	}
	withIDs, err := eventIDs(c)
	if err != nil {
		fail(c, http.StatusBadRequest, codeBadRequest, err.Error())
		return nil, false, false
	}
	return body, withIDs, true
}

// chatGet serves GET /v3/chat, for EventSource, which can send no body.
func (h *Handler) chatGet(ctx context.Context, c *app.RequestContext) {
	if _, ok := h.readBody(c); !ok { // it has none to be of use
		return
	}
	if last := lastEventID(c); last != "" {
		h.resume(ctx, c, last) // never a second chat
		return
	}
	h.serveChat(ctx, c, nil, true)
}

// serveChat opens a chat and plays its answer. Without a body it makes one.
func (h *Handler) serveChat(ctx context.Context, c *app.RequestContext, body []byte, withIDs bool) {
	pace, err := h.pace(c)
	if err != nil {
		fail(c, http.StatusBadRequest, codeBadRequest, err.Error())
		return
	}
	o, ok := h.admit(ctx, c, withIDs)
	if !ok {
		return
	}
	leave, ok := h.admitReader(ctx, c, o)
	if !ok {
		return
	}
	defer leave()
	defer CancelOnDisconnect(c)()
	if s, ok := h.openChat(ctx, c, o, body); ok {
		h.view(ctx, c, s, viewing{pace: pace, withIDs: withIDs})
	}
}

// startChat opens a chat without a reader and tells where to read it.
func (h *Handler) startChat(ctx context.Context, c *app.RequestContext, body []byte) {
	o, ok := h.admit(ctx, c, true)
	if !ok {
		return
	}
	defer CancelOnDisconnect(c)()
	s, ok := h.openChat(ctx, c, o, body)
	if !ok {
		return
	}
	tellAddress(c, s)
}

// tellAddress answers with where a stream can be read, and leaves it.
func tellAddress(c *app.RequestContext, s *streams.Stream) {
	defer s.Detach()
	url := streamsPath + s.ID
	c.Response.Header.Set("Location", url)
	c.Response.Header.Set("Preference-Applied", "respond-async")
	if s.LocalOnly {
		c.Response.Header.Set("Typewriter-Resume", resumeUnavailable)
	}
	c.Data(http.StatusAccepted, "application/json", jsonx.Marshal(struct {
		Stream string `json:"stream"`
		URL    string `json:"url"`
	}{s.ID, url}))
}

// openChat opens a chat and starts to record its answer. If there is no stream, it
// answers the client itself and reports false.
//
//nolint:contextcheck // the stream's life is its own
func (h *Handler) openChat(ctx context.Context, c *app.RequestContext, o opening, body []byte) (s *streams.Stream, ok bool) {
	defer func() {
		if !ok {
			o.leave()
		}
	}()
	req, err := h.chatRequest(c, body)
	if err != nil {
		fail(c, http.StatusBadRequest, codeBadRequest, err.Error())
		return nil, false
	}
	header := req.Header.Clone()
	// The stream may be read to its end when the client has gone, and be kept for a
	// client that comes back.
	upCtx, cancel := context.WithCancel(h.ending)
	defer context.AfterFunc(ctx, cancel)()
	asked := time.Now()
	var reply *upstream.Reply
	apart(func() { reply, err = h.Upstream.Do(upCtx, req) })
	if err != nil {
		cancel()
		h.failOpen(c, err)
		return nil, false
	}
	if !reply.IsStream() {
		defer cancel()
		h.passReply(c, reply)
		return nil, false
	}
	return h.recordChat(opened{o, reply, header, asked, cancel}), true
}

// viewing is how a client sees a stream.
type viewing struct {
	pace    typewriter.Pace
	withIDs bool
	from    typewriter.Position
	known   int // how many entries were there before the client came
}

// view plays a stream to a client until it has ended or the client has gone, and
// detaches it.
func (h *Handler) view(ctx context.Context, c *app.RequestContext, s *streams.Stream, v viewing) {
	defer s.Detach()
	defer context.AfterFunc(h.ending, s.Skipping.Set)() //nolint:contextcheck // the server ends: no time is left to type it
	seen := h.see(c, s, v)
	err := errPanic // if it does not get further
	defer func() { seen.end(ctx, s, err) }()
	w := newEventWriter(c, s, v.withIDs)
	w.seen = seen
	player := typewriter.Player{Log: s.Log, Pace: v.pace, From: v.from, Heartbeat: h.Heartbeat, Skip: &s.Skipping, TrimPlayed: !s.Resumable()}
	if err = play(ctx, w, player, v.withIDs && c.IsGet()); err != nil {
		w.body.abort(err)
	}
}

// play sends a stream's header and plays it; with an id at its beginning, over which
// official SDKs break, if that is wanted.
func play(ctx context.Context, w *eventWriter, player typewriter.Player, withFirstID bool) error {
	open := w.open
	if withFirstID {
		open = func() error { return w.openAt(player.From) }
	}
	if err := open(); err != nil {
		return err
	}
	return player.Play(ctx, w)
}

// apart runs f in a goroutine of its own, and waits for it. What f calls needs a deep
// stack, which this goroutine would keep for as long as it plays.
func apart(f func()) {
	var failed any
	done := make(chan struct{})
	go func() { // ends with f
		defer close(done)
		defer func() { failed = recover() }()
		f()
	}()
	<-done
	if failed != nil {
		panic(failed)
	}
}
