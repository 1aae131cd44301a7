package handler

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/jsonx"
	"sse-typewriter/internal/metrics"
)

// conversationParameter is the query parameter that names a conversation.
const conversationParameter = "conversation_id"

// list serves GET /typewriter/streams: the client's own streams of a conversation.
func (h *Handler) list(ctx context.Context, c *app.RequestContext) {
	if _, ok := h.readBody(c); !ok { // any body is ignored
		return
	}
	conversation := c.Query(conversationParameter)
	if conversation == "" {
		fail(c, apierror.BadRequest.WithMsg(conversationParameter+" is missing: pass the id of a conversation"))
		return
	}
	found, err := h.options.Streams.List(ctx, policyOf(c).Owner(c), conversation)
	switch {
	case err != nil && len(found) == 0:
		h.errors.reject(c, apierror.Unavailable.WithMsg(err.Error()))
		return
	case err != nil:
		c.Response.Header.Set(headerResume, metrics.ResumeUnavailable)
	}
	type item struct {
		Stream  string    `json:"stream"`
		URL     string    `json:"url"`
		Started time.Time `json:"started"`
		Ended   bool      `json:"ended"`
	}
	list := []item{}
	for _, s := range found {
		list = append(list, item{s.ID, streamsPath + s.ID, s.Started.UTC().Truncate(time.Millisecond), s.Ended})
	}
	c.Response.Header.Set("Cache-Control", "no-store")
	c.Data(http.StatusOK, "application/json", jsonx.Marshal(list))
}

// listPath is the path of lists of streams.
var listPath = strings.TrimSuffix(streamsPath, "/")
