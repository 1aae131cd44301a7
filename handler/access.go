package handler

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/cloudwego/hertz/pkg/app"
)

// keyQuery is where an EventSource, which can set no header, has its key.
const keyQuery = "api_key"

// keyed serves a route to clients that have a key, if keys are in force. It is for all
// routes that go upstream or show what came from there, and belongs to the route: no way
// of writing a path leads around it.
func (h *Handler) keyed(serve app.HandlerFunc) app.HandlerFunc {
	return func(ctx context.Context, c *app.RequestContext) {
		if h.authorize(c) {
			serve(ctx, c)
		}
	}
}

// authorize reports whether a client may. If not, it answers it, without a look at the
// request's body.
func (h *Handler) authorize(c *app.RequestContext) bool {
	if len(h.Keys) == 0 {
		return true
	}
	presented := sha256.Sum256([]byte(key(c)))
	found := 0
	for _, one := range h.Keys { // all of them: the time tells nothing
		found |= subtle.ConstantTimeCompare(presented[:], one[:])
	}
	if found == 1 {
		return true
	}
	c.Response.Header.Set("WWW-Authenticate", "Bearer")
	h.reject(c, unauthorized)
	return false
}

// key is what a client presents for a key. The header counts before the query.
func key(c *app.RequestContext) string {
	const bearer = "bearer "
	switch header := c.Request.Header.Get("Authorization"); {
	case len(header) > len(bearer) && strings.EqualFold(header[:len(bearer)], bearer):
		return strings.TrimLeft(header[len(bearer):], " ")
	case header == "" && isForEventSource(c):
		return c.Query(keyQuery)
	default:
		return ""
	}
}

// isForEventSource reports whether a request is one that an EventSource makes.
func isForEventSource(c *app.RequestContext) bool {
	path := string(c.Path())
	return (c.IsGet() || c.IsHead()) && (path == chatPath || path == summarizePath || strings.HasPrefix(path, streamsPath))
}

// owner is the credential that a stream belongs to: the key, however it came, or else
// what goes upstream.
func (h *Handler) owner(c *app.RequestContext) string {
	if len(h.Keys) > 0 {
		return keyID(c)
	}
	return c.Request.Header.Get("Authorization")
}

// keyID names a client's key without telling it.
func keyID(c *app.RequestContext) string {
	sum := sha256.Sum256([]byte(key(c)))
	return hex.EncodeToString(sum[:])
}

// setCredential has a request go upstream with the credential that it may use: with keys
// in force never the client's, which is a key.
func (h *Handler) setCredential(header http.Header) {
	if len(h.Keys) > 0 {
		header.Del("Authorization")
	}
	if header.Get("Authorization") == "" && h.UpstreamToken != "" {
		header.Set("Authorization", "Bearer "+h.UpstreamToken)
	}
}

// withoutKey names the parameters of a query that may be a key: also where none is looked
// for, since some clients send theirs in both ways.
func (h *Handler) withoutKey() []string {
	if len(h.Keys) > 0 {
		return []string{keyQuery}
	}
	return nil
}
