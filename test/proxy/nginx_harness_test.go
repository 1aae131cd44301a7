package proxy

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"sse-typewriter/internal/testenv"
)

// nginx is a master process with its workers, with the configuration files in deploy.
type nginx struct {
	t       *testing.T
	program string
	prefix  string // its folder
	base    string
	secure  string // the base of nginx-tls.conf
	cmd     *exec.Cmd
	log     testenv.Output
}

// errorLog is the line of deploy/nginx-location.conf that sets the error log. Tests
// want a lower level.
const errorLog = "error_log /var/log/nginx/error.log crit;"

// mainConf is the main configuration, which belongs to the administrator. This one
// compresses everything, and ends old workers without waiting for their streams.
const mainConf = `user root;
daemon off;
worker_processes 2;
worker_shutdown_timeout 100ms;
pid nginx.pid;
error_log stderr warn;
events {}
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	gzip on;
	gzip_types *;
	gzip_proxied any;
	include conf.d/*.conf;
}
`

// startNginx runs nginx with the recommended configuration in front of a server until
// the end of the test. Each change replaces a part of the configuration.
func startNginx(t *testing.T, s *testenv.Program, changes ...[2]string) *nginx {
	t.Helper()
	return runNginx(t, "nginx.conf", append(changes, [2]string{"127.0.0.1:8380", s.Address()})...)
}

// runNginx runs nginx with a file of deploy and changes to it.
func runNginx(t *testing.T, file string, changes ...[2]string) *nginx {
	t.Helper()
	program := findProgram(t, "nginx")
	plain, secure := testenv.FreePort(t), testenv.FreePort(t)
	n := &nginx{t: t, program: program, prefix: t.TempDir()}
	n.base, n.secure = fmt.Sprintf("http://127.0.0.1:%d", plain), fmt.Sprintf("https://127.0.0.1:%d", secure)
	changes = append(changes,
		[2]string{"listen 80;", fmt.Sprintf("listen 127.0.0.1:%d;", plain)},
		[2]string{"\tlisten 443 ", fmt.Sprintf("listen 127.0.0.1:%d ", secure)},
		[2]string{"/etc/ssl/certs/chat.example.com.pem", certFile()},
		[2]string{"/etc/ssl/private/chat.example.com.key", keyFile()},
		[2]string{"/var/log/nginx/access.log", "access.log"},
	)
	if !slices.ContainsFunc(changes, func(c [2]string) bool { return c[0] == errorLog }) {
		changes = append(changes, [2]string{errorLog, "error_log stderr warn;"})
	}
	site, tls, location := recommended(t, file), recommended(t, "nginx-tls.conf"), recommended(t, "nginx-location.conf")
	replaceOnce(t, changes, &site, &tls, &location)
	for name, text := range map[string]string{
		"conf.d/sse-typewriter.conf":     site,
		"conf.d/sse-typewriter.tls.conf": tls,
		"snippets/sse-typewriter.conf":   location,
		"nginx.conf":                     mainConf,
	} {
		name = filepath.Join(n.prefix, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	n.start()
	t.Cleanup(func() {
		n.stop()
		if log := n.log.String(); strings.Contains(log, "[emerg]") || strings.Contains(log, "temporary file") || n.t.Failed() {
			t.Errorf("nginx said: %s", log)
		}
	})
	return n
}

// start starts the master process and waits until it listens.
func (n *nginx) start() {
	n.t.Helper()
	n.cmd = exec.Command(n.program, "-e", "stderr", "-p", n.prefix, "-c", "nginx.conf")
	n.cmd.Stderr = &n.log
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.awaitReady()
}

// awaitReady waits until nginx listens and has workers.
func (n *nginx) awaitReady() {
	n.t.Helper()
	testenv.Eventually(n.t, "nginx listens", func() bool {
		conn, err := (&net.Dialer{}).DialContext(n.t.Context(), "tcp", strings.TrimPrefix(n.base, "http://"))
		if err != nil {
			return false
		}
		_ = conn.Close() // it was never used
		return len(n.workers()) > 0
	})
}

// stop ends nginx at once, as "nginx -s stop" does, and so cuts all its connections.
func (n *nginx) stop() {
	n.signal(n.cmd.Process.Pid, syscall.SIGTERM)
	if err := n.cmd.Wait(); err != nil {
		n.t.Errorf("nginx ended with %v: %s", err, n.log.String())
	}
}

// restart stops nginx and starts it again at the same port.
func (n *nginx) restart() {
	n.t.Helper()
	n.stop()
	n.start()
}

// reload makes nginx reread its configuration, as "nginx -s reload" does, and waits for
// the old workers to end.
func (n *nginx) reload() {
	n.t.Helper()
	old := n.workers()
	n.signal(n.cmd.Process.Pid, syscall.SIGHUP)
	testenv.Eventually(n.t, "the old workers have ended", func() bool { return !n.anyRuns(old) })
}

// endWorkers ends all workers at once; the master starts new ones.
func (n *nginx) endWorkers(signal syscall.Signal) {
	n.t.Helper()
	old := n.workers()
	for _, pid := range old {
		n.signal(pid, signal)
	}
	testenv.Eventually(n.t, "the workers have ended", func() bool { return !n.anyRuns(old) })
	n.awaitReady()
}

// workers returns the process ids of the master's children.
func (n *nginx) workers() []int {
	pid := n.cmd.Process.Pid
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil // it has not started, or has ended
	}
	var out []int
	for field := range strings.FieldsSeq(string(children)) {
		if pid, err := strconv.Atoi(field); err == nil {
			out = append(out, pid)
		}
	}
	return out
}

// anyRuns reports whether one of the processes is still a worker.
func (n *nginx) anyRuns(pids []int) bool {
	return slices.ContainsFunc(n.workers(), func(pid int) bool { return slices.Contains(pids, pid) })
}

func (n *nginx) signal(pid int, signal syscall.Signal) {
	n.t.Helper()
	if err := syscall.Kill(pid, signal); err != nil {
		n.t.Errorf("cannot send %v to %d: %v", signal, pid, err)
	}
}

// keptOnDisk returns the temporary files in which nginx buffers bodies.
func (n *nginx) keptOnDisk() []string {
	n.t.Helper()
	var out []string
	for _, pattern := range []string{"body/*", "proxy/*"} {
		names, err := filepath.Glob(filepath.Join(n.prefix, pattern))
		if err != nil {
			n.t.Fatal(err)
		}
		out = append(out, names...)
	}
	return out
}
