package testenv

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Redis is a redis-server process without persistence.
type Redis struct {
	// Addr is the server's host and port.
	Addr string

	t    testing.TB
	args []string
	cmd  *exec.Cmd
}

// StartRedis starts a redis-server on a free port of the loopback interface, with
// additional arguments. The end of the test kills the server. Without an installed
// redis-server, and under -short, StartRedis skips the test.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no Redis is started")
	}
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed: run scripts/install-test-deps")
	}
	r := &Redis{t: t, args: args, Addr: fmt.Sprintf("127.0.0.1:%d", FreePort(t))}
	t.Cleanup(r.Kill)
	r.Start()
	return r
}

// URL returns the URL of the server's first database.
func (r *Redis) URL() string { return "redis://" + r.Addr + "/0" }

// Start starts the server again after Kill, empty and at the same address.
func (r *Redis) Start() {
	r.t.Helper()
	host, port, err := net.SplitHostPort(r.Addr)
	if err != nil {
		r.t.Fatal(err)
	}
	dir := r.t.TempDir()
	conf := filepath.Join(dir, "redis.conf") // required by a Sentinel
	if err := os.WriteFile(conf, nil, 0o600); err != nil {
		r.t.Fatal(err)
	}
	args := append([]string{conf, "--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", dir}, r.args...)
	r.cmd = exec.CommandContext(context.WithoutCancel(r.t.Context()), "redis-server", args...)
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	Eventually(r.t, "redis-server answers", r.answersPing)
}

func (r *Redis) answersPing() bool {
	conn, err := (&net.Dialer{}).DialContext(context.WithoutCancel(r.t.Context()), "tcp", r.Addr)
	if err != nil {
		return false
	}
	defer conn.Close() //nolint:errcheck // nothing was written that could be lost
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		return false
	}
	answer := make([]byte, 5)
	_, err = io.ReadFull(conn, answer)
	return err == nil && string(answer) == "+PONG"
}

// Kill kills the server. All data is lost.
func (r *Redis) Kill() {
	if r.cmd != nil {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
		r.cmd = nil
	}
}

// Pause suspends the server: connections stay open but nothing is answered until Resume.
func (r *Redis) Pause() { r.signal(syscall.SIGSTOP) }

// Resume continues a paused server.
func (r *Redis) Resume() { r.signal(syscall.SIGCONT) }

func (r *Redis) signal(signal syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(signal); err != nil {
		r.t.Fatal(err)
	}
}
