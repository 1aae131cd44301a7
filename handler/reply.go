package handler

import (
	"strconv"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/upstream"
)

// passReply gives a reply to the client as it is, each piece as it comes, and
// closes it. A reply that is cut ends with the connection, not as if it were whole.
func (h *Handler) passReply(c *app.RequestContext, reply *upstream.Reply) {
	defer reply.Close()
	header := reply.Header
	dropHopByHop(header)
	size, err := strconv.Atoi(header.Get("Content-Length"))
	if err != nil {
		size = unknownSize
	}
	header.Del("Content-Length")
	c.SetStatusCode(reply.Status)
	for name, values := range header {
		c.Response.Header.Del(name)
		for _, value := range values {
			c.Response.Header.Add(name, value)
		}
	}
	h.newBody(c, size).readFrom(reply.Body)
}
