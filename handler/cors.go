package handler

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/cloudwego/hertz/pkg/app"
)

// What pages of other origins may send and see (the CORS protocol, Fetch section 3.2).
const (
	corsMethods = "GET, HEAD, POST, PUT, PATCH, DELETE"
	corsHeaders = "authorization, content-type, x-coze-client-user-agent, last-event-id, prefer, x-request-id, " +
		"typewriter-mode, typewriter-speed, typewriter-max-lag, typewriter-event-ids"
	corsExposed = "x-tt-logid, x-request-id, typewriter-stream, typewriter-resume, location, preference-applied, retry-after"
	corsMaxAge  = "7200" // seconds; browsers remember it no longer
)

const corsPrefix = "Access-Control-"

// cors lets pages of the configured origins use all routes. It answers the questions
// that browsers ask before, which bring no key; none of them goes upstream.
func (h *Handler) cors(ctx context.Context, c *app.RequestContext) {
	if len(h.Origins) == 0 {
		c.Next(ctx)
		return
	}
	origin := c.Request.Header.Get("Origin")
	isAllowed := origin != "" && slices.Contains(h.Origins, origin)
	if h.Origins[0] == "*" {
		origin, isAllowed = "*", true
	}
	header := &c.Response.Header
	header.Add("Vary", "Origin")
	if isAllowed {
		header.Set(corsPrefix+"Allow-Origin", origin)
		header.Set(corsPrefix+"Expose-Headers", corsExposed)
	}
	isPreflight := string(c.Method()) == http.MethodOptions && c.Request.Header.Get(corsPrefix+"Request-Method") != ""
	if !isPreflight {
		c.Next(ctx)
		return
	}
	if isAllowed {
		header.Set(corsPrefix+"Allow-Methods", corsMethods)
		header.Set(corsPrefix+"Allow-Headers", corsHeaders)
		header.Set(corsPrefix+"Max-Age", corsMaxAge)
	}
	c.AbortWithStatus(http.StatusNoContent)
}

// dropCORS takes what the upstream says of origins out of its reply, if we say it
// ourselves.
func (h *Handler) dropCORS(header http.Header) {
	if len(h.Origins) == 0 {
		return
	}
	for name := range header {
		if strings.HasPrefix(name, corsPrefix) {
			delete(header, name)
		}
	}
}
