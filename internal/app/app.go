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
	appsmock "sse-typewriter/mock/apps"
	cozemock "sse-typewriter/mock/coze"
	declarativemock "sse-typewriter/mock/declarative"
	difymock "sse-typewriter/mock/dify"
	geminimock "sse-typewriter/mock/gemini"
	ollamamock "sse-typewriter/mock/ollama"
	openaimock "sse-typewriter/mock/openai"
	responsesmock "sse-typewriter/mock/openai/responses"
	"sse-typewriter/web"
)

// Run runs the command named in args, by default "serve". The server runs until ctx is
// done or the process receives SIGINT or SIGTERM, and then shuts down gracefully. SIGHUP
// reloads the settings. Run returns [terminal.ErrInterrupted] if a signal stopped the chat command.
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
	return serve(ctx, args, command.Serve, output{stdout, stderr})
}

// output is the standard output and error of the process.
type output struct{ stdout, stderr io.Writer }

// serve runs the server until ctx is done or the process receives a signal. args are the
// arguments of conf, for reloads.
func serve(ctx context.Context, args []string, conf *config.Config, out output) error {
	logger, level, err := newLogger(conf, out.stderr)
	if err != nil {
		return err
	}
	log.SetOutput(io.Discard) // net/http logs unexpected bytes from the upstream there
	tuneGC()
	ctx, stop := signal.NotifyContext(ctx, endSignals(conf)...)
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
	if conf.Upstream == "" {
		registerStandIn(engine.Engine, conf.Seed)
	}
	reloads := &reloader{args: args, running: conf, handler: h, state: state, level: level, logger: logger}
	defer reloads.onHangup(ctx)()
	stopAdmin, err := serveAdmin(ctx, conf.AdminAddr, state.metrics, reloads)
	if err != nil {
		return err
	}
	defer stopAdmin()

	failed := make(chan error, 1)
	go func() { failed <- engine.Run() }() // returns when the process exits
	announce(conf, address, upstreams, logger)
	_, _ = io.WriteString(out.stdout, banner(conf, address, needsBot(upstreams[0].Formats))) // the server runs even if stdout is closed
	select {
	case err := <-failed:
		return fmt.Errorf("cannot serve: %w", err)
	case <-ctx.Done():
	}
	stop()                                           // restores the default: a second signal kills the process
	shutdown(h, listener, conf.DrainTimeout, logger) //nolint:contextcheck // ctx is done
	return nil
}

// endSignals returns the signals that end the server: also SIGHUP, as of a closed terminal,
// unless there is a file to reload, or the process ignores hangups (nohup).
func endSignals(conf *config.Config) []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !conf.HasFiles() && !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// announce logs the addresses of the server, and warns of settings that are probably wrong.
func announce(conf *config.Config, address string, upstreams handler.Upstreams, logger *slog.Logger) {
	for _, u := range upstreams {
		source := u.Client.BaseURL
		if conf.Upstream == "" && u.Prefix == "" {
			source = "built-in mock at " + source
		}
		logger.Info("serving", "address", address+u.Prefix, "upstream", source)
	}
	warnOfSettings(conf, upstreams, logger)
	checkDescriptors(conf, logger)
}

// shutdown ends the server, at the latest some seconds after the timeout.
func shutdown(h *handler.Handler, listener *hertzio.Listener, timeout time.Duration, logger *slog.Logger) {
	logShutdown(h, timeout, logger)
	drain, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	h.Shutdown(drain) // the listener stays open for readiness checks of load balancers
	_ = listener.Close()
	flush, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	listener.WaitFlushed(flush)
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
		appsmock.UIMessages{Others: ollamamock.Dialect{}},
		appsmock.AGUI{},
		difymock.New(),
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
