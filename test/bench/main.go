// Command bench measures sse-typewriter beside other programs that do its work, all in
// one run on one machine, and prints a table. docs/performance.md tells how. Every
// server is a process of its own: this program started again with the name of a role,
// our own binary, Node or nginx. The load is this process. It is never part of the tests.
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

// roles are the servers that this program can be. Each prints its address and serves
// until it is killed.
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
	short := flags.Bool("short", false, "fewer streams and shorter windows: a look, no figures to keep")
	update := flags.Bool("update", false, "write the table to docs/performance.md")
	only := flags.String("only", "", "only the sections whose names match this regular expression")
	profile := flags.String("profile", "", "a folder for profiles of ours; they cost, so its figures are not to be kept")
	if err := flags.Parse(args); err != nil {
		return err
	}
	p := full
	if *short {
		p = brief
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := newBench(ctx, p)
	if err != nil {
		return err
	}
	defer b.close()
	b.profile = *profile
	started := time.Now()
	if err := b.measure(*only); err != nil {
		return err
	}
	table := b.table(time.Since(started))
	fmt.Print(table)
	if *update {
		return writeTable("docs/performance.md", table)
	}
	return nil
}

// raiseFileLimit lets this process and its children have as many connections as they
// may: each stream takes two or three of somebody's.
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
