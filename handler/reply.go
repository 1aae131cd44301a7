package handler

import (
	"net/http"
	"strconv"
	"time"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/upstream"
)

// passReply gives a reply to the client as it is, each piece as it comes, and
// closes it. A reply that is cut ends with the connection, not as if it were whole.
func (h *Handler) passReply(c *app.RequestContext, reply *upstream.Reply) {
	defer reply.Close()
	header := reply.Header
	dropHopByHop(header)
	h.dropCORS(header)
	size := replySize(c, reply)
	header.Del("Content-Length")
	header.Del(headerRequestID) // ours stands there
	c.SetStatusCode(reply.Status)
	c.Response.Header.SetNoDefaultContentType(true) // what it is, only the upstream knows
	for name, values := range header {
		if name != "Vary" { // we may have a reason, too
			c.Response.Header.Del(name)
		}
		for _, value := range values {
			c.Response.Header.Add(name, value)
		}
	}
	newBody(c, size).readFrom(reply.Body)
	h.Logger.Debug("reply passed on", "route", routeOf(c), "logid", header.Get(headerLogID),
		"request_id", c.Request.Header.Get(headerRequestID), "status", reply.Status, "duration", time.Since(c.GetTime(keyArrived)))
}

// replySize returns the size of a reply's body. A reply to HEAD, or one with a status
// that has no body (RFC 9110, section 6.4.1), must not be given the end of one.
func replySize(c *app.RequestContext, reply *upstream.Reply) int {
	size, err := strconv.Atoi(reply.Header.Get("Content-Length"))
	switch {
	case reply.Status == http.StatusNoContent || reply.Status == http.StatusNotModified:
		return noBody
	case err == nil:
		return size
	case c.Request.Header.IsHead():
		return noBody
	default:
		return unknownSize
	}
}
