package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// plan is how much is measured.
type plan struct {
	streams   int // that have all their text
	live      int // whose text comes while they are typed
	few, many int // to see whether a stream costs more among many
	settle    time.Duration
	window    time.Duration // that is measured
	chats     int           // for latencies
	resumes   int
	starts    int
}

var (
	full  = plan{streams: 4000, live: 1000, few: 500, many: 8000, settle: 3 * time.Second, window: 10 * time.Second, chats: 6000, resumes: 300, starts: 20}
	brief = plan{streams: 1000, live: 250, few: 250, many: 2000, settle: time.Second, window: 2 * time.Second, chats: 1000, resumes: 50, starts: 5}
)

// bench is one run.
type bench struct {
	ctx      context.Context // a run is as long as the process
	plan     plan
	root     string // of the repository
	folder   string // a temporary one
	self     string // this program
	ours     string // the binary
	upstream *process
	rows     []row
	notes    []string
	measured map[string]figures // of the sections before
	profile  string             // a folder for profiles; empty: none
}

func newBench(ctx context.Context, p plan) (*bench, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	module, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return nil, fmt.Errorf("cannot find the module: %w", err)
	}
	folder, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	b := &bench{
		ctx: ctx, plan: p, root: filepath.Dir(strings.TrimSpace(string(module))), folder: folder, self: self,
		ours: filepath.Join(folder, "sse-typewriter"), measured: map[string]figures{},
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.ours, ".")
	build.Dir = b.root
	if out, err := build.CombinedOutput(); err != nil {
		b.close()
		return nil, fmt.Errorf("cannot build: %w\n%s", err, out)
	}
	if b.upstream, err = b.role("upstream"); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) close() {
	if b.upstream != nil {
		b.upstream.stop()
	}
	_ = os.RemoveAll(b.folder) // it is a temporary one
}

// role starts this program as one of its servers.
func (b *bench) role(name string, args ...string) (*process, error) {
	return start(b.ctx, b.self, append([]string{name}, args...)...)
}

// startOurs starts our binary as it is by default, in front of the upstream.
func (b *bench) startOurs(args ...string) (*process, error) {
	args = append([]string{"--addr=127.0.0.1:0", "--upstream=http://" + b.upstream.address}, args...)
	admin := ""
	if b.profile != "" {
		var err error
		if admin, err = freeAddress(b.ctx); err != nil {
			return nil, err
		}
		args = append(args, "--admin-addr="+admin)
	}
	p, err := start(b.ctx, b.ours, args...)
	if err == nil {
		p.admin = admin
	}
	return p, err
}

// contestant is a server and how it is asked for a stream.
type contestant struct {
	name  string
	start func() (*process, error)
	ask   ask
	share int // it plays so many times less streams than others; 0 is 1
}

// Our own contestants, and the servers beside them.
func (b *bench) oursWith(a ask) contestant {
	return contestant{name: ours, start: func() (*process, error) { return b.startOurs() }, ask: a}
}

func (b *bench) floor(args ...string) contestant {
	return contestant{name: floor, start: func() (*process, error) { return b.role("floor", args...) }}
}

func (b *bench) article(query string) contestant {
	return contestant{name: article, start: func() (*process, error) {
		return b.role("article", "-upstream", "http://"+b.upstream.address)
	}, ask: ask{query: query}}
}

// smoothStream plays half the streams: with all of them Node's one thread has more to
// do than it can.
func (b *bench) smoothStream() contestant {
	return contestant{name: smoothStream, start: func() (*process, error) {
		return startSmooth(b.ctx, filepath.Join(b.root, "test", "bench", "node"))
	}, share: 2}
}

// section is a part of a run, which adds rows.
type section struct {
	name string
	run  func() error
}

func (b *bench) sections() []section {
	return []section{
		{"finished", b.finished},
		{"live", b.liveUpstream},
		{"scale", b.scale},
		{"lateness", b.lateness},
		{"first", b.firstCharacter},
		{"raw", b.raw},
		{"log", b.log},
		{"resume", b.resume},
		{"start", b.startToReady},
	}
}

// measure runs the sections whose names match.
func (b *bench) measure(only string) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	for _, s := range b.sections() {
		if !pattern.MatchString(s.name) {
			continue
		}
		b.say("%s:", s.name)
		if err := s.run(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// say tells how far the run is.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}

// figures are what a server was measured with.
type figures struct {
	streams   int
	perEvent  time.Duration // processor time for each event that was delivered
	perStream int           // bytes resident
	rate      float64       // events a second, of all streams
	cpu       float64       // processors in use
}

// watch starts a contestant, has it play n streams and measures it. It is then stopped;
// end, which may be nil, is called before that.
func (b *bench) watch(c contestant, n int, end func(*process, *load)) (figures, error) {
	server, err := c.start()
	if err != nil {
		return figures{}, err
	}
	defer server.stop()
	warm, err := openLoad(b.ctx, server.address, c.ask, 1) // what is only made once is there
	if err != nil {
		return figures{}, err
	}
	warm.close()
	empty, err := server.rss()
	if err != nil {
		return figures{}, err
	}
	l, err := openLoad(b.ctx, server.address, c.ask, n)
	if err != nil {
		return figures{}, err
	}
	defer l.close()
	time.Sleep(b.plan.settle)
	began, events := time.Now(), l.events.Load()
	used, err := server.cpu()
	if err != nil {
		return figures{}, err
	}
	profiled := b.startProfile(c.name, n, server)
	time.Sleep(b.plan.window)
	events = l.events.Load() - events
	took := time.Since(began)
	now, err := server.cpu()
	if err != nil {
		return figures{}, err
	}
	loaded, err := server.rss()
	if events == 0 {
		return figures{}, errors.Join(err, fmt.Errorf("%s brought no events: %s", c.name, server.said.String()))
	}
	if err := profiled(); err != nil {
		return figures{}, err
	}
	used = now - used
	f := figures{
		streams:   n,
		perEvent:  used / time.Duration(events),
		perStream: (loaded - empty) / n,
		rate:      float64(events) / took.Seconds(),
		cpu:       used.Seconds() / took.Seconds(),
	}
	b.say("%s, %d streams: %s an event, %s a stream, %.0f events a second, %.2f processors",
		c.name, n, micros(f.perEvent), kilobytes(f.perStream), f.rate, f.cpu)
	if end != nil {
		end(server, l)
	}
	return f, err
}

// compete measures several contestants. One that is not installed is left out, and that
// is noted.
func (b *bench) compete(n int, contestants ...contestant) (map[string]figures, error) {
	out := map[string]figures{}
	for _, c := range contestants {
		f, err := b.watch(c, n/max(c.share, 1), nil)
		if errors.Is(err, errMissing) {
			b.leftOut(c.name)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		out[c.name] = f
	}
	return out, nil
}

// leftOut notes that something could not be measured.
func (b *bench) leftOut(what string) {
	note := what + " is left out: its program is not installed"
	if !strings.Contains(strings.Join(b.notes, "\n"), note) {
		b.notes = append(b.notes, note)
	}
}
