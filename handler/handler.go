package handler

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/route"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// Handler serves the routes. Set the fields before Register; none may be changed
// after.
type Handler struct {
	Upstream *upstream.Client

	// Paces are the tempos of the modes when a request asks for nothing else, and
	// Mode is the one it then gets.
	Paces map[typewriter.Mode]typewriter.Pace
	Mode  typewriter.Mode

	// BotID and UserID stand in requests that name none.
	BotID, UserID string

	// Heartbeat is how long a stream is silent before a sign of life is sent.
	Heartbeat time.Duration

	// WriteTimeout is how long a client may not read before it is dropped.
	WriteTimeout time.Duration

	// MaxBodyBytes bounds the body of a chat request.
	MaxBodyBytes int

	// MaxLogBytes bounds what one stream may keep in memory.
	MaxLogBytes int

	// Logger gets a line for each stream; never content or tokens.
	Logger *slog.Logger

	live     sync.WaitGroup // of handlers and recorders
	draining context.Context
	end      context.CancelFunc
}

// Register adds the routes to an engine.
func (h *Handler) Register(r *route.Engine) {
	h.draining, h.end = context.WithCancel(context.Background())
	r.POST("/v3/chat", h.chat)
	r.GET("/v3/chat", h.chatGet)
	r.NoRoute(func(_ context.Context, c *app.RequestContext) {
		fail(c, http.StatusNotFound, codeNotFound, "no such path: "+string(c.Path()))
	})
	r.NoMethod(func(_ context.Context, c *app.RequestContext) {
		fail(c, http.StatusMethodNotAllowed, codeBadRequest, "method "+string(c.Method())+" is not served at "+string(c.Path()))
	})
}

// Shutdown waits until all streams have ended. When ctx is done it ends them.
func (h *Handler) Shutdown(ctx context.Context) {
	stop := context.AfterFunc(ctx, h.end)
	defer stop()
	h.live.Wait()
	h.end()
}

// newID returns 128 random bits as text.
func newID() string { return strings.ToLower(rand.Text()) }
