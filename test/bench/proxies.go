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

// serveReverseProxy is the proxy of Go's own library.
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

// nginxConf is the least that passes a stream on as it comes.
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

// startNginx runs nginx, as one process.
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

// startRedis runs a redis-server that keeps nothing on disk.
func startRedis(ctx context.Context, folder string) (*process, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errMissing
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(address) // it is one
	return startAt(ctx, address, program, "--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", folder)
}

// freeAddress returns an address that nobody listens at.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// startAt runs a program that is told its address, and waits until it listens.
func startAt(ctx context.Context, address, program string, args ...string) (*process, error) {
	p := &process{address: address, cmd: exec.CommandContext(ctx, program, args...)}
	p.cmd.Stderr = &p.said
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", program, err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return p, conn.Close()
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			p.stop()
			return nil, fmt.Errorf("%s does not listen: %w: %s", program, err, p.said.String())
		}
	}
}

// get asks a server for something small, to see that it serves.
func get(ctx context.Context, url string) error {
	res, err := open(ctx, url)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// open asks for a URL. The reply's body must be closed.
func open(ctx context.Context, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(req)
}
