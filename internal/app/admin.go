package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"sse-typewriter/internal/metrics"
)

// Bounds of the admin server. adminWriteTimeout also bounds the duration of a profile.
const (
	adminReadTimeout  = 10 * time.Second
	adminWriteTimeout = 2 * time.Minute
	adminIdleTimeout  = time.Minute
	adminHeaderBytes  = 16 << 10
)

// serveAdmin starts the admin server, which serves metrics and profiles and reloads the
// settings, unless there is no address. The returned function stops the server and waits for
// its goroutine.
func serveAdmin(ctx context.Context, address string, counts *metrics.Metrics, settings *reloader) (stop func(), err error) {
	logger := settings.logger
	if address == "" {
		return func() {}, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot serve metrics on %s: %w", address, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", counts.Handler())
	mux.Handle("POST /reload", http.NewCrossOriginProtection().Handler(settings))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	// /debug/pprof/cmdline is left out: a flag may contain a token.
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	server := &http.Server{
		Handler:        mux,
		ReadTimeout:    adminReadTimeout,
		WriteTimeout:   adminWriteTimeout,
		IdleTimeout:    adminIdleTimeout,
		MaxHeaderBytes: adminHeaderBytes,
		ErrorLog:       slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	logger.Info("admin server started", "address", "http://"+displayAddr(listener.Addr()))
	ended := make(chan struct{})
	go func() { // returns when the server is closed
		defer close(ended)
		_ = server.Serve(listener) // closed, or failing, as scrapes then show
	}()
	return func() {
		_ = server.Close() // the process exits
		<-ended
	}, nil
}
