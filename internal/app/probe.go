package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"sse-typewriter/handler"
	"sse-typewriter/internal/config"
	"sse-typewriter/upstream"
)

// probeUpstreams connects to all upstreams, so that a wrong URL is reported at the start and
// not by the first chat. With --upstream-check=strict, probeUpstreams returns the first
// failure; otherwise failures are logged while the server serves, until done is called.
func probeUpstreams(ctx context.Context, conf *config.Config, settings []config.Upstream, logger *slog.Logger) (done func(), err error) {
	isStrict := conf.UpstreamCheck == config.CheckStrict
	ctx, cancel := context.WithCancel(ctx)
	var probes sync.WaitGroup
	failures := make([]error, len(settings))
	for i, s := range settings {
		if s.URL == "" {
			continue
		}
		probes.Go(func() { // ends with the timeout, or with ctx
			failures[i] = probe(ctx, s.URL, conf.UpstreamConnectTimeout)
			if failures[i] != nil && !isStrict && ctx.Err() == nil {
				logger.Warn("upstream is unreachable; its requests fail until it is reachable",
					"upstream", cmp.Or(s.Prefix, "/"), "url", s.URL, "error", failures[i])
			}
		})
	}
	done = func() {
		cancel()
		probes.Wait()
	}
	if !isStrict {
		return done, nil
	}
	defer done()
	probes.Wait()
	for i, err := range failures {
		if err != nil {
			return nil, fmt.Errorf("cannot reach upstream %s: %w", settings[i].URL, err)
		}
	}
	return func() {}, nil
}

// probe connects to the address of a base URL, with TLS if the URL says so, or to the proxy
// in front. timeout bounds the connection.
func probe(ctx context.Context, baseURL string, timeout time.Duration) error {
	u, err := url.Parse(baseURL)
	if err != nil {
		return err
	}
	dialer := &net.Dialer{Timeout: timeout}
	dial := dialer.DialContext
	if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: u}); err == nil && proxy != nil {
		u = proxy
	} else if u.Scheme == "https" {
		dial = (&tls.Dialer{NetDialer: dialer}).DialContext
	}
	conn, err := dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), u.Scheme)))
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return fmt.Errorf("the port does not speak TLS: did you mean http://%s?", u.Host)
	}
	if err != nil {
		return err
	}
	return conn.Close()
}

// warnOfSettings logs settings of upstreams that are probably wrong.
func warnOfSettings(conf *config.Config, all handler.Upstreams, logger *slog.Logger) {
	for i, u := range all {
		if base := withoutEndpoint(u.Formats, u.Client.BaseURL); base != u.Client.BaseURL {
			logger.Warn("the URL of the upstream ends with the path of a request; did you mean the base URL?",
				"upstream", all.Labels()[i], "url", u.Client.BaseURL, "base_url", base)
		}
	}
	if conf.Upstream != "" && needsBot(all[0].Formats) {
		logger.Warn("no --bot-id: /v3/chat without bot_id, /ai/summarize and the pages are refused")
	}
}

// needsBot reports whether a question must name a bot, since none is configured.
func needsBot(formats upstream.Formats) bool {
	ask := formats.OfPath("/v3/chat").Ask
	_, err := ask(upstream.Question{})
	_, errOfBot := ask(upstream.Question{Bot: "1"})
	return err != nil && errOfBot == nil
}

// withoutEndpoint returns a base URL, which has no final slash, without the path of a chat
// request at its end.
func withoutEndpoint(formats upstream.Formats, baseURL string) string {
	u, err := url.Parse(baseURL)
	if err != nil {
		return baseURL
	}
	anyHeader := func(string) string { return "1" } // some formats expect a header
	for i := range u.Path {
		if u.Path[i] != '/' {
			continue
		}
		path := u.Path[i:]
		format, pattern := formats.Route(upstream.RequestHead{Method: http.MethodPost, Path: path, Header: anyHeader})
		if format == nil {
			continue
		}
		// A pattern that begins with a star matches any prefix.
		if suffix := strings.TrimPrefix(pattern, "*"); strings.HasSuffix(path, suffix) {
			path = suffix
		}
		return strings.TrimSuffix(baseURL, path)
	}
	return baseURL
}
