package handler

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cloudwego/hertz/pkg/route"

	"sse-typewriter/internal/tally"
	"sse-typewriter/metrics"
	"sse-typewriter/streams"
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

	// UpstreamToken is sent for clients that bring none; it may be empty.
	UpstreamToken string

	// BotID and UserID stand in requests that name none.
	BotID, UserID string

	// Heartbeat is how long a stream is silent before a sign of life is sent.
	Heartbeat time.Duration

	// MaxBodyBytes bounds the body of a chat request.
	MaxBodyBytes int

	// MaxUploadBytes bounds the body of a request that is forwarded.
	MaxUploadBytes int64

	// SummarizeTimeout is how long a summary may take, and MaxSummarizeBytes how large
	// its text may be.
	SummarizeTimeout  time.Duration
	MaxSummarizeBytes int

	// Streams are those that are running, and those that can be resumed.
	Streams *streams.Registry

	// Logger gets a line for each stream; never content or tokens.
	Logger *slog.Logger

	// Metrics count what is done.
	Metrics *metrics.Metrics

	live   tally.Tally     // requests and recorders
	drains atomic.Bool     // no more streams are opened
	ending context.Context // done when streams must end
	end    context.CancelFunc
}

// chatPath is where a chat is asked for.
const chatPath = "/v3/chat"

// Register adds the routes to an engine.
func (h *Handler) Register(r *route.Engine) {
	h.Streams.Full = upstream.ErrorEvent(upstream.ErrRefused)
	h.Streams.Broken = upstream.ErrorEvent(upstream.ErrInternal)
	h.Streams.Logger = h.Logger
	h.ending, h.end = context.WithCancel(context.Background())
	r.Use(h.attend, h.tagging, h.recovering)
	h.registerHealth(r)
	r.POST(chatPath, h.chat)
	r.GET(chatPath, h.chatGet)
	r.POST("/v3/chat/submit_tool_outputs", h.chat)
	r.POST("/v1/workflows/chat", h.chat)
	r.POST(summarizePath, h.summarize)
	r.GET(summarizePath, h.summarizeGet)
	r.GET(streamsPath+":id", h.attach)
	r.DELETE(streamsPath+":id", h.cancel)
	r.POST(streamsPath+":id/skip", h.skip)
	r.NoRoute(h.forward)
	r.NoMethod(h.forward)
}

// newID returns 128 random bits as text.
func newID() string { return strings.ToLower(rand.Text()) }
