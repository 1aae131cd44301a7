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

// process is a server that runs beside us.
type process struct {
	address string // host and port
	admin   string // where it tells what it does; empty: nowhere
	cmd     *exec.Cmd
	said    bytes.Buffer   // its standard error; to be read once it has ended
	reading sync.WaitGroup // of its standard output
}

var addressPattern = regexp.MustCompile(`http://(127\.0\.0\.1:\d+)`)

// start runs a program that prints its address, until it is stopped or ctx is done.
func start(ctx context.Context, program string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, program, args...)}
	p.cmd.Env = append(os.Environ(), "NO_PROXY=*", "no_proxy=*")
	p.cmd.Stderr = &p.said
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", program, err)
	}
	lines := bufio.NewReader(out)
	line, _ := lines.ReadString('\n') // without one there is no address
	match := addressPattern.FindStringSubmatch(line)
	if match == nil {
		p.stop()
		return nil, fmt.Errorf("%s %v printed no address: %s%s", program, args, line, p.said.String())
	}
	p.address = match[1]
	p.reading.Go(func() { _, _ = io.Copy(io.Discard, lines) }) // ends with the process
	return p, nil
}

// stop kills the process: its streams are of no more use.
func (p *process) stop() {
	_ = p.cmd.Process.Kill() // it may have ended
	p.reading.Wait()
	_ = p.cmd.Wait() // it was killed
}

var goroutinePattern = regexp.MustCompile(`(?m)^goroutine \d+ `)

// goroutines ends a process that is a Go program by the signal that has it tell what
// it was at, and counts that.
func (p *process) goroutines() int {
	_ = p.cmd.Process.Signal(syscall.SIGQUIT) // it may have ended
	p.reading.Wait()
	_ = p.cmd.Wait() // it was told to
	return len(goroutinePattern.FindAll(p.said.Bytes(), -1))
}

// cpu returns the processor time that the process has used (proc(5)).
func (p *process) cpu() (time.Duration, error) {
	const tick = time.Second / 100 // USER_HZ, the same on all of Linux that Go runs on
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(stat), ") ") // the name may hold spaces
	fields := strings.Fields(after)
	const utime, stime = 11, 12 // counted from the state
	if len(fields) <= stime {
		return 0, errors.New("cannot read /proc/PID/stat")
	}
	user, errUser := strconv.Atoi(fields[utime])
	system, errSystem := strconv.Atoi(fields[stime])
	return time.Duration(user+system) * tick, errors.Join(errUser, errSystem)
}

// rss returns the memory that the process has resident, in bytes.
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
