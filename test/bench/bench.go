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

// plan sets the size of a run.
type plan struct {
	streams   int           // streams with a finished upstream
	live      int           // streams with a live upstream
	few, many int           // numbers of streams of the scale section
	settle    time.Duration // wait before the window
	window    time.Duration // duration of the measurement
	chats     int           // requests of the first character section
	resumes   int
	starts    int
}

var (
	fullPlan  = plan{streams: 4000, live: 1000, few: 500, many: 8000, settle: 3 * time.Second, window: 10 * time.Second, chats: 6000, resumes: 300, starts: 20}
	shortPlan = plan{streams: 1000, live: 250, few: 250, many: 2000, settle: time.Second, window: 2 * time.Second, chats: 1000, resumes: 50, starts: 5}
)

// bench is one run.
type bench struct {
	ctx        context.Context // a run is as long as the process
	plan       plan
	root       string // the repository
	dir        string // a temporary folder
	self       string // path of this program
	binary     string // path of our server
	upstream   *process
	rows       []row
	notes      []string
	results    map[string]result // of our server, by section
	profileDir string            // a folder for profiles; empty: none
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
		ctx: ctx, plan: p, root: filepath.Dir(strings.TrimSpace(string(module))), dir: folder, self: self,
		binary: filepath.Join(folder, "sse-typewriter"), results: map[string]result{},
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.binary, ".")
	build.Dir = b.root
	if out, err := build.CombinedOutput(); err != nil {
		b.close()
		return nil, fmt.Errorf("cannot build: %w\n%s", err, out)
	}
	if b.upstream, err = b.startRole("upstream"); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) close() {
	if b.upstream != nil {
		b.upstream.stop()
	}
	_ = os.RemoveAll(b.dir) // a temporary folder
}

// startRole starts this program in a role of [roles].
func (b *bench) startRole(name string, args ...string) (*process, error) {
	return start(b.ctx, b.self, append([]string{name}, args...)...)
}

// startOurs starts our server in front of the upstream, with default settings.
func (b *bench) startOurs(args ...string) (*process, error) {
	args = append([]string{"--addr=127.0.0.1:0", "--upstream=http://" + b.upstream.address}, args...)
	admin := ""
	if b.profileDir != "" {
		var err error
		if admin, err = freeAddress(b.ctx); err != nil {
			return nil, err
		}
		args = append(args, "--admin-addr="+admin)
	}
	p, err := start(b.ctx, b.binary, args...)
	if err == nil {
		p.admin = admin
	}
	return p, err
}

// contestant is a server under test.
type contestant struct {
	name    string
	start   func() (*process, error)
	request request
	divisor int // divides the number of streams; 0 means 1
}

func (b *bench) oursWith(r request) contestant {
	return contestant{name: ours, start: func() (*process, error) { return b.startOurs() }, request: r}
}

func (b *bench) floor(args ...string) contestant {
	return contestant{name: floor, start: func() (*process, error) { return b.startRole("floor", args...) }}
}

func (b *bench) article(query string) contestant {
	return contestant{name: article, start: func() (*process, error) {
		return b.startRole("article", "-upstream", "http://"+b.upstream.address)
	}, request: request{query: query}}
}

// smoothStream plays half the streams, the limit of Node's single thread.
func (b *bench) smoothStream() contestant {
	return contestant{name: smoothStream, start: func() (*process, error) {
		return startSmooth(b.ctx, filepath.Join(b.root, "test", "bench", "node"))
	}, divisor: 2}
}

// section is a part of a run. It adds rows to the table.
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

// runSections runs the sections whose names match a regular expression.
func (b *bench) runSections(only string) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	for _, s := range b.sections() {
		if !pattern.MatchString(s.name) {
			continue
		}
		b.logf("%s:", s.name)
		if err := s.run(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// logf reports progress on standard error.
func (b *bench) logf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}

// result is a measurement of a contestant.
type result struct {
	streams   int
	perEvent  time.Duration // processor time per delivered event
	perStream int           // resident bytes per stream
	rate      float64       // events per second of all streams
	cpu       float64       // processors in use
}

// measureOne starts a contestant, measures n streams, and stops the server. If beforeStop
// is not nil, measureOne calls it before the stop.
func (b *bench) measureOne(c contestant, n int, beforeStop func(*process, *load)) (result, error) {
	server, err := c.start()
	if err != nil {
		return result{}, err
	}
	defer server.stop()
	warm, err := openLoad(b.ctx, server.address, c.request, 1) // allocates everything that streams share
	if err != nil {
		return result{}, err
	}
	warm.close()
	empty, err := server.rss()
	if err != nil {
		return result{}, err
	}
	l, err := openLoad(b.ctx, server.address, c.request, n)
	if err != nil {
		return result{}, err
	}
	defer l.close()
	time.Sleep(b.plan.settle)
	began, events := time.Now(), l.events.Load()
	used, err := server.cpu()
	if err != nil {
		return result{}, err
	}
	waitProfile := b.startProfile(c.name, n, server)
	time.Sleep(b.plan.window)
	events = l.events.Load() - events
	took := time.Since(began)
	now, err := server.cpu()
	if err != nil {
		return result{}, err
	}
	loaded, err := server.rss()
	if events == 0 {
		return result{}, errors.Join(err, fmt.Errorf("%s sent no events: %s", c.name, server.stderr.String()))
	}
	if err := waitProfile(); err != nil {
		return result{}, err
	}
	used = now - used
	f := result{
		streams:   n,
		perEvent:  used / time.Duration(events),
		perStream: (loaded - empty) / n,
		rate:      float64(events) / took.Seconds(),
		cpu:       used.Seconds() / took.Seconds(),
	}
	b.logf("%s, %d streams: %s per event, %s per stream, %.0f events per second, %.2f processors",
		c.name, n, micros(f.perEvent), kilobytes(f.perStream), f.rate, f.cpu)
	if beforeStop != nil {
		beforeStop(server, l)
	}
	return f, err
}

// measureAll measures contestants in turn. It skips those that are not installed, with a
// note below the table.
func (b *bench) measureAll(n int, contestants ...contestant) (map[string]result, error) {
	out := map[string]result{}
	for _, c := range contestants {
		f, err := b.measureOne(c, n/max(c.divisor, 1), nil)
		if errors.Is(err, errMissing) {
			b.noteMissing(c.name)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		out[c.name] = f
	}
	return out, nil
}

// noteMissing adds a note that a contestant was skipped.
func (b *bench) noteMissing(name string) {
	note := name + " was skipped: the program is not installed"
	if !strings.Contains(strings.Join(b.notes, "\n"), note) {
		b.notes = append(b.notes, note)
	}
}
