package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a running server. Unlike [testenv.Program], it may be any program, and needs
// no test.
type process struct {
	address  string // host and port
	admin    string // host and port of the admin server; empty: none
	cmd      *exec.Cmd
	stderr   bytes.Buffer   // must be read only after the process has ended
	draining sync.WaitGroup // the goroutine that discards the standard output
}

var addressPattern = regexp.MustCompile(`http://(127\.0\.0\.1:\d+)`)

// start starts a program and reads the address that the program prints. The end of ctx
// kills the process.
func start(ctx context.Context, program string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, program, args...)}
	p.cmd.Env = append(os.Environ(), "NO_PROXY=*", "no_proxy=*")
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", program, err)
	}
	lines := bufio.NewReader(out)
	line, _ := lines.ReadString('\n') // an error leaves no address
	match := addressPattern.FindStringSubmatch(line)
	if match == nil {
		p.stop()
		return nil, fmt.Errorf("%s %v printed no address: %s%s", program, args, line, p.stderr.String())
	}
	p.address = match[1]
	p.draining.Go(func() { _, _ = io.Copy(io.Discard, lines) }) // ends with the process
	return p, nil
}

// stop kills the process.
func (p *process) stop() {
	_ = p.cmd.Process.Kill() // fails if the process has ended
	p.draining.Wait()
	_ = p.cmd.Wait() // reports the kill
}

var goroutinePattern = regexp.MustCompile(`(?m)^goroutine \d+ `)

// goroutines ends a Go program by SIGQUIT and counts the stacks of the goroutine dump.
func (p *process) goroutines() int {
	_ = p.cmd.Process.Signal(syscall.SIGQUIT) // fails if the process has ended
	p.draining.Wait()
	_ = p.cmd.Wait() // reports the signal
	return len(goroutinePattern.FindAll(p.stderr.Bytes(), -1))
}

// cpu returns the user and system time of the process (proc(5)).
func (p *process) cpu() (time.Duration, error) {
	const tick = time.Second / 100 // USER_HZ, the same on all of Linux that Go runs on
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(stat), ") ") // the name may contain spaces
	fields := strings.Fields(after)
	const utime, stime = 11, 12 // indexes after the name
	if len(fields) <= stime {
		return 0, errors.New("cannot read /proc/PID/stat")
	}
	user, errUser := strconv.Atoi(fields[utime])
	system, errSystem := strconv.Atoi(fields[stime])
	return time.Duration(user+system) * tick, errors.Join(errUser, errSystem)
}

// rss returns the resident memory of the process in bytes.
func (p *process) rss() (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(status), "\nVmRSS:")
	kilobytes, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	n, err := strconv.Atoi(kilobytes)
	return n << 10, err
}
