package access

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/cloudwego/hertz/pkg/app"
)

// peerAddr returns the address at the other end of a request's connection.
func peerAddr(c *app.RequestContext) netip.Addr {
	addr, _ := netip.ParseAddrPort(c.RemoteAddr().String()) // the zero Addr for a non-IP connection
	return addr.Addr().Unmap().WithZone("")
}

// clientAddr returns the address of a request's client: the last address in
// X-Forwarded-For outside of the trusted proxies.
func (p *Policy) clientAddr(c *app.RequestContext) netip.Addr {
	return clientAddr(peerAddr(c), c.Request.Header.GetAll("X-Forwarded-For"), p.isTrusted)
}

func (p *Policy) isTrusted(addr netip.Addr) bool {
	return slices.ContainsFunc(p.TrustedProxies, func(prefix netip.Prefix) bool { return prefix.Contains(addr) })
}

// clientAddr follows X-Forwarded-For backwards from the peer, for as long as each hop is
// trusted.
func clientAddr(peer netip.Addr, forwarded []string, isTrusted func(netip.Addr) bool) netip.Addr {
	addr := peer
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !isTrusted(addr) {
			break
		}
		previous, ok := parseHop(strings.TrimSpace(hop))
		if !ok {
			break
		}
		addr = previous
	}
	return addr
}

// parseHop parses an address of X-Forwarded-For, with or without brackets and a port.
func parseHop(hop string) (netip.Addr, bool) {
	if host, _, err := net.SplitHostPort(hop); err == nil {
		hop = host
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(hop, "["), "]"))
	return addr.Unmap().WithZone(""), err == nil
}

// subnet returns the network of a client: an IPv4 address, or an IPv6 /64, the usual
// share of a household.
func subnet(addr netip.Addr) string {
	if addr.Is6() {
		return netip.PrefixFrom(addr, 64).Masked().String()
	}
	return addr.String()
}

// setForwarded adds the peer to the X-Forwarded-* headers. Those of an untrusted peer
// are dropped first.
func (p *Policy) setForwarded(c *app.RequestContext, header http.Header) {
	peer := peerAddr(c)
	if !p.isTrusted(peer) {
		for name := range header {
			if strings.HasPrefix(name, "X-Forwarded-") || name == "Forwarded" || name == "X-Real-Ip" {
				delete(header, name)
			}
		}
	}
	header.Set("X-Forwarded-For", strings.Join(append(header.Values("X-Forwarded-For"), peer.String()), ", "))
	if header.Get("X-Forwarded-Host") == "" {
		header.Set("X-Forwarded-Host", string(c.Host()))
	}
	if header.Get("X-Forwarded-Proto") == "" {
		header.Set("X-Forwarded-Proto", "http") // a proxy in front terminates TLS
	}
}
