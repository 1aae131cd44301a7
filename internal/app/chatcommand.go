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

// chat runs the chat command, which types the answer to stdout.
func chat(ctx context.Context, options terminal.Options, stdout io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop)   // a second signal kills the process
	signal.Ignore(syscall.SIGPIPE) // writes fail with EPIPE instead, so that the chat is stopped at the server
	transport := terminal.NewTransport()
	defer transport.CloseIdleConnections()
	return terminal.Run(ctx, options, newTerminal(stdout), transport)
}

// newTerminal returns the terminal of the process. Input is read from stdin only if stdin
// is not a terminal; reasoning and suggestions are shown only if stdout is a terminal.
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
