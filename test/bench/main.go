// Command bench compares sse-typewriter with other programs for the same purpose, in a
// single run on the same machine, and prints a table. docs/performance.md describes the
// method. Every server runs in a separate process: our binary, Node, nginx, or bench
// itself, restarted in a role. The main process generates the load.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// roles maps the first argument of a child process to its main function. Servers print
// their address and serve until they are killed.
var roles = map[string]func(args []string) error{
	"upstream":     serveUpstream,
	"floor":        serveFloor,
	"article":      serveArticle,
	"reverseproxy": serveReverseProxy,
	"log":          measureLog,
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if err := raiseFileLimit(); err != nil {
		return err
	}
	if len(args) > 0 {
		if role, ok := roles[args[0]]; ok {
			return role(args[1:])
		}
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	short := flags.Bool("short", false, "use fewer streams and shorter windows, for a quick look")
	update := flags.Bool("update", false, "write the table to docs/performance.md")
	only := flags.String("only", "", "run only the sections whose names match this `regexp`")
	profile := flags.String("profile", "", "write profiles of our server to this `folder`; profiling distorts the results")
	if err := flags.Parse(args); err != nil {
		return err
	}
	p := fullPlan
	if *short {
		p = shortPlan
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := newBench(ctx, p)
	if err != nil {
		return err
	}
	defer b.close()
	b.profileDir = *profile
	started := time.Now()
	if err := b.runSections(*only); err != nil {
		return err
	}
	table := b.table(time.Since(started))
	fmt.Print(table)
	if *update {
		return writeTable("docs/performance.md", table)
	}
	return nil
}

// raiseFileLimit raises the limit of open files of this process and its children to the
// maximum. Each stream takes two or three connections.
func raiseFileLimit() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("cannot read the limit of open files: %w", err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("cannot raise the limit of open files: %w", err)
	}
	return nil
}
