package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/hertzio"
	"sse-typewriter/internal/summary"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// summarizePath is the path of summaries.
const summarizePath = "/ai/summarize"

// summaryRequest is the body of a request for a summary.
type summaryRequest struct {
	Text  string `json:"text"`
	BotID string `json:"bot_id"`
	Lang  string `json:"lang"`
}

// summarize serves POST /ai/summarize, whose body is JSON.
func (h *Handler) summarize(ctx context.Context, c *app.RequestContext) {
	p, ok := h.readPost(c)
	if !ok {
		return
	}
	if last := lastEventID(c); p.isResumable() && last != "" {
		h.resume(ctx, c, last)
		return
	}
	req := summaryRequest{}
	if err := json.Unmarshal(p.body, &req); err != nil {
		fail(c, apierror.BadRequest.WithMsg(`request body cannot be read: want JSON as {"text":"..."}`))
		return
	}
	if p.key != "" {
		h.serveRepeatableSummary(ctx, c, p, req)
		return
	}
	h.serveSummary(ctx, c, req, p.withIDs)
}

// summarizeGet serves GET /ai/summarize, for EventSource.
func (h *Handler) summarizeGet(ctx context.Context, c *app.RequestContext) {
	if _, ok := h.readBody(c); !ok { // any body is ignored
		return
	}
	if last := lastEventID(c); last != "" {
		h.resume(ctx, c, last)
		return
	}
	h.serveSummary(ctx, c, summaryRequest{c.Query("text"), c.Query("bot_id"), c.Query("lang")}, true)
}

// serveSummary starts a summary and plays the progress, or answers with the stream's URL.
func (h *Handler) serveSummary(ctx context.Context, c *app.RequestContext, req summaryRequest, withIDs bool) {
	job, err := h.newChatJob(c, req)
	if err != nil {
		failBadRequest(c, err)
		return
	}
	async := prefersAsync(c)
	t, ok := h.admit.stream(ctx, c, withIDs || async)
	if !ok {
		return
	}
	if !async {
		release, ok := h.admit.firstView(ctx, c, t)
		if !ok {
			return
		}
		defer release()
	}
	defer hertzio.CancelOnDisconnect(c)()
	s := h.recorder.recordSummary(t, job) //nolint:contextcheck // the stream outlives the request
	if async {
		sendStreamURL(c, s)
		return
	}
	h.play(ctx, c, s, view{pace: targetOf(c).upstream.Paces[typewriter.Raw], withIDs: withIDs})
}

// serveRepeatableSummary is serveSummary for a POST with an idempotency key.
func (h *Handler) serveRepeatableSummary(ctx context.Context, c *app.RequestContext, p posted, req summaryRequest) {
	job, err := h.newChatJob(c, req)
	if err != nil {
		failBadRequest(c, err)
		return
	}
	h.serveRepeatable(ctx, c, repeatable{
		claim: h.claim(c, p), withIDs: p.withIDs, pace: targetOf(c).upstream.Paces[typewriter.Raw],
		open: func(_ context.Context, cancel context.CancelFunc, t ticket) opened {
			cancel()                                                // the summary has a context of its own
			return opened{stream: h.recorder.recordSummary(t, job)} //nolint:contextcheck // the stream outlives the request
		},
	})
}

// newChatJob returns the job of a request, with its chat. An error describes a fault of the
// request.
func (h *Handler) newChatJob(c *app.RequestContext, req summaryRequest) (chatJob, error) {
	job, q, err := h.newJob(c, req)
	if err != nil {
		return chatJob{}, err
	}
	chat, err := buildQuestion(c, q, "")
	return chatJob{job, chat, targetOf(c).upstream}, err
}

// newJob returns the job of a request, and the question of the job. An error describes a
// fault of the request.
func (h *Handler) newJob(c *app.RequestContext, req summaryRequest) (*summary.Job, upstream.Question, error) {
	job := &summary.Job{Timeout: h.options.SummarizeTimeout}
	switch name := c.Query("event"); name {
	case "", summary.NamedEvent:
		job.EventName = name
	default:
		return nil, upstream.Question{}, fmt.Errorf("event %q is unknown: want %s, or none", name, summary.NamedEvent)
	}
	var err error
	switch {
	case strings.TrimSpace(req.Text) == "":
		return nil, upstream.Question{}, errors.New("text is missing: pass the text to summarize")
	case len(req.Text) > h.options.MaxSummarizeBytes:
		return nil, upstream.Question{}, fmt.Errorf("text is too long: want at most %d bytes", h.options.MaxSummarizeBytes)
	case req.Lang != "":
		if job.Lang, err = summary.ParseLang(req.Lang); err != nil {
			return nil, upstream.Question{}, err
		}
	default:
		job.Lang = summary.ChooseLang(c.Request.Header.Get("Accept-Language"), req.Text)
	}
	prompt := upstream.Message{Role: "user", Text: job.Lang.Prompt(req.Text)}
	return job, upstream.Question{Messages: []upstream.Message{prompt}, Bot: req.BotID}, nil
}
