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
	"os"
	"os/signal"
	"syscall"
	"time"

	"sse-typewriter/internal/config"
	"sse-typewriter/internal/hertzio"
	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
	openaimock "sse-typewriter/mock/openai"
	"sse-typewriter/web"
)

// banner is printed to stdout when the server has started, with its address.
const banner = `Serving on %[1]s. Open it in a browser, or try:

  curl -N '%[1]s/v3/chat?message=hello'
  curl -N -X POST %[1]s/v3/chat

`

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
	for i, s := range settings {
		if s.URL != "" {
			if err := checkUpstream(ctx, s.URL, conf.UpstreamConnectTimeout); err != nil {
				return err
			}
		}
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
		standIn := mock.New(conf.Seed, cozemock.New(), openaimock.Dialect{})
		standIn.Watch = hertzio.CancelOnDisconnect
		standIn.Register(engine.Engine, standInPath)
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
	checkDescriptors(conf.MaxConnections, logger)
	_, _ = fmt.Fprintf(stdout, banner, address) // the server runs even if stdout is closed
	select {
	case err := <-failed:
		return fmt.Errorf("cannot serve: %w", err)
	case <-ctx.Done():
	}
	stop() // restores the default: a second signal kills the process
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), conf.DrainTimeout)
	defer cancel()
	logger.Info("shutting down", "timeout", conf.DrainTimeout)
	h.Shutdown(drain) // the listener stays open for readiness checks of load balancers
	_ = listener.Close()
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	listener.WaitFlushed(flush)
	return nil
}
