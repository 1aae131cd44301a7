package handler

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/cloudwego/hertz/pkg/route"

	"sse-typewriter/internal/inflight"
	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/streams"
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

	// Keys are the SHA-256 hashes of the keys that clients must have. If there are any,
	// what clients bring never goes upstream.
	Keys [][sha256.Size]byte

	// Origins are those of pages that may use the server, or * alone.
	Origins []string

	// TrustedProxies are those in front of the server that are believed what they tell
	// of clients.
	TrustedProxies []netip.Prefix

	// MaxStreams is how many streams may be recorded, and how many read, at a time.
	MaxStreams int

	// Limits hold for each client.
	Limits Limiter

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

	recordings, views places
	conversions       places // of Markdown
	routes            func() route.RoutesInfo

	// Metrics count what is done.
	Metrics *metrics.Metrics

	live   inflight.Group  // requests and recorders
	drains atomic.Bool     // no more streams are opened
	ending context.Context // done when streams must end
	end    context.CancelFunc
}

// chatPath is where a chat is asked for.
const chatPath = "/v3/chat"

// Register adds the routes to an engine.
func (h *Handler) Register(r *route.Engine) {
	h.ending, h.end = context.WithCancel(context.Background())
	h.routes = r.Routes
	h.setPlaces()
	h.conversions = make(places, conversionsAtOnce())
	r.Use(h.attend, h.tagging, h.recovering, h.cors)
	h.registerHealth(r)
	r.POST(chatPath, h.keyed(h.chat))
	r.GET(chatPath, h.keyed(h.chatGet))
	r.POST("/v3/chat/submit_tool_outputs", h.keyed(h.chat))
	r.POST("/v1/workflows/chat", h.keyed(h.chat))
	r.POST(summarizePath, h.keyed(h.summarize))
	r.GET(summarizePath, h.keyed(h.summarizeGet))
	r.POST("/typewriter/markdown", h.keyed(h.markdown))
	r.GET(streamsPath+":id", h.keyed(h.attach))
	r.DELETE(streamsPath+":id", h.keyed(h.cancel))
	r.POST(streamsPath+":id/skip", h.keyed(h.skip))
	r.NoRoute(h.forward)
	r.NoMethod(h.forward)
}
