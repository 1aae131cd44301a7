package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/netip"
	"strings"

	"github.com/cloudwego/hertz/pkg/app"
)

// keyParameter is the query parameter for the key of an EventSource, a client without
// control of headers.
const keyParameter = "api_key"

// Policy authenticates requests and identifies their clients. The zero value lets
// everybody in and trusts no proxy. A Policy is safe for concurrent use as long as no field
// changes.
type Policy struct {
	// Keys are the SHA-256 hashes of the API keys. If there are any, each request needs
	// a key, and no credential of a client goes upstream.
	Keys [][sha256.Size]byte

	// TrustedProxies are the networks whose X-Forwarded-* headers are believed.
	TrustedProxies []netip.Prefix

	// UpstreamToken is the bearer token for requests without a credential of their own;
	// empty: none is added.
	UpstreamToken string

	// AllowsQueryKey reports whether a GET of a path may have the key in the query; nil:
	// no path may.
	AllowsQueryKey func(path string) bool
}

// Authenticate reports whether a request has a valid API key, or needs no key. The time is
// the same for all keys.
func (p *Policy) Authenticate(c *app.RequestContext) bool {
	if len(p.Keys) == 0 {
		return true
	}
	presented := sha256.Sum256([]byte(p.key(c)))
	found := 0
	for _, key := range p.Keys {
		found |= subtle.ConstantTimeCompare(presented[:], key[:])
	}
	return found == 1
}

// key returns the API key of a request. The Authorization header takes precedence over
// the query.
func (p *Policy) key(c *app.RequestContext) string {
	const bearer = "bearer "
	switch header := c.Request.Header.Get("Authorization"); {
	case len(header) > len(bearer) && strings.EqualFold(header[:len(bearer)], bearer):
		return strings.TrimLeft(header[len(bearer):], " ")
	case header == "" && p.isQueryKeyAllowed(c):
		return c.Query(keyParameter)
	default:
		return ""
	}
}

func (p *Policy) isQueryKeyAllowed(c *app.RequestContext) bool {
	return (c.IsGet() || c.IsHead()) && p.AllowsQueryKey != nil && p.AllowsQueryKey(string(c.Path()))
}

// keyID returns the hash of a request's API key.
func (p *Policy) keyID(c *app.RequestContext) string {
	sum := sha256.Sum256([]byte(p.key(c)))
	return hex.EncodeToString(sum[:])
}

// Owner returns the credential of the owner of a request's streams: the API key or, if
// none are configured, the Authorization header.
func (p *Policy) Owner(c *app.RequestContext) string {
	if len(p.Keys) > 0 {
		return p.keyID(c)
	}
	return c.Request.Header.Get("Authorization")
}

// Client returns the client for whom limits count: an API key or, if none are
// configured, an address or IPv6 subnet.
func (p *Policy) Client(c *app.RequestContext) string {
	if len(p.Keys) > 0 {
		return p.keyID(c)
	}
	return subnet(p.clientAddr(c))
}

// SetUpstreamHeader replaces the credential and the X-Forwarded-* headers in the header of
// an upstream request.
func (p *Policy) SetUpstreamHeader(c *app.RequestContext, header http.Header) {
	p.setCredential(header)
	p.setForwarded(c, header)
}

func (p *Policy) setCredential(header http.Header) {
	if len(p.Keys) > 0 {
		header.Del("Authorization")
	}
	if header.Get("Authorization") == "" && p.UpstreamToken != "" {
		header.Set("Authorization", "Bearer "+p.UpstreamToken)
	}
}

// KeyParameters returns the query parameters for API keys. The caller must remove them
// from upstream requests of any path: some clients send a key in the header and in the
// query.
func (p *Policy) KeyParameters() []string {
	if len(p.Keys) > 0 {
		return []string{keyParameter}
	}
	return nil
}
