package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sse-typewriter/internal/summary"
	"sse-typewriter/typewriter"
)

// validate returns the errors of all invalid settings, joined in the order of the flags.
// Values of the wrong type have been rejected by kong before.
func (c *Config) validate() error {
	upstreams, upstreamsErr := c.AllUpstreams() // and the pauses
	return errors.Join(
		checkAddress("addr", c.Addr),
		c.validateAdminAddr(),
		c.validateUpstream(),
		c.validateFormat(),
		c.validateModel(),
		c.validateMode(),
		c.validatePace(),
		upstreamsErr,
		c.validateToken(upstreams),
		checkPositive("max-streams", c.MaxStreams),
		checkNotNegative("max-streams-per-client", c.MaxStreamsPerClient),
		c.validateStore(),
		checkNotNegative("resume-grace", c.ResumeGrace),
		checkNotNegative("resume-retention", c.ResumeRetention),
		checkPositive("heartbeat", c.Heartbeat),
		checkPositive("upstream-connect-timeout", c.UpstreamConnectTimeout),
		checkPositive("upstream-header-timeout", c.UpstreamHeaderTimeout),
		checkNotNegative("upstream-first-text-timeout", c.UpstreamFirstTextTimeout),
		checkPositive("upstream-idle-timeout", c.UpstreamIdleTimeout),
		checkPositive("upstream-max-time", c.UpstreamMaxTime),
		checkNotNegative("recovery-timeout", c.RecoveryTimeout),
		c.validateSummarizeTimeout(),
		checkPositive("max-connections", c.MaxConnections),
		checkPositive("read-timeout", c.ReadTimeout),
		checkPositive("idle-timeout", c.IdleTimeout),
		checkPositive("write-timeout", c.WriteTimeout),
		checkNotNegative("drain-timeout", c.DrainTimeout),
	)
}

// number is the type of settings with a lower bound.
type number interface {
	int | int64 | time.Duration
}

func checkPositive[T number](flag string, value T) error {
	if value <= 0 {
		return fmt.Errorf("--%s %v: want more than 0", flag, value)
	}
	return nil
}

func checkNotNegative[T number](flag string, value T) error {
	if value < 0 {
		return fmt.Errorf("--%s %v: want 0 or more", flag, value)
	}
	return nil
}

func checkAddress(flag, address string) error {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return fmt.Errorf("--%s %q: want host:port", flag, address)
	}
	return nil
}

func (c *Config) validateAdminAddr() error {
	if c.AdminAddr == "" {
		return nil
	}
	return checkAddress("admin-addr", c.AdminAddr)
}

func (c *Config) validateUpstream() error {
	if c.Upstream == "" {
		return nil
	}
	if err := checkURL(c.Upstream); err != nil {
		return fmt.Errorf("--upstream %w", err)
	}
	return nil
}

func (c *Config) validateFormat() error {
	if err := c.checkFormat(c.UpstreamFormat); err != nil {
		return fmt.Errorf("--upstream-%w", err)
	}
	return nil
}

// validateModel rejects an upstream whose questions need a model and have none.
func (c *Config) validateModel() error {
	if _, isOwn := c.Formats[c.UpstreamFormat]; isOwn || slices.Contains(withoutModel, c.UpstreamFormat) || c.Upstream == "" || c.Model != "" {
		return nil
	}
	return fmt.Errorf("--upstream-format %s: want --model with it, such as --model deepseek-chat", c.UpstreamFormat)
}

func (c *Config) validateMode() error {
	if typewriter.DefaultPace(c.Mode).Validate() != nil {
		return fmt.Errorf("--mode %q: want typewriter, smooth or raw", c.Mode)
	}
	return nil
}

// validatePace checks each pace setting separately, so that each error names its flag.
func (c *Config) validatePace() error {
	var errs []error
	for _, setting := range []struct {
		flag string
		mode typewriter.Mode
		set  func(*typewriter.Pace)
	}{
		{"speed", typewriter.Typewriter, func(p *typewriter.Pace) { p.Speed = c.Speed }},
		{"max-lag", typewriter.Typewriter, func(p *typewriter.Pace) { p.MaxLag = time.Duration(c.MaxLag) }},
		{"max-tail", typewriter.Typewriter, func(p *typewriter.Pace) { p.MaxTail = time.Duration(c.MaxTail) }},
		{"reasoning", typewriter.Typewriter, func(p *typewriter.Pace) { p.Reasoning = c.Reasoning }},
		{"smooth-max-lag", typewriter.Smooth, func(p *typewriter.Pace) { p.MaxLag = c.SmoothMaxLag }},
		{"unit", typewriter.Typewriter, func(p *typewriter.Pace) { p.Unit = c.Unit }},
		{"min-interval", typewriter.Typewriter, func(p *typewriter.Pace) { p.MinInterval = time.Duration(c.MinInterval) }},
	} {
		pace := typewriter.DefaultPace(setting.mode)
		setting.set(&pace)
		if err := pace.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w", setting.flag, err))
		}
	}
	return errors.Join(errs...)
}

// validateToken rejects an upstream token that anyone on the network could use.
func (c *Config) validateToken(upstreams []Upstream) error {
	host, _, err := net.SplitHostPort(c.Addr)
	i := slices.IndexFunc(upstreams, func(u Upstream) bool { return u.Token != "" })
	if i < 0 || len(c.APIKeys.List) > 0 || c.AllowAnonymous || err != nil || isLoopback(host) {
		return nil // an invalid address is reported as such
	}
	setting := "--upstream-token"
	if prefix := upstreams[i].Prefix; prefix != "" {
		setting = "upstreams: " + prefix + ": token"
	}
	return fmt.Errorf("%s with --addr %q: all clients that reach this address could use the token; "+
		"set --api-keys, listen on 127.0.0.1, or pass --allow-anonymous", setting, c.Addr)
}

// validateStore checks the store's URL. The error never contains a password.
func (c *Config) validateStore() error {
	if c.InMemory() || strings.HasPrefix(c.Store, "redis://") || strings.HasPrefix(c.Store, "rediss://") {
		return nil
	}
	shown := c.Store
	if strings.Contains(shown, "@") {
		shown = "..."
	}
	return fmt.Errorf("--store %q: want memory or redis://host:port/db", shown)
}

func (c *Config) validateSummarizeTimeout() error {
	if c.SummarizeTimeout <= 0 || c.SummarizeTimeout > summary.MaxTimeout {
		return fmt.Errorf("--summarize-timeout %v: want more than 0 and at most %v", c.SummarizeTimeout, summary.MaxTimeout)
	}
	return nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}
