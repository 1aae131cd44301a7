package handler

import (
	"bytes"
	"context"
	"errors"
	"runtime"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/hertzio"
	"sse-typewriter/web/markdown"
)

// maxUnsentHTML bounds the requests whose HTML is not sent yet, of at most 2 MiB each:
// clients that do not read must not fill the memory.
const maxUnsentHTML = 32

// markdownConverter converts answers in Markdown to HTML, safe to show in a page.
type markdownConverter struct {
	// running bounds the concurrent conversions. A conversion may take most of a second,
	// and half of the processors stay free for streams.
	running chan struct{}

	// unsent bounds the requests from their conversion to the end of their response.
	unsent chan struct{}
}

func newMarkdownConverter() markdownConverter {
	return markdownConverter{
		running: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
		unsent:  make(chan struct{}, maxUnsentHTML),
	}
}

// convertMarkdown serves POST /typewriter/markdown: the body is Markdown, the response
// HTML.
func (h *Handler) convertMarkdown(ctx context.Context, c *app.RequestContext) {
	body, ok := h.readBody(c)
	if !ok {
		return
	}
	defer hertzio.CancelOnDisconnect(c)()
	select {
	case h.markdown.unsent <- struct{}{}:
		defer func() { <-h.markdown.unsent }()
	case <-ctx.Done():
		c.SetConnectionClose() // the client has disconnected
		return
	}
	html, err := h.markdown.convert(ctx, body)
	switch {
	case ctx.Err() != nil:
		c.SetConnectionClose() // the client has disconnected
	case errors.Is(err, markdown.ErrTooLong):
		fail(c, apierror.BodyTooLarge.WithMsg(err.Error()))
	case err != nil:
		fail(c, apierror.Internal)
	default:
		header := &c.Response.Header
		header.SetContentType("text/html; charset=utf-8")
		header.Set("Cache-Control", "no-store")
		header.Set("Content-Security-Policy", "sandbox; default-src 'none'") // for a direct visit
		header.Set("X-Content-Type-Options", "nosniff")
		hertzio.NewResponseWriter(c, len(html)).CopyFrom(bytes.NewReader(html))
	}
}

// convert returns the HTML of an answer. While others are running, convert waits, up to
// the end of ctx.
func (m markdownConverter) convert(ctx context.Context, text []byte) ([]byte, error) {
	select {
	case m.running <- struct{}{}:
		defer func() { <-m.running }()
		return markdown.HTML(text)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
