package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/jsonx"
	"sse-typewriter/internal/streams"
)

// linkParameter is the query parameter with the token of a link.
const linkParameter = "link"

// Bounds of the validity of a link, and the default.
const (
	minLinkTTL     = time.Second
	maxLinkTTL     = 24 * time.Hour
	defaultLinkTTL = 10 * time.Minute
)

// rights are the values of may.
var rights = map[string]streams.Right{"": streams.MayRead, "read": streams.MayRead, "stop": streams.MayStop}

// link is the link of a request: the token, and the right that the route needs.
type link struct {
	token string
	right streams.Right
}

// linkKey is the key of a request's link.
const linkKey = "link"

// linkOf returns the link of a request at a route of [Handler.withLink].
func linkOf(c *app.RequestContext) (l link, ok bool) {
	value, _ := c.Get(linkKey)
	l, ok = value.(link)
	return l, ok
}

// withLink is withKey for a route that a link with a right opens, too. The token is checked
// when the stream is found, and replaces the credential of the request.
func (h *Handler) withLink(right streams.Right, serve app.HandlerFunc) app.HandlerFunc {
	withKey := h.withKey(serve)
	return func(ctx context.Context, c *app.RequestContext) {
		if !c.QueryArgs().Has(linkParameter) {
			withKey(ctx, c)
			return
		}
		c.Set(linkKey, link{c.Query(linkParameter), right})
		c.Response.Header.Set("Referrer-Policy", "no-referrer")
		serve(ctx, c)
	}
}

// createLink serves POST /typewriter/streams/{id}/links: the owner gets a URL that opens the
// stream without a credential for some time.
func (h *Handler) createLink(ctx context.Context, c *app.RequestContext) {
	body, ok := h.readBody(c)
	if !ok {
		return
	}
	right, ttl, err := parseLink(body)
	if err != nil {
		failBadRequest(c, err)
		return
	}
	h.withStream(ctx, c, func(s *streams.Stream) {
		expires := time.Now().Add(ttl).Truncate(time.Second)
		token := s.Link(right, expires)
		if token == "" {
			fail(c, apierror.BadRequest.WithMsg("the stream has no links: it was stopped, or has no event ids and no Idempotency-Key"))
			return
		}
		c.Response.Header.Set("Cache-Control", "no-store")
		c.Data(http.StatusCreated, "application/json", jsonx.Marshal(struct {
			URL     string    `json:"url"`
			Expires time.Time `json:"expires"`
		}{streamsPath + s.ID + "?" + linkParameter + "=" + token, expires.UTC()}))
	})
}

// parseLink returns the right and the validity in the body of a request for a link.
func parseLink(body []byte) (streams.Right, time.Duration, error) {
	var asked struct {
		TTL *string `json:"ttl"`
		May string  `json:"may"`
	}
	if len(bytes.TrimSpace(body)) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&asked); err != nil || decoder.More() {
			return 0, 0, errors.New(`request body cannot be read: want JSON as {"ttl":"10m","may":"read"}`)
		}
	}
	right, ok := rights[asked.May]
	if !ok {
		return 0, 0, fmt.Errorf("may %q is unknown: want read or stop", asked.May)
	}
	if asked.TTL == nil {
		return right, defaultLinkTTL, nil
	}
	ttl, err := time.ParseDuration(*asked.TTL)
	if err != nil || ttl < minLinkTTL || ttl > maxLinkTTL {
		return 0, 0, fmt.Errorf("ttl %q is invalid: want a duration from %v to %v", *asked.TTL, minLinkTTL, maxLinkTTL)
	}
	return right, ttl, nil
}
