package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/summary"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// summarizePath is where a text's summary is asked for.
const summarizePath = "/ai/summarize"

// summaryAsk is what a request for a summary says.
type summaryAsk struct {
	Text  string `json:"text"`
	BotID string `json:"bot_id"`
	Lang  string `json:"lang"`
}

// summarize serves POST /ai/summarize, whose body is JSON.
func (h *Handler) summarize(ctx context.Context, c *app.RequestContext) {
	body, withIDs, ok := h.readPost(c)
	if !ok {
		return
	}
	if last := lastEventID(c); withIDs && last != "" {
		h.resume(ctx, c, last)
		return
	}
	ask := summaryAsk{}
	if err := json.Unmarshal(body, &ask); err != nil {
		fail(c, http.StatusBadRequest, codeBadRequest, `request body cannot be read: want JSON as {"text":"..."}`)
		return
	}
	h.serveSummary(ctx, c, ask, withIDs)
}

// summarizeGet serves GET /ai/summarize, for EventSource.
func (h *Handler) summarizeGet(ctx context.Context, c *app.RequestContext) {
	if _, ok := h.readBody(c); !ok { // it has none to be of use
		return
	}
	if last := lastEventID(c); last != "" {
		h.resume(ctx, c, last)
		return
	}
	h.serveSummary(ctx, c, summaryAsk{c.Query("text"), c.Query("bot_id"), c.Query("lang")}, true)
}

// serveSummary starts a job and shows its progress, or tells where that is shown.
func (h *Handler) serveSummary(ctx context.Context, c *app.RequestContext, ask summaryAsk, withIDs bool) {
	job, body, err := h.newJob(c, ask)
	if err != nil {
		fail(c, http.StatusBadRequest, codeBadRequest, err.Error())
		return
	}
	async := prefersAsync(c)
	o, ok := h.admit(ctx, c, withIDs || async)
	if !ok {
		return
	}
	if !async {
		leave, ok := h.admitReader(ctx, c, o)
		if !ok {
			return
		}
		defer leave()
	}
	defer CancelOnDisconnect(c)()
	header := h.upstreamHeader(c)
	header.Set("Content-Type", "application/json")
	s := h.recordSummary(o, chatJob{job, header, body}) //nolint:contextcheck // the stream's life is its own, as a chat's is
	if async {
		tellAddress(c, s)
		return
	}
	h.view(ctx, c, s, viewing{pace: h.Paces[typewriter.Raw], withIDs: withIDs})
}

// newJob makes a job of what is asked, and the chat that it begins with. The error is
// the client's.
func (h *Handler) newJob(c *app.RequestContext, ask summaryAsk) (*summary.Job, chatBody, error) {
	job := &summary.Job{Timeout: h.SummarizeTimeout}
	switch name := c.Query("event"); name {
	case "", summary.NamedEvent:
		job.EventName = name
	default:
		return nil, chatBody{}, fmt.Errorf("event %q is not known: want %s, or none", name, summary.NamedEvent)
	}
	var err error
	switch {
	case strings.TrimSpace(ask.Text) == "":
		return nil, chatBody{}, errors.New("text is missing: pass the text that is to be summarized")
	case len(ask.Text) > h.MaxSummarizeBytes:
		return nil, chatBody{}, fmt.Errorf("text is too long: want at most %d bytes", h.MaxSummarizeBytes)
	case ask.Lang != "":
		if job.Lang, err = summary.ParseLang(ask.Lang); err != nil {
			return nil, chatBody{}, err
		}
	default:
		job.Lang = summary.ChooseLang(c.Request.Header.Get("Accept-Language"), ask.Text)
	}
	body, err := h.newChatBody(ask.BotID, "", job.Lang.Prompt(ask.Text))
	return job, body, err
}

// chatJob is a job and the chat that is to be opened for it.
type chatJob struct {
	job    *summary.Job
	header http.Header
	body   chatBody
}

// recordSummary starts a job and reads its progress into a stream.
func (h *Handler) recordSummary(o opening, j chatJob) *streams.Stream {
	ctx, cancel := context.WithCancel(h.ending)
	var reply atomic.Pointer[upstream.Reply] // nil: there is none yet
	j.job.Open = func(ctx context.Context) (iter.Seq[typewriter.Event], func(), error) {
		asked := time.Now()
		r, err := h.Upstream.Do(ctx, upstream.Request{
			Method: http.MethodPost, Path: chatPath, Header: j.header.Clone(), Body: jsonx.Marshal(j.body),
		})
		if err != nil {
			return nil, nil, err
		}
		if !r.IsStream() {
			defer r.Close()
			return nil, nil, r.Refusal()
		}
		reply.Store(r)
		events, _ := r.Events() // how it failed is the last event
		return h.timedText(events, asked), r.Drain, nil
	}
	chat := func() (chatID, conversationID string) {
		if r := reply.Load(); r != nil {
			return r.Chat()()
		}
		return "", ""
	}
	j.job.Cancel = h.cancelChat(j.header)
	source, canceled := h.source(j.header, chat, j.job.Failure, cancel)
	return h.record(recording{
		opening: o,
		events:  untilCanceled(j.job.Events(ctx), canceled, j.job.Stopped),
		source:  source,
		release: func(error) {
			defer cancel()
			j.job.Close(ctx)
		},
	})
}

// cancelChat returns what stops a chat of a request's header.
func (h *Handler) cancelChat(header http.Header) func(ctx context.Context, chatID, conversationID string) {
	return func(ctx context.Context, chatID, conversationID string) {
		_ = h.Upstream.Cancel(ctx, header, chatID, conversationID) // it may be over by now
	}
}

// proceedSummary is proceed for the streams that are the progress of a job, and
// reports whether it is one.
func (h *Handler) proceedSummary(ctx context.Context, header http.Header, seen iter.Seq[typewriter.Event]) (iter.Seq[typewriter.Event], streams.Source, bool) {
	job := &summary.Job{Timeout: h.SummarizeTimeout, Cancel: h.cancelChat(header)}
	id, conversationID, ok := job.Resume(seen)
	if !ok {
		return nil, streams.Source{}, false
	}
	ctx, cancel := context.WithCancel(ctx)
	job.Open = func(ctx context.Context) (iter.Seq[typewriter.Event], func(), error) {
		events, _ := h.Upstream.ContinueChat(ctx, header, id, conversationID)
		return events, func() {}, nil
	}
	chat := func() (string, string) { return id, conversationID }
	source, canceled := h.source(header, chat, job.Failure, cancel)
	events := untilCanceled(job.Events(ctx), canceled, job.Stopped)
	return func(yield func(typewriter.Event) bool) {
		defer job.Close(ctx)
		events(yield)
	}, source, true
}
