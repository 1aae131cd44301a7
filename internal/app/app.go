// Package app builds the server and the chat command from their configuration, and runs
// them.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cloudwego/hertz/pkg/route"

	"sse-typewriter/handler"
	"sse-typewriter/internal/config"
	"sse-typewriter/internal/hertzio"
	"sse-typewriter/mock"
	anthropicmock "sse-typewriter/mock/anthropic"
	cozemock "sse-typewriter/mock/coze"
	declarativemock "sse-typewriter/mock/declarative"
	geminimock "sse-typewriter/mock/gemini"
	ollamamock "sse-typewriter/mock/ollama"
	openaimock "sse-typewriter/mock/openai"
	responsesmock "sse-typewriter/mock/openai/responses"
	"sse-typewriter/web"
)

// Run runs the command named in args, by default "serve". The server runs until ctx is
// done or the process receives SIGINT or SIGTERM, and then shuts down gracefully. Run
// returns [terminal.ErrInterrupted] if a signal stopped the chat command.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	command, err := config.Parse(args, stdout)
	switch {
	case errors.Is(err, config.ErrHelp):
		return nil
	case errors.Is(err, config.ErrVersion):
		_, err := fmt.Fprintln(stdout, Version())
		return err
	case err != nil:
		return err
	case command.Chat != nil:
		return chat(ctx, *command.Chat, stdout)
	}
	return serve(ctx, command.Serve, stdout, stderr)
}

// serve runs the server until ctx is done or the process receives a signal.
func serve(ctx context.Context, conf *config.Config, stdout, stderr io.Writer) error {
	logger, err := newLogger(conf, stderr)
	if err != nil {
		return err
	}
	log.SetOutput(io.Discard) // net/http logs unexpected bytes from the upstream there
	tuneGC()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	upstreams, settings, err := newUpstreams(conf)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, conf, upstreams[0].Formats.Default(), logger)
	if err != nil {
		return err
	}
	address := "http://" + displayAddr(listener.Addr())

	engine := hertzio.NewServer(listener, conf.ReadTimeout, conf.IdleTimeout)
	endProbes, err := probeUpstreams(ctx, conf, settings, logger)
	if err != nil {
		return err
	}
	defer endProbes()
	for i, s := range settings {
		client := newClient(conf, cmp.Or(s.URL, address+standInPath))
		defer client.Close() //nolint:errcheck // the process exits
		upstreams[i].Client = client
	}
	state, err := openState(ctx, conf, upstreams, logger)
	if err != nil {
		return err
	}
	defer state.close()
	h := newHandler(conf, state, logger)
	h.Register(engine.Engine)
	web.Register(engine.Engine)
	source := conf.Upstream
	if source == "" {
		registerStandIn(engine.Engine, conf.Seed)
		source = "built-in mock at " + address + standInPath
	}
	stopAdmin, err := serveAdmin(ctx, conf.AdminAddr, state.metrics, logger)
	if err != nil {
		return err
	}
	defer stopAdmin()

	failed := make(chan error, 1)
	go func() { failed <- engine.Run() }() // returns when the process exits
	logger.Info("serving", "address", address, "upstream", source)
	for _, s := range settings[1:] {
		logger.Info("serving", "address", address+s.Prefix, "upstream", s.URL)
	}
	warnOfSettings(upstreams, settings, logger)
	checkDescriptors(conf, logger)
	_, _ = io.WriteString(stdout, banner(conf, address, needsBot(upstreams[0].Formats))) // the server runs even if stdout is closed
	select {
	case err := <-failed:
		return fmt.Errorf("cannot serve: %w", err)
	case <-ctx.Done():
	}
	stop() // restores the default: a second signal kills the process
	logShutdown(h, conf.DrainTimeout, logger)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), conf.DrainTimeout)
	defer cancel()
	h.Shutdown(drain) // the listener stays open for readiness checks of load balancers
	_ = listener.Close()
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	listener.WaitFlushed(flush)
	return nil
}

// registerStandIn adds the built-in mock to the server.
func registerStandIn(r *route.Engine, seed uint64) {
	standIn := mock.New(
		seed,
		cozemock.New(),
		openaimock.Dialect{},
		&responsesmock.Dialect{},
		anthropicmock.Dialect{},
		geminimock.Dialect{},
		ollamamock.Dialect{},
		declarativemock.Dialect{},
	)
	standIn.Watch = hertzio.CancelOnDisconnect
	standIn.Register(r, standInPath)
}

// logShutdown logs the beginning of a shutdown, and the work to wait for.
func logShutdown(h *handler.Handler, timeout time.Duration, logger *slog.Logger) {
	answers, requests := h.Running()
	if answers+requests == 0 {
		logger.Info("shutting down")
		return
	}
	logger.Info("shutting down", "answers", answers, "requests", requests, "timeout", timeout,
		"hint", "waiting for these answers and requests; another signal exits at once")
}
