// Command sse-typewriter is a reverse proxy that re-times AI streams: text reaches the
// client character by character, at the rhythm of a typewriter.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"sse-typewriter/internal/app"
	"sse-typewriter/internal/terminal"
)

func main() {
	err := app.Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, terminal.ErrInterrupted):
		os.Exit(exitInterrupted)
	case err != nil:
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintln(os.Stderr, "sse-typewriter:", strings.TrimSpace(line))
		}
		os.Exit(1)
	}
}

// exitInterrupted is the conventional exit code after SIGINT: 128 + 2.
const exitInterrupted = 130
