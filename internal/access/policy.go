package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/cloudwego/hertz/pkg/app"
)

// credentialHeaders are the headers in which SDKs of AI services send a credential.
var credentialHeaders = []string{"Authorization", "X-Api-Key", "X-Goog-Api-Key", "Api-Key"}

// keyParameter is the query parameter in which SDKs send a credential.
const keyParameter = "key"

// ownKeyParameter is the query parameter for the key of an EventSource, a client without
// control of headers.
const ownKeyParameter = "api_key"

// CredentialParameters returns the query parameters that may carry a credential.
func CredentialParameters() []string { return []string{ownKeyParameter, keyParameter} }

// bearerPrefix precedes a credential in the Authorization header.
const bearerPrefix = "Bearer "

// Policy authenticates requests and identifies their clients. The zero value lets
// everybody in and trusts no proxy. A Policy is safe for concurrent use as long as no field
// changes.
type Policy struct {
	// Keys are the API keys. If there are any, each request needs a key, and no credential
	// of a client goes upstream.
	Keys []Key

	// TrustedProxies are the networks whose X-Forwarded-* headers are believed.
	TrustedProxies []netip.Prefix

	// Origins are the origins whose pages may send requests without a credential, or *
	// alone for all.
	Origins []string

	// IsLoopback reports whether only this machine reaches the server. Requests without a
	// credential must then name this machine, or one of Hosts, unless a trusted proxy
	// sends them. Hosts are in lower case.
	IsLoopback bool
	Hosts      []string

	// AllowsQueryKey reports whether a GET of a path may have the key in the query; nil:
	// no path may.
	AllowsQueryKey func(path string) bool
}

// Authenticate reports whether a request has a valid API key, or needs no key. The time is
// the same for all keys.
func (p *Policy) Authenticate(c *app.RequestContext) bool {
	return len(p.Keys) == 0 || p.find(c) >= 0
}

// KeyName returns the name of a request's API key, which may be empty.
func (p *Policy) KeyName(c *app.RequestContext) string {
	if len(p.Keys) == 0 {
		return ""
	}
	if i := p.find(c); i >= 0 {
		return p.Keys[i].Name
	}
	return ""
}

// find returns the index of a request's API key, or -1, in the same time for all keys.
func (p *Policy) find(c *app.RequestContext) int {
	presented := sha256.Sum256([]byte(p.key(c)))
	found := -1
	for i, key := range p.Keys {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(presented[:], key.Hash[:]), i, found)
	}
	return found
}

// key returns the API key of a request: the first credential. The Authorization header takes
// precedence over the others, in any form.
func (p *Policy) key(c *app.RequestContext) string {
	const bearer = "bearer "
	all := p.credentials(c)
	switch header := c.Request.Header.Get("Authorization"); {
	case len(header) > len(bearer) && strings.EqualFold(header[:len(bearer)], bearer):
		return strings.TrimLeft(header[len(bearer):], " ")
	case header == "" && len(all) > 0:
		return strings.TrimPrefix(all[0], bearerPrefix)
	case header == "" && p.isQueryKeyAllowed(c):
		return c.Query(ownKeyParameter)
	default:
		return ""
	}
}

// credentials returns the distinct credentials of a request, those outside of the
// Authorization header in the form of that header. The parameter of an EventSource is not
// among them.
func (p *Policy) credentials(c *app.RequestContext) []string {
	var all []string
	add := func(credential string) {
		if !slices.Contains(all, credential) {
			all = append(all, credential)
		}
	}
	for i, name := range credentialHeaders {
		for _, value := range c.Request.Header.PeekAll(name) {
			switch {
			case len(value) == 0:
			case i == 0:
				add(string(value))
			default:
				add(bearerPrefix + string(value))
			}
		}
	}
	for _, value := range c.QueryArgs().PeekAll(keyParameter) {
		if len(value) > 0 {
			add(bearerPrefix + string(value))
		}
	}
	return all
}

// hasHeaderCredential reports whether a header of a request has a credential.
func hasHeaderCredential(c *app.RequestContext) bool {
	return slices.ContainsFunc(credentialHeaders, func(name string) bool { return c.Request.Header.Get(name) != "" })
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
// none are configured, all credentials of the request. A credential counts the same in any
// place. Without API keys, the parameter of an EventSource is none: a gateway in front may
// have checked the key and removed only the header.
func (p *Policy) Owner(c *app.RequestContext) string {
	if len(p.Keys) > 0 {
		return p.keyID(c)
	}
	return strings.Join(p.credentials(c), "\n")
}

// Client returns the client for whom limits count: an API key or, for a request without a
// valid key, an address or IPv6 subnet.
func (p *Policy) Client(c *app.RequestContext) string {
	if len(p.Keys) > 0 && p.find(c) >= 0 {
		return p.keyID(c)
	}
	return subnet(p.clientAddr(c))
}

// SetUpstreamHeader replaces the X-Forwarded-* headers in the header of an upstream request
// and, if there are keys, removes all credentials.
func (p *Policy) SetUpstreamHeader(c *app.RequestContext, header http.Header) {
	if len(p.Keys) > 0 {
		for _, name := range credentialHeaders {
			header.Del(name)
		}
	}
	p.setForwarded(c, header)
}

// KeyParameters returns the query parameters for credentials, if there are keys. The caller
// must remove them from upstream requests of any path: some clients send a key in the header
// and in the query.
func (p *Policy) KeyParameters() []string {
	if len(p.Keys) > 0 {
		return CredentialParameters()
	}
	return nil
}

// HasCredential reports whether a credential of the client goes upstream with a request.
func (p *Policy) HasCredential(c *app.RequestContext) bool {
	return len(p.Keys) == 0 && len(p.credentials(c)) > 0
}
