// Package testenv runs a redis-server for tests, and breaks it. It is for tests alone
// and never touches a server that it has not started.
package testenv

import (
	"context"
	"io"
	"net"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// Redis is a redis-server that keeps nothing on disk.
type Redis struct {
	// Addr is where it serves.
	Addr string

	t   testing.TB
	cmd *exec.Cmd
}

// StartRedis starts a server on a free port of the loopback, until the test's end. If none is
// installed the test is skipped.
func StartRedis(t testing.TB) *Redis {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed: run scripts/install-test-deps")
	}
	free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Redis{t: t, Addr: free.Addr().String()}
	_ = free.Close() // the port is what was wanted
	t.Cleanup(s.Kill)
	s.Start()
	return s
}

// URL is what clients are given.
func (s *Redis) URL() string { return "redis://" + s.Addr + "/0" }

// Start starts a server that was killed; it is empty.
func (s *Redis) Start() {
	s.t.Helper()
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd = exec.CommandContext(context.WithoutCancel(s.t.Context()), "redis-server",
		"--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", s.t.TempDir())
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for deadline := time.Now().Add(Patience); !s.serves(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatal("redis-server does not serve")
		}
	}
}

func (s *Redis) serves() bool {
	conn, err := (&net.Dialer{}).DialContext(context.WithoutCancel(s.t.Context()), "tcp", s.Addr)
	if err != nil {
		return false
	}
	defer conn.Close() //nolint:errcheck // it is only a look
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		return false
	}
	answer := make([]byte, 5)
	_, err = io.ReadFull(conn, answer)
	return err == nil && string(answer) == "+PONG"
}

// Kill ends the server with all it holds.
func (s *Redis) Kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// Pause has the server answer nobody, until Resume.
func (s *Redis) Pause() { s.signal(syscall.SIGSTOP) }

// Resume undoes Pause.
func (s *Redis) Resume() { s.signal(syscall.SIGCONT) }

func (s *Redis) signal(signal syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
}
