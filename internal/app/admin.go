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

// Bounds of the admin server. A profile takes as long as it is asked to, up to
// adminWriteTimeout.
const (
	adminReadTimeout  = 10 * time.Second
	adminWriteTimeout = 2 * time.Minute
	adminIdleTimeout  = time.Minute
	adminHeaderBytes  = 16 << 10
)

// serveAdmin serves metrics and profiles on an address of their own, if there is one,
// until the returned function is called, which waits for its end.
func serveAdmin(ctx context.Context, address string, counts *metrics.Metrics, logger *slog.Logger) (stop func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot serve metrics on %s: %w", address, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		text, err := counts.Text()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", metrics.ContentType)
		_, _ = w.Write(text) // an error: the client has gone
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	// Without its cmdline, which may hold a token.
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
	logger.Info("serving metrics and profiles", "address", "http://"+visible(listener.Addr()))
	ended := make(chan struct{})
	go func() { // ends when the server is closed
		defer close(ended)
		_ = server.Serve(listener) // it was closed; or nobody can be served, which a scrape shows
	}()
	return func() {
		_ = server.Close() // the process ends
		<-ended
	}, nil
}
