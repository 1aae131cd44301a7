package handler

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/upstream"
)

// target is the destination of a request, determined before the request is served.
type target struct {
	upstream *Upstream

	// format is the format of the request, in which errors are reported.
	format *upstream.Format

	// path is the path at the upstream, without its prefix, or err the fault of the path.
	path string
	err  error

	// settings are the settings for the whole request.
	settings *settings

	// own reports whether the path is one of the server's own, and not of the AI service.
	own bool

	// pattern is the pattern of a path whose streams are paced, or empty.
	pattern string
}

// targetKey is the key of a request's target.
const targetKey = "target"

// targetOf returns the target of a request.
func targetOf(c *app.RequestContext) *target { return c.MustGet(targetKey).(*target) }

// formatOf returns the format of a request.
func formatOf(c *app.RequestContext) *upstream.Format { return targetOf(c).format }

// findTarget determines the target of each request.
func findTarget(live *liveSettings) app.HandlerFunc {
	return func(ctx context.Context, c *app.RequestContext) {
		c.Set(targetKey, newTarget(c, live.Load()))
		c.Next(ctx)
	}
}

// newTarget returns the target of a request. A route of the server takes precedence over
// the target of the request, which may have several spellings.
func newTarget(c *app.RequestContext, s *settings) *target {
	t := &target{settings: s, path: c.FullPath()}
	decoded := t.path
	if t.path == "" {
		t.path, decoded, t.err = apiPath(string(c.Request.Header.RequestURI()))
	}
	t.own = isOwnPath(decoded)
	t.upstream, t.path = s.upstreams.OfPath(t.path)
	decoded = strings.TrimPrefix(decoded, t.upstream.Prefix)
	t.own = t.own || c.FullPath() != "" && isOwnPath(decoded)
	t.format = t.upstream.Formats.Default()
	head := upstream.RequestHead{Method: string(c.Method()), Path: decoded, Header: c.Request.Header.Get, Query: c.Query}
	format, pattern := t.upstream.Formats.Route(head)
	if format == nil { // with another method, errors have the format of the path all the same
		head.Method = http.MethodPost
		format, _ = t.upstream.Formats.Route(head)
	}
	if format == nil {
		format = t.upstream.Formats.Owner(decoded)
	}
	// Hertz has set the status if the path has a route for other methods.
	t.own = t.own || format == nil && c.Response.StatusCode() == http.StatusMethodNotAllowed
	if t.own {
		t.format = ownFormat(t.upstream.Formats)
	}
	if format != nil && !t.own {
		t.format, t.pattern = format, pattern
	}
	return t
}

// ownFormat returns the format of the server's own paths, in which the server asks questions
// too: the format of [chatPath].
func ownFormat(formats upstream.Formats) *upstream.Format {
	if format := formats.OfPath(chatPath); format != nil {
		return format
	}
	return formats.Default()
}

// ownPaths are the first segments of the server's own paths. All other paths without a
// route are those of the AI service.
var ownPaths = []string{"", "progress", "web", "typewriter", "ai", "healthz", "readyz", "metrics"}

// isOwnPath reports whether a decoded path is one of the server's own.
func isOwnPath(path string) bool {
	first, _, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
	return slices.Contains(ownPaths, first)
}

// errPath reports a path that must not go upstream.
var errPath = errors.New("path is not allowed")

// apiPath returns the path of a request target for the upstream, as it is and decoded. Only
// doubled slashes are removed: SDKs double the final slash of a base URL. A path with
// several meanings to servers in between is an error.
func apiPath(target string) (path, decoded string, err error) {
	path, _, _ = strings.Cut(target, "?")
	decoded, err = url.PathUnescape(path)
	if err != nil || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " #") || isAmbiguous(decoded) {
		return "", decoded, fmt.Errorf("%w: %q", errPath, path)
	}
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path, decoded, nil
}

// isAmbiguous reports whether a decoded path may lead elsewhere at another server: by dot
// segments, also with parameters ("..;x", of Java servers), backslashes or control
// characters. A server may decode a path repeatedly, so the escapes of each level count; a
// path with more than maxEscapes levels is ambiguous.
func isAmbiguous(path string) bool {
	const maxEscapes = 4
	for range maxEscapes {
		if strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7F || r == '\\' }) {
			return true
		}
		for segment := range strings.SplitSeq(path, "/") {
			name, _, _ := strings.Cut(segment, ";")
			if name == "." || name == ".." {
				return true
			}
		}
		inner := escapes.Replace(path)
		if inner == path {
			return false
		}
		path = inner
	}
	return true
}

// escapes are the escapes that isAmbiguous decodes again: of percent signs, dots, slashes,
// backslashes and semicolons.
var escapes = strings.NewReplacer("%25", "%", "%2e", ".", "%2E", ".", "%2f", "/", "%2F", "/", "%5c", `\`, "%5C", `\`, "%3b", ";", "%3B", ";")
