package handler

import (
	"context"
	"net/http"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/route"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/internal/metrics"
	"sse-typewriter/upstream"
)

// registerHealth adds the routes for those who run the server.
func (h *Handler) registerHealth(r *route.Engine) {
	r.GET("/healthz", h.healthz)
	r.HEAD("/healthz", h.healthz)
	r.GET("/readyz", h.readyz)
	r.HEAD("/readyz", h.readyz)
	r.GET("/metrics", h.keyed(h.metrics))
	r.HEAD("/metrics", h.keyed(h.metrics))
}

// healthz serves /healthz: who answers lives.
func (h *Handler) healthz(_ context.Context, c *app.RequestContext) {
	c.Response.Header.Set("Cache-Control", "no-store")
	c.Data(http.StatusOK, "text/plain; charset=utf-8", []byte("ok"))
}

// readyz serves /readyz: whether new streams are welcome. They are without a store,
// too: all replicas would go at once if they were not ready when Redis is lost. So that
// is only told.
func (h *Handler) readyz(ctx context.Context, c *app.RequestContext) {
	status, readiness := http.StatusOK, "ready"
	if h.Draining() {
		status, readiness = http.StatusServiceUnavailable, "draining"
	}
	store := "available"
	if !h.Streams.Reachable(ctx) {
		store = "unavailable"
	}
	c.Response.Header.Set("Cache-Control", "no-store")
	c.Data(status, "application/json", jsonx.Marshal(struct {
		Status string `json:"status"`
		Store  string `json:"store"`
	}{readiness, store}))
}

// metrics serves /metrics, for Prometheus.
func (h *Handler) metrics(_ context.Context, c *app.RequestContext) {
	text, err := h.Metrics.Text()
	if err != nil {
		fail(c, http.StatusInternalServerError, upstream.ErrInternal.Code, err.Error())
		return
	}
	c.Response.Header.Set("Cache-Control", "no-store")
	c.Data(http.StatusOK, metrics.ContentType, text)
}
