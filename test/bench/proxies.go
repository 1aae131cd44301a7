package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// serveReverseProxy serves an unmodified [httputil.ReverseProxy].
func serveReverseProxy(args []string) error {
	flags := flag.NewFlagSet("reverseproxy", flag.ContinueOnError)
	upstream := flags.String("upstream", "", "base URL of the upstream")
	if err := flags.Parse(args); err != nil {
		return err
	}
	target, err := url.Parse(*upstream)
	if err != nil {
		return err
	}
	return serve(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }})
}

// nginxConf is a minimal configuration without buffering.
const nginxConf = `daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events { worker_connections 1024; }
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	server {
		listen %s;
		location / {
			proxy_pass http://%s;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_buffering off;
		}
	}
}
`

// errMissing is returned for a contestant whose program is not installed.
var errMissing = errors.New("not installed")

// startNginx starts nginx as a single process.
func startNginx(ctx context.Context, folder, upstream string) (*process, error) {
	program, err := exec.LookPath("nginx")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			return nil, errMissing
		}
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(folder, "nginx.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, nginxConf, address, upstream), 0o600); err != nil {
		return nil, err
	}
	return startAt(ctx, address, program, "-e", "stderr", "-p", folder, "-c", conf)
}

// startRedis starts a redis-server without persistence.
func startRedis(ctx context.Context, folder string) (*process, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errMissing
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(address) // always valid
	return startAt(ctx, address, program, "--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", folder)
}

// freeAddress returns an unused address of the loopback interface.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// startAt starts a program that is configured with an address, and waits until the
// program listens.
func startAt(ctx context.Context, address, program string, args ...string) (*process, error) {
	p := &process{address: address, cmd: exec.CommandContext(ctx, program, args...)}
	p.cmd.Stderr = &p.stderr
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", program, err)
	}
	for deadline := time.Now().Add(timeout); ; time.Sleep(5 * time.Millisecond) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return p, conn.Close()
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			p.stop()
			return nil, fmt.Errorf("%s does not listen: %w: %s", program, err, p.stderr.String())
		}
	}
}

// checkServes requests a URL and returns the error, ignoring the reply.
func checkServes(ctx context.Context, url string) error {
	res, err := httpGet(ctx, url)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// httpGet requests a URL. The caller closes the body.
func httpGet(ctx context.Context, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(req)
}
