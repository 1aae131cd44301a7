package app

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"sse-typewriter/internal/terminal"
)

// chat asks a server and types its answer to stdout.
func chat(ctx context.Context, options terminal.Options, stdout io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop)   // a second signal ends the process at once
	signal.Ignore(syscall.SIGPIPE) // the write fails, and the chat can be stopped
	transport := terminal.NewTransport()
	defer transport.CloseIdleConnections()
	return terminal.Run(ctx, options, newTerminal(stdout), transport)
}

// newTerminal describes the streams of the process.
func newTerminal(stdout io.Writer) terminal.Terminal {
	t := terminal.Terminal{Out: stdout}
	if !isTerminal(os.Stdin) {
		t.In = os.Stdin
	}
	if isTerminal(stdout) {
		t.Rich = true
		t.Faint = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" // https://no-color.org
	}
	return t
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
