package app

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"sse-typewriter/handler"
	"sse-typewriter/internal/config"
	"sse-typewriter/internal/jsonx"
)

// reloader applies changed settings to a running server. A reloader is safe for concurrent
// use.
type reloader struct {
	args    []string // of the command line
	handler *handler.Handler
	state   state
	level   *slog.LevelVar
	logger  *slog.Logger

	mu      sync.Mutex
	running *config.Config // with the changes of earlier reloads
}

// reload reads the settings again and applies those that may change. fixed names changed
// settings that need a restart. After an error, nothing has changed.
func (r *reloader) reload() (fixed []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	conf, fixed, err := r.running.Reload(r.args)
	if err != nil {
		r.logger.Error("cannot reload the settings; the old ones stay", "error", strings.ReplaceAll(err.Error(), "\n", "; "))
		return nil, err
	}
	settings, err := conf.AllUpstreams()
	if err != nil {
		return nil, err
	}
	// Config.validate has checked the level.
	_ = r.level.UnmarshalText([]byte(conf.LogLevel))
	r.state.limits.SetBounds(conf.Bounds())
	r.handler.Reload(newSettings(conf, r.upstreams(settings)))
	r.running = conf
	r.logger.Info("settings reloaded")
	if len(fixed) > 0 {
		r.logger.Warn("changed settings need a restart", "settings", strings.Join(fixed, ", "))
	}
	return fixed, nil
}

// upstreams returns the upstreams of the server with changed settings.
func (r *reloader) upstreams(settings []config.Upstream) handler.Upstreams {
	var all handler.Upstreams
	for i, u := range r.state.upstreams {
		changed := *u
		changed.Token, changed.Paces, changed.Mode = settings[i].Token, settings[i].Paces, settings[i].Mode
		all = append(all, &changed)
	}
	return all
}

// onHangup reloads at each SIGHUP until stop is called. Without files, there is nothing to
// reload, and SIGHUP ends the server.
func (r *reloader) onHangup(ctx context.Context) (stop func()) {
	if !r.running.HasFiles() {
		return func() {}
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(ctx)
	var loop sync.WaitGroup
	loop.Go(func() { // ends with ctx
		for {
			select {
			case <-hangups:
				_, _ = r.reload() // logged
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		signal.Stop(hangups)
		cancel()
		loop.Wait()
	}
}

// ServeHTTP serves POST /reload. The status is 422 for invalid settings.
func (r *reloader) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	fixed, err := r.reload()
	var reply struct {
		Reloaded bool     `json:"reloaded"`
		Restart  []string `json:"restart,omitempty"` // settings that need a restart
		Errors   []string `json:"errors,omitempty"`
	}
	status := http.StatusOK
	if reply.Reloaded, reply.Restart = err == nil, fixed; err != nil {
		status = http.StatusUnprocessableEntity
		reply.Errors = strings.Split(err.Error(), "\n")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(jsonx.Marshal(reply), '\n')) // the client may have left
}
