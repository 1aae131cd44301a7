package app

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/term"

	"sse-typewriter/internal/terminal"
)

// chat runs the chat command, which types answers to stdout. Without a message, a person
// at a terminal has a conversation.
func chat(ctx context.Context, options terminal.Options, stdout io.Writer) error {
	signal.Ignore(syscall.SIGPIPE) // writes fail with EPIPE instead, so that the chat is stopped at the server
	t := newTerminal(stdout)
	transport := terminal.NewTransport()
	defer transport.CloseIdleConnections()
	if len(options.Message) == 0 && t.In == nil && t.Rich {
		return converse(ctx, options, t, transport)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal kills the process
	return terminal.Run(ctx, options, t, transport)
}

// converse runs a conversation. SIGINT stops an answer.
func converse(ctx context.Context, options terminal.Options, t terminal.Terminal, transport http.RoundTripper) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	return terminal.Converse(ctx, options, terminal.Console{Terminal: t, Keys: os.Stdin, Interrupts: interrupts}, transport)
}

// newTerminal returns the terminal of the process. Input is read from stdin only if stdin
// is not a terminal; reasoning and suggestions are shown only if stdout is a terminal.
func newTerminal(stdout io.Writer) terminal.Terminal {
	t := terminal.Terminal{Out: stdout}
	if folder, err := os.UserCacheDir(); err == nil {
		t.Conversations = filepath.Join(folder, "sse-typewriter", "conversations.json")
	}
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
