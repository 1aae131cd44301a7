package config

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"sse-typewriter/typewriter"
)

// Upstream is an AI service behind the server.
type Upstream struct {
	// Prefix is the path prefix of requests for the service; empty for --upstream.
	Prefix string

	// URL is the base URL, or empty for the built-in mock.
	URL string

	// Format is the name of the wire format of questions.
	Format string

	// Token, BotID, Model and SystemPrompt are the settings of these names; each may be
	// empty.
	Token, BotID, Model, SystemPrompt string

	// Paces are the paces of each mode, and Mode is the default mode.
	Paces map[typewriter.Mode]typewriter.Pace
	Mode  typewriter.Mode
}

// AllUpstreams returns --upstream and then the upstreams with a prefix, in the order of
// their prefixes. An error reports all invalid settings, one on each line, without tokens.
func (c *Config) AllUpstreams() ([]Upstream, error) {
	paces, err := c.Paces()
	all := []Upstream{{
		URL: c.Upstream, Format: c.UpstreamFormat, Token: c.UpstreamToken, BotID: c.BotID,
		Model: c.Model, SystemPrompt: c.SystemPrompt, Paces: paces, Mode: c.Mode,
	}}
	sections, failed := c.Upstreams.read()
	if failed != nil {
		failed = fmt.Errorf("upstreams: %w", failed)
	}
	errs := []error{err, failed}
	for _, prefix := range slices.Sorted(maps.Keys(sections)) {
		u, failed := c.readUpstream(prefix, sections[prefix])
		for _, err := range failed {
			errs = append(errs, fmt.Errorf("upstreams: %s: %w", prefix, err))
		}
		all = append(all, u)
	}
	return all, errors.Join(errs...)
}

// prefixForm matches valid prefixes.
var prefixForm = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`)

// readUpstream returns an upstream with a prefix, and the errors of its settings.
func (c *Config) readUpstream(prefix string, settings map[string]string) (u Upstream, errs []error) {
	if !prefixForm.MatchString(prefix) {
		errs = append(errs, errors.New("want a path such as /deepseek as the prefix"))
	}
	own := *c // with the upstream's settings of the pace
	u = Upstream{Prefix: prefix, Format: defaultFormat}
	texts := map[string]*string{
		"url": &u.URL, "format": &u.Format, "token": &u.Token, "bot-id": &u.BotID, "model": &u.Model, "system-prompt": &u.SystemPrompt,
	}
	values := map[string]any{
		"mode": &own.Mode, "speed": &own.Speed, "max-lag": &own.MaxLag, "max-tail": &own.MaxTail, "reasoning": &own.Reasoning,
		"smooth-max-lag": &own.SmoothMaxLag, "unit": &own.Unit, "markdown": &own.Markdown, "min-interval": &own.MinInterval,
	}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		text := settings[name]
		switch {
		case texts[name] != nil:
			*texts[name] = text
		case values[name] == nil:
			errs = append(errs, fmt.Errorf("unknown setting %q%s", name, suggestion(name, slices.Concat(slices.Collect(maps.Keys(texts)), slices.Collect(maps.Keys(values))))))
		default:
			if err := parseValue(values[name], text); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
	}
	if err := checkURL(u.URL); err != nil {
		errs = append(errs, fmt.Errorf("url %w", err))
	}
	if err := c.checkFormat(u.Format); err != nil {
		errs = append(errs, err)
	}
	if u.Format == defaultFormat && u.Model+u.SystemPrompt != "" {
		errs = append(errs, fmt.Errorf("model and system-prompt: want another format than %s with them", u.Format))
	}
	if len(errs) > 0 {
		return u, errs
	}
	if err := errors.Join(own.validateMode(), own.validatePace()); err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			errs = append(errs, errors.New(strings.TrimPrefix(line, "--")))
		}
	}
	u.Mode = own.Mode
	u.Paces, _ = own.Paces() // the pauses are those of all upstreams
	return u, errs
}

// parseValue parses a value of a setting.
func parseValue(value any, text string) (err error) {
	switch v := value.(type) {
	case *typewriter.Mode:
		*v = typewriter.Mode(text)
	case *typewriter.Unit:
		*v = typewriter.Unit(text)
	case *bool:
		*v, err = strconv.ParseBool(text)
	case *float64:
		*v, err = strconv.ParseFloat(text, 64)
	case *time.Duration:
		*v, err = time.ParseDuration(text)
	case encoding.TextUnmarshaler:
		return v.UnmarshalText([]byte(text))
	}
	if err != nil {
		return fmt.Errorf("%q is invalid", text)
	}
	return nil
}

// checkURL reports an invalid base URL. The error never contains a password.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && !strings.ContainsAny(text, "?#") {
		return nil
	}
	if err == nil && u.User != nil {
		text = u.Redacted()
	}
	return fmt.Errorf("%q: want a URL such as https://api.coze.com", text)
}
