package handler

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/hertzio"
	"sse-typewriter/internal/streams"
)

// headerRequestID identifies a request across servers.
const headerRequestID = "X-Request-Id"

// maxRequestID bounds the length of an id from a client.
const maxRequestID = 128

// arrivedKey is the key of a request's arrival time.
const arrivedKey = "arrived"

// checkFraming rejects request smuggling.
func checkFraming(ctx context.Context, c *app.RequestContext) {
	if err := hertzio.CheckFraming(&c.Request.Header); err != nil {
		c.Abort()
		c.SetConnectionClose()
		failUnread(c, apierror.BadRequest.WithMsg(err.Error()))
		return
	}
	c.Next(ctx)
}

// allowOrigins serves pages of other origins, according to the settings of the request.
func allowOrigins(ctx context.Context, c *app.RequestContext) { settingsOf(c).cors.Middleware(ctx, c) }

// tagRequest sets the id of a request: a valid id from the client, else a new id.
// Response, upstream request and log carry the id.
func tagRequest(ctx context.Context, c *app.RequestContext) {
	id := c.Request.Header.Get(headerRequestID)
	if !isRequestID(id) {
		id = streams.NewID()
	}
	c.Request.Header.Set(headerRequestID, id)
	c.Response.Header.Set(headerRequestID, id)
	c.Set(arrivedKey, time.Now())
	c.Next(ctx)
}

func isRequestID(id string) bool {
	return 0 < len(id) && len(id) <= maxRequestID && !strings.ContainsFunc(id, func(r rune) bool {
		switch {
		case '0' <= r && r <= '9', 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', r == '.', r == '_', r == '-':
			return false
		default:
			return true
		}
	})
}

// recoverPanics returns the middleware against panics in handlers. The client gets an
// error or, within a response, a broken connection: a partial response must not look
// complete. The middleware also replaces Hertz's plain-text response to a malformed
// request.
func recoverPanics(logger *slog.Logger) app.HandlerFunc {
	return func(ctx context.Context, c *app.RequestContext) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			logger.Error("panic", "route", routeOf(c), "request_id", c.Request.Header.Get(headerRequestID), "cause", cause, "stack", string(debug.Stack()))
			if !hertzio.AbortResponse(c, errPanic) {
				fail(c, apierror.Internal)
			}
		}()
		c.Next(ctx)
		if hertzio.IsMalformed(c) {
			c.SetConnectionClose()
			fail(c, apierror.Malformed.WithMsg("request is malformed: want a path, and a Host header"))
		}
	}
}

var errPanic = errors.New("the handler panicked")
