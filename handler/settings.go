package handler

import (
	"net/netip"
	"sync/atomic"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/access"
)

// Settings are the options of a [Handler] that may change while the handler serves. Do not
// change a Settings in use.
type Settings struct {
	// Upstreams are required. A reload keeps their prefixes, clients and formats.
	Upstreams Upstreams

	// Keys and TrustedProxies are those of [access.Policy]; each may be empty.
	Keys           []access.Key
	TrustedProxies []netip.Prefix

	// Origins are those of [access.CORS] and [access.Policy], and IsLoopback and Hosts those
	// of [access.Policy]; Origins and Hosts may be empty.
	Origins    []string
	IsLoopback bool
	Hosts      []string

	// MaxStreams bounds the concurrent recordings, and the concurrent views, of all clients.
	MaxStreams int
}

// settings are the values of a handler that depend on a [Settings]. A request uses the same
// settings from the beginning to the end.
type settings struct {
	upstreams Upstreams
	policy    *access.Policy
	cors      access.CORS
}

// liveSettings are the settings for new requests.
type liveSettings = atomic.Pointer[settings]

func newSettings(s Settings) *settings {
	formats := s.Upstreams.Formats()
	return &settings{
		upstreams: s.Upstreams,
		policy: &access.Policy{
			Keys: s.Keys, TrustedProxies: s.TrustedProxies, AllowsQueryKey: func(path string) bool {
				_, path = s.Upstreams.OfPath(path)
				return isEventSourcePath(path)
			},
			Origins: s.Origins, IsLoopback: s.IsLoopback, Hosts: s.Hosts,
		},
		cors: access.CORS{Origins: s.Origins, RequestHeaders: formats.BrowserHeaders(), ResponseHeaders: formats.SDKHeaders()},
	}
}

// settingsOf returns the settings of a request.
func settingsOf(c *app.RequestContext) *settings { return targetOf(c).settings }

// policyOf returns the policy of a request.
func policyOf(c *app.RequestContext) *access.Policy { return settingsOf(c).policy }

// Reload changes the settings for new requests. Running requests and streams keep theirs.
// Reload is safe for concurrent use.
func (h *Handler) Reload(s Settings) {
	h.live.Store(newSettings(s))
	h.admit.admission.SetMaxStreams(s.MaxStreams)
}
