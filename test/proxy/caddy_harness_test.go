package proxy

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sse-typewriter/internal/testenv"
)

// caddy is a process run by deploy/Caddyfile.
type caddy struct {
	t       *testing.T
	program string
	folder  string
	base    string
	cmd     *exec.Cmd
	log     testenv.Output
}

// startCaddy runs Caddy with the recommended configuration in front of servers until
// the end of the test.
func startCaddy(t *testing.T, addresses ...string) *caddy {
	t.Helper()
	program := findProgram(t, "caddy")
	c := &caddy{t: t, program: program, folder: t.TempDir(), base: fmt.Sprintf("https://127.0.0.1:%d", testenv.FreePort(t))}
	file := recommended(t, "Caddyfile")
	replaceOnce(t, [][2]string{
		{"chat.example.com {", c.base + " {\n\ttls " + certFile() + " " + keyFile()},
		{"127.0.0.1:8380 {", strings.Join(addresses, " ") + " {"},
		// No shared ports, and a short grace period that cuts connections.
		{"grace_period 30s", "admin off\n\tauto_https disable_redirects\n\tgrace_period 100ms"},
	}, &file)
	if err := os.WriteFile(filepath.Join(c.folder, "Caddyfile"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	c.start()
	t.Cleanup(func() {
		c.stop()
		if c.t.Failed() {
			t.Errorf("Caddy said: %s", c.log.String())
		}
	})
	return c
}

// start runs the process and waits until it listens.
func (c *caddy) start() {
	c.t.Helper()
	c.cmd = exec.Command(c.program, "run", "--config", "Caddyfile", "--adapter", "caddyfile")
	c.cmd.Dir = c.folder
	c.cmd.Env = []string{"HOME=" + c.folder}
	c.cmd.Stderr = &c.log
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	testenv.Eventually(c.t, "Caddy listens", func() bool {
		conn, err := (&net.Dialer{}).DialContext(c.t.Context(), "tcp", strings.TrimPrefix(c.base, "https://"))
		if err != nil {
			return false
		}
		_ = conn.Close() // it was never used
		return true
	})
}

// stop ends Caddy and so cuts all its connections.
func (c *caddy) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // an error shows in Wait
	if err := c.cmd.Wait(); err != nil {
		c.t.Errorf("Caddy ended with %v: %s", err, c.log.String())
	}
}

// restart stops Caddy and starts it again at the same port.
func (c *caddy) restart() {
	c.t.Helper()
	c.stop()
	c.start()
}
