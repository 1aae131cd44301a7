package handler

import (
	"context"
	"errors"
	"net/http"
	"runtime"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/web/markdown"
)

// conversionsAtOnce is how many texts become HTML at a time, which may take the better
// part of a second for each: the other processors are for the streams.
func conversionsAtOnce() int { return max(1, runtime.GOMAXPROCS(0)/2) }

// markdown serves POST /typewriter/markdown: the body, an answer in Markdown, comes back
// as HTML that is safe in a page.
func (h *Handler) markdown(ctx context.Context, c *app.RequestContext) {
	body, ok := h.readBody(c)
	if !ok {
		return
	}
	defer CancelOnDisconnect(c)()
	select {
	case h.conversions <- struct{}{}:
		defer func() { <-h.conversions }()
	case <-ctx.Done():
		c.SetConnectionClose() // nobody is there
		return
	}
	html, err := markdown.HTML(body)
	switch {
	case errors.Is(err, markdown.ErrTooLong):
		fail(c, http.StatusRequestEntityTooLarge, codeBadRequest, err.Error())
	case err != nil:
		failInternal(c)
	default:
		c.Response.Header.Set("Cache-Control", "no-store")
		c.Response.Header.Set("Content-Security-Policy", "sandbox; default-src 'none'") // if it is opened by itself
		c.Response.Header.Set("X-Content-Type-Options", "nosniff")
		c.Data(http.StatusOK, "text/html; charset=utf-8", html)
	}
}
