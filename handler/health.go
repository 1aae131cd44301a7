package handler

import (
	"context"
	"net/http"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/common/adaptor"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/internal/metrics"
)

// healthz reports liveness: the status is 200 as long as the process can serve.
func healthz(_ context.Context, c *app.RequestContext) {
	c.Response.Header.Set("Cache-Control", "no-store")
	c.Data(http.StatusOK, "text/plain; charset=utf-8", []byte("ok"))
}

// readyz reports readiness: 503 during shutdown, else 200. A lost store is reported in
// the body only: otherwise an outage of Redis would take all replicas out of service at
// once.
func (h *Handler) readyz(ctx context.Context, c *app.RequestContext) {
	status, readiness := http.StatusOK, "ready"
	if h.Draining() {
		status, readiness = http.StatusServiceUnavailable, "draining"
	}
	store := "available"
	if !h.options.Streams.Reachable(ctx) {
		store = "unavailable"
	}
	c.Response.Header.Set("Cache-Control", "no-store")
	c.Data(status, "application/json", jsonx.Marshal(struct {
		Status string `json:"status"`
		Store  string `json:"store"`
	}{readiness, store}))
}

// serveMetrics returns a handler for a scrape of Prometheus.
func serveMetrics(m *metrics.Metrics) app.HandlerFunc {
	serve := adaptor.HertzHandler(m.Handler())
	return func(ctx context.Context, c *app.RequestContext) {
		c.Response.Header.Set("Cache-Control", "no-store")
		serve(ctx, c)
	}
}
