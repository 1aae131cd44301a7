package handler

import (
	"context"
	"net/http"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/hertzio"
)

// clientKey is where a request has its client.
const clientKey = "client"

// client is who has sent a request.
type client struct {
	conn  *hertzio.Conn // nil in tests
	leave context.CancelFunc
}

// attend goes with a request from its beginning to its end: the process does not end
// meanwhile, and the context can be cancelled when the client leaves.
func (h *Handler) attend(ctx context.Context, c *app.RequestContext) {
	h.live.Add()
	defer h.live.Done()
	conn := hertzio.From(ctx)
	conn.Begin()
	defer conn.End()
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	c.Set(clientKey, client{conn, leave})
	if h.Draining() {
		c.SetConnectionClose()
	}
	if err := checkFraming(&c.Request.Header); err != nil {
		c.Abort()
		c.SetConnectionClose()
		h.refuse(c, http.StatusBadRequest, codeBadRequest, err.Error())
		return
	}
	c.Next(ctx)
}

// CancelOnDisconnect has the context that a request's handler was given cancelled when the
// client leaves, until the returned function is called. The request's body must have
// been read to its end. The request must be one that came through a Handler's engine.
func CancelOnDisconnect(c *app.RequestContext) (stop func()) {
	from := c.MustGet(clientKey).(client)
	return from.conn.Watch(from.leave)
}
