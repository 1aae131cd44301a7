package handler

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/streams"
	"sse-typewriter/upstream"
)

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
	req, err := buildChat(c, body)
	if err != nil {
		failBadRequest(c, err)
		return nil, false
	}
	// The upstream request outlives the client: another request may resume the stream.
	upCtx, cancel := context.WithCancel(h.lifecycle.shutdownCtx)
	defer context.AfterFunc(ctx, cancel)()
	var o opened
	onNewStack(func() { o = h.open(upCtx, cancel, chatRequest{t, targetOf(c).upstream, req}) })
	o.describe(c)
	if o.stream != nil {
		return o.stream, true
	}
	defer cancel()
	if o.err != nil {
		h.errors.failUpstream(c, o.err)
	} else {
		h.passOrTranslate(c, o.reply)
	}
	return nil, false
}

// chatRequest is the request that opens a chat.
type chatRequest struct {
	ticket
	upstream *Upstream
	request  upstream.Request
}

// opened is the result of opening a chat. One of stream, reply, rejected and err is set.
type opened struct {
	stream *streams.Stream
	header http.Header      // of the response to the clients of the stream
	format *upstream.Format // of the reply if recognized, or nil

	// reply is the reply of the upstream if it is not a stream, to be closed by the receiver.
	reply *upstream.Reply

	rejected *apierror.Error // the rejection by a limit of the server
	err      error           // the failure of the upstream

	// release, if not nil, is to be called once the reply has been passed on.
	release func()
}

// describe gives a request the format of the reply, and the response the header.
func (o opened) describe(c *app.RequestContext) {
	if o.format != nil {
		targetOf(c).format = o.format
	}
	for name, values := range o.header {
		setHeader(c, name, values)
	}
}

// open opens a chat and starts to record the answer. Without a stream the caller releases
// the ticket. The context bounds the chat; the stream calls cancel at its end.
func (h *Handler) open(ctx context.Context, cancel context.CancelFunc, chat chatRequest) (o opened) {
	format, asked := chat.request.Format, time.Now()
	opening := upstream.Opening{Header: chat.request.Header.Clone()}
	if format != nil {
		opening = chat.request.Opening()
	}
	if o.reply, o.err = chat.upstream.Client.Do(ctx, chat.request); o.err != nil {
		return o
	}
	if o.format = o.reply.Recognize(chat.upstream.Formats); o.format != nil {
		format = o.format
	}
	if format == nil || !o.reply.IsStream() {
		return o
	}
	o.header = h.replyHeader(o.reply, format)
	o.stream = h.recorder.recordChat(openedChat{chat.ticket, o.reply, origin{upstream: chat.upstream, format: format, opening: opening}, asked, cancel})
	o.reply = nil
	return o
}

// replyHeader returns the headers of a reply that the clients of the stream get.
func (h *Handler) replyHeader(reply *upstream.Reply, format *upstream.Format) http.Header {
	header := reply.Header.Clone()
	dropHopByHop(header)
	h.live.Load().cors.Strip(header)
	header.Del("Content-Length")
	maps.DeleteFunc(header, func(name string, _ []string) bool { return !hasAnyPrefix(name, format.ReplyHeaders) })
	return header
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
