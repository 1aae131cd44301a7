package access

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/cloudwego/hertz/pkg/app"
)

// The headers and methods open to pages of other origins (Fetch, section 3.2).
const (
	corsMethods     = "GET, HEAD, POST, PUT, PATCH, DELETE"
	corsCredentials = "authorization, x-api-key, x-goog-api-key, api-key, content-type"
	corsOwn         = "last-event-id, idempotency-key, prefer, x-request-id, typewriter-mode, typewriter-speed, typewriter-max-lag, typewriter-max-tail, typewriter-reasoning, typewriter-unit, typewriter-min-interval, typewriter-markdown, typewriter-event-ids"
	corsExposed     = "x-request-id, typewriter-stream, typewriter-resume, location, preference-applied, retry-after, www-authenticate"
	corsMaxAge      = "7200" // seconds; browsers cap it there
)

const corsPrefix = "Access-Control-"

// CORS lets pages of other origins use the server. The zero value allows none and leaves
// CORS to the upstream.
type CORS struct {
	// Origins are the allowed origins, or * alone for all.
	Origins []string

	// RequestHeaders are headers that pages may send in addition to the server's own, and
	// ResponseHeaders those that they may read.
	RequestHeaders, ResponseHeaders []string
}

// list joins lists of headers.
func list(headers ...[]string) string { return strings.Join(slices.Concat(headers...), ", ") }

// Middleware adds CORS headers to responses and answers preflight requests. These have no
// credential and never go upstream.
func (cors CORS) Middleware(ctx context.Context, c *app.RequestContext) {
	if len(cors.Origins) == 0 {
		c.Next(ctx)
		return
	}
	origin := c.Request.Header.Get("Origin")
	isAllowed := origin != "" && slices.Contains(cors.Origins, origin)
	if cors.Origins[0] == "*" {
		origin, isAllowed = "*", true
	}
	header := &c.Response.Header
	header.Add("Vary", "Origin")
	if isAllowed {
		header.Set(corsPrefix+"Allow-Origin", origin)
		header.Set(corsPrefix+"Expose-Headers", list(cors.ResponseHeaders, []string{corsExposed}))
	}
	isPreflight := string(c.Method()) == http.MethodOptions && c.Request.Header.Get(corsPrefix+"Request-Method") != ""
	if !isPreflight {
		c.Next(ctx)
		return
	}
	if isAllowed {
		header.Set(corsPrefix+"Allow-Methods", corsMethods)
		header.Set(corsPrefix+"Allow-Headers", list([]string{corsCredentials}, cors.RequestHeaders, []string{corsOwn}))
		header.Set(corsPrefix+"Max-Age", corsMaxAge)
	}
	c.AbortWithStatus(http.StatusNoContent)
}

// Strip removes the upstream's CORS headers from a response header, unless CORS is left
// to the upstream.
func (cors CORS) Strip(header http.Header) {
	if len(cors.Origins) == 0 {
		return
	}
	for name := range header {
		if strings.HasPrefix(name, corsPrefix) {
			delete(header, name)
		}
	}
}
