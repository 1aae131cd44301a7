package handler

import (
	"context"
	"errors"
	"net/http"
	"runtime"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/hertzio"
	"sse-typewriter/web/markdown"
)

// markdownConverter converts answers in Markdown to HTML that is safe in a page.
type markdownConverter struct {
	// running bounds the concurrent conversions. One may take most of a second, and half
	// of the processors stay free for streams.
	running chan struct{}
}

func newMarkdownConverter() markdownConverter {
	return markdownConverter{make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
}

// convertMarkdown serves POST /typewriter/markdown: the body is Markdown, the response
// HTML.
func (h *Handler) convertMarkdown(ctx context.Context, c *app.RequestContext) {
	body, ok := h.readBody(c)
	if !ok {
		return
	}
	defer hertzio.CancelOnDisconnect(c)()
	html, err := h.markdown.convert(ctx, body)
	switch {
	case ctx.Err() != nil:
		c.SetConnectionClose() // the client has disconnected
	case errors.Is(err, markdown.ErrTooLong):
		fail(c, apierror.BodyTooLarge.WithMsg(err.Error()))
	case err != nil:
		fail(c, apierror.Internal)
	default:
		c.Response.Header.Set("Cache-Control", "no-store")
		c.Response.Header.Set("Content-Security-Policy", "sandbox; default-src 'none'") // for a direct visit
		c.Response.Header.Set("X-Content-Type-Options", "nosniff")
		c.Data(http.StatusOK, "text/html; charset=utf-8", html)
	}
}

// convert returns the HTML of an answer. It waits for other conversions, but no longer
// than ctx.
func (m markdownConverter) convert(ctx context.Context, text []byte) ([]byte, error) {
	select {
	case m.running <- struct{}{}:
		defer func() { <-m.running }()
		return markdown.HTML(text)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
