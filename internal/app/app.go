// Package app assembles the program and runs it.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"sse-typewriter/handler"
	"sse-typewriter/internal/config"
	"sse-typewriter/mock"
	"sse-typewriter/web"
)

// hello tells a newcomer what to do.
const hello = `Serving on %[1]s. Open it in a browser, or try:

  curl -N '%[1]s/v3/chat?message=hello'
  curl -N -X POST %[1]s/v3/chat

`

// Run runs the command that args name, "serve" by default, and returns when it is done:
// a server serves until ctx is done or the process receives SIGINT or SIGTERM. Run
// returns [terminal.ErrInterrupted] when Ctrl-C stopped the chat command.
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

// serve serves until ctx is done or a signal asks it to end.
func serve(ctx context.Context, conf *config.Config, stdout, stderr io.Writer) error {
	logger, err := newLogger(conf, stderr)
	if err != nil {
		return err
	}
	log.SetOutput(io.Discard) // net/http quotes there what an upstream sends after its answer
	collectSooner()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := listen(ctx, conf, logger)
	if err != nil {
		return err
	}
	address := "http://" + visible(listener.Addr())
	if conf.Upstream != "" {
		if err := reachable(ctx, conf); err != nil {
			return err
		}
	}

	engine := newEngine(listener, conf)
	client := newClient(conf, address)
	defer client.Close() //nolint:errcheck // the process ends
	state, err := openState(ctx, conf, logger)
	if err != nil {
		return err
	}
	defer state.close()
	h, err := newHandler(conf, client, state, logger)
	if err != nil {
		return err
	}
	h.Register(engine.Engine)
	web.Register(engine.Engine)
	source := conf.Upstream
	if source == "" {
		standIn := mock.New(conf.Seed)
		standIn.Watch = handler.CancelOnDisconnect
		standIn.Register(engine.Engine, standInPath)
		source = "the stand-in at " + address + standInPath + ", since none is configured"
	}

	stopAdmin, err := serveAdmin(ctx, conf.AdminAddr, h.Metrics, logger)
	if err != nil {
		return err
	}
	defer stopAdmin()

	failed := make(chan error, 1)
	go func() { failed <- engine.Run() }() // ends with the process
	logger.Info("serving", "address", address, "upstream", source)
	checkDescriptors(conf.MaxConnections, logger)
	_, _ = fmt.Fprintf(stdout, hello, address) // served all the same
	select {
	case err := <-failed:
		return fmt.Errorf("cannot serve: %w", err)
	case <-ctx.Done():
	}
	stop() // a second signal ends the process at once, as it does by default
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), conf.DrainTimeout)
	defer cancel()
	logger.Info("ending", "timeout", conf.DrainTimeout)
	h.Shutdown(drain)    // still listening: who balances the load asks whether to
	_ = listener.Close() // nobody new
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	listener.WaitFlushed(flush)
	return nil
}
