package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"sse-typewriter/client"
)

// chat asks a server and types its answer to stdout.
func chat(ctx context.Context, options client.Options, stdout io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop)   // a second signal ends the process at once
	signal.Ignore(syscall.SIGPIPE) // the write fails, and the chat can be stopped
	transport := client.NewTransport()
	defer transport.CloseIdleConnections()
	return client.Run(ctx, options, terminal(stdout), transport)
}

// terminal is what the process was given to talk to.
func terminal(stdout io.Writer) client.Terminal {
	t := client.Terminal{Out: stdout}
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
