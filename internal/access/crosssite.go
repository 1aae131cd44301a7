package access

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/apierror"
)

// CheckSite rejects a request without a credential in a header that a page of another site
// may have caused (a page can put one into a URL): such a request would use the server's token, or its place in the network. The
// rule is the one of [http.CrossOriginProtection] for all methods except OPTIONS, since
// even a GET may cost, and a check of the Host header against DNS rebinding. The result is
// nil for any other request, also for all requests of programs other than browsers.
func (p *Policy) CheckSite(c *app.RequestContext) *apierror.Error {
	if len(p.Keys) > 0 || hasHeaderCredential(c) {
		return nil
	}
	if p.IsLoopback && !p.isTrusted(peerAddr(c)) && !p.isKnownHost(string(c.Host())) {
		return apierror.UnknownHost
	}
	if string(c.Method()) != http.MethodOptions && p.isForeign(c) {
		return apierror.CrossSite
	}
	return nil
}

// isForeign reports whether a browser sends the request for a page of another origin, other
// than those of p.Origins.
func (p *Policy) isForeign(c *app.RequestContext) bool {
	origin := c.Request.Header.Get("Origin")
	if slices.Contains(p.Origins, "*") || slices.Contains(p.Origins, origin) {
		return false
	}
	switch c.Request.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "": // an old browser, a plain http URL, or no browser
	default:
		return true
	}
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return true // null
	}
	isForwardedHost := p.isTrusted(peerAddr(c)) && strings.EqualFold(u.Host, c.Request.Header.Get("X-Forwarded-Host"))
	return !isForwardedHost && !strings.EqualFold(u.Host, string(c.Host()))
}

// isKnownHost reports whether a Host header names this machine or one of p.Hosts. An IP
// address is known: DNS cannot rebind addresses.
func (p *Policy) isKnownHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host == "" || // HTTP/1.0, and no browser
		host == "localhost" || strings.HasSuffix(host, ".localhost") || slices.Contains(p.Hosts, host)
}
