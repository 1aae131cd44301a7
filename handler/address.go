package handler

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/cloudwego/hertz/pkg/app"
)

// peer is the address that a connection comes from.
func peer(c *app.RequestContext) netip.Addr {
	addr, _ := netip.ParseAddrPort(c.RemoteAddr().String()) // the zero value: nobody's
	return addr.Addr().Unmap().WithZone("")
}

// address is the address of a request's client, as far as those in between are trusted.
func (h *Handler) address(c *app.RequestContext) netip.Addr {
	return clientAddress(peer(c), c.Request.Header.GetAll("X-Forwarded-For"), h.isTrusted)
}

func (h *Handler) isTrusted(addr netip.Addr) bool {
	return slices.ContainsFunc(h.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// clientAddress goes back the way of a request, from the connection's peer through what
// X-Forwarded-For tells, as long as who tells is trusted.
func clientAddress(at netip.Addr, forwarded []string, isTrusted func(netip.Addr) bool) netip.Addr {
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !isTrusted(at) {
			break
		}
		before, ok := hopAddress(strings.TrimSpace(hop))
		if !ok {
			break
		}
		at = before
	}
	return at
}

// hopAddress reads an address of X-Forwarded-For, which may have brackets and a port.
func hopAddress(hop string) (netip.Addr, bool) {
	if host, _, err := net.SplitHostPort(hop); err == nil {
		hop = host
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(hop, "["), "]"))
	return addr.Unmap().WithZone(""), err == nil
}

// subnet is what limits take for one client: an address or, since with IPv6 a household
// has that many, all that begin with the same 64 bits.
func subnet(addr netip.Addr) string {
	if addr.Is6() {
		return netip.PrefixFrom(addr, 64).Masked().String()
	}
	return addr.String()
}

// setForwarded tells the upstream for whom and how it is asked. What the client tells of
// that goes on only if the client is a proxy that is trusted.
func (h *Handler) setForwarded(c *app.RequestContext, header http.Header) {
	at := peer(c)
	if !h.isTrusted(at) {
		for name := range header {
			if strings.HasPrefix(name, "X-Forwarded-") || name == "Forwarded" || name == "X-Real-Ip" {
				delete(header, name)
			}
		}
	}
	header.Set("X-Forwarded-For", strings.Join(append(header.Values("X-Forwarded-For"), at.String()), ", "))
	if header.Get("X-Forwarded-Host") == "" {
		header.Set("X-Forwarded-Host", string(c.Host()))
	}
	if header.Get("X-Forwarded-Proto") == "" {
		header.Set("X-Forwarded-Proto", "http") // TLS ends in front of us
	}
}
