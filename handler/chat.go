package handler

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

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

// readPost reads the body of a request and the parameter for event ids. After an error
// readPost has answered the client and reports false.
func (h *Handler) readPost(c *app.RequestContext) (body []byte, withIDs, ok bool) {
	if body, ok = h.readBody(c); !ok {
		return nil, false, false
	}
	withIDs, err := paramEventIDs.parseSwitch(c, false)
	if err != nil {
		failBadRequest(c, err)
		return nil, false, false
	}
	return body, withIDs, true
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

// openChat opens a chat and starts to record the answer. Without a stream openChat answers
// the client, releases the ticket and reports false.
//
//nolint:contextcheck // the stream outlives the request
func (h *Handler) openChat(ctx context.Context, c *app.RequestContext, t ticket, body []byte) (s *streams.Stream, ok bool) {
	defer func() {
		if !ok {
			t.release()
		}
	}()
	req, err := h.requests.chat(c, body)
	if err != nil {
		failBadRequest(c, err)
		return nil, false
	}
	opening := req.Opening()
	// The upstream request outlives the client: another request may resume the stream.
	upCtx, cancel := context.WithCancel(h.lifecycle.shutdownCtx)
	defer context.AfterFunc(ctx, cancel)()
	asked := time.Now()
	var reply *upstream.Reply
	onNewStack(func() { reply, err = targetOf(c).upstream.Client.Do(upCtx, req) })
	if err != nil {
		cancel()
		h.errors.failUpstream(c, err)
		return nil, false
	}
	if format := reply.Recognize(targetOf(c).upstream.Formats); format != nil {
		req.Format, targetOf(c).format = format, format
	}
	if !reply.IsStream() {
		defer cancel()
		h.passOrTranslate(c, reply)
		return nil, false
	}
	return h.recordReply(c, openedChat{t, reply, origin{targetOf(c).upstream, req.Format, opening}, asked, cancel}), true
}

// recordReply adds the headers of a reply to the response, and starts to record the stream.
func (h *Handler) recordReply(c *app.RequestContext, chat openedChat) *streams.Stream {
	header := chat.reply.Header
	dropHopByHop(header)
	h.cors.Strip(header)
	header.Del("Content-Length")
	for name, values := range header {
		if hasAnyPrefix(name, chat.origin.format.ReplyHeaders) {
			setHeader(c, name, values)
		}
	}
	return h.recorder.recordChat(chat)
}

func hasAnyPrefix(s string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(s, prefix) })
}

// setHeader sets a header of the response to the values of the upstream's.
func setHeader(c *app.RequestContext, name string, values []string) {
	if name != "Vary" { // the server may have added to it
		c.Response.Header.Del(name)
	}
	for _, value := range values {
		c.Response.Header.Add(name, value)
	}
}

// passOrTranslate answers a chat with a reply that is not a stream: unchanged, or as an
// error if the format of the chat is translated. The reply is closed.
func (h *Handler) passOrTranslate(c *app.RequestContext, reply *upstream.Reply) {
	if formatOf(c).Translation == nil {
		h.passReply(c, reply)
		return
	}
	defer reply.Close()
	failed := reply.ReadError()
	if reply.Status >= http.StatusBadRequest {
		failed.Status = reply.Status
	}
	if wait := reply.Header.Get("Retry-After"); wait != "" {
		c.Response.Header.Set("Retry-After", wait)
	}
	fail(c, failed)
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
	v.format = h.options.Upstreams.format(s.Origin)
	if v.pace.MinInterval == typewriter.Auto && v.format.MinInterval > 0 {
		v.pace.MinInterval = v.format.MinInterval
	}
	w := newEventWriter(c, s, v, observer)
	player := typewriter.Player{Log: s.Log, Pace: v.pace, From: v.from, Heartbeat: h.options.Heartbeat, Skip: &s.Skipping, TrimPlayed: !s.Resumable()}
	// Official SDKs fail at an event without data; they never GET.
	if err = w.play(ctx, player, v.withIDs && c.IsGet()); err != nil {
		w.out.Abort(err)
	} else if v.format.BreaksOff && w.hasFailed(v.format) {
		w.out.Abort(errFailed)
	}
}

// errFailed breaks off the response to a stream that has failed.
var errFailed = errors.New("the stream has failed")

// onNewStack runs f in another goroutine and waits for the end of f. A request to the
// upstream needs a deep stack, and a playing handler would retain the stack: 8.0 KB for
// each stream, measured with 900 streams.
func onNewStack(f func()) {
	var panicked any
	done := make(chan struct{})
	go func() { // ends with f
		defer close(done)
		defer func() { panicked = recover() }()
		f()
	}()
	<-done
	if panicked != nil {
		panic(panicked)
	}
}
