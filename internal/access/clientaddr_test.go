package access

import (
	"net/netip"
	"testing"
)

// The client is the last address in X-Forwarded-For that is not of a trusted proxy.
func TestClientAddress(t *testing.T) {
	p := &Policy{}
	for _, prefix := range []string{"10.0.0.0/8", "2001:db8:1::/48", "127.0.0.1/32"} {
		p.TrustedProxies = append(p.TrustedProxies, netip.MustParsePrefix(prefix))
	}
	for _, test := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"nobody in between", "203.0.113.1", nil, "203.0.113.1"},
		{"a proxy", "10.0.0.1", []string{"203.0.113.1"}, "203.0.113.1"},
		{"a client that lies", "203.0.113.1", []string{"198.51.100.1"}, "203.0.113.1"},
		{"a client that lies to a proxy", "10.0.0.1", []string{"198.51.100.1, 203.0.113.1"}, "203.0.113.1"},
		{"two proxies", "10.0.0.1", []string{"198.51.100.1, 203.0.113.1,10.0.0.2"}, "203.0.113.1"},
		{"two headers", "10.0.0.1", []string{"198.51.100.1", "203.0.113.1, 10.0.0.2"}, "203.0.113.1"},
		{"only proxies", "10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"a proxy that tells nothing", "10.0.0.1", nil, "10.0.0.1"},
		{"nonsense", "10.0.0.1", []string{"203.0.113.1, unknown"}, "10.0.0.1"},
		{"nonsense further on", "10.0.0.1", []string{"203.0.113.1, _x, 10.0.0.2"}, "10.0.0.2"},
		{"an empty hop", "10.0.0.1", []string{"203.0.113.1,"}, "10.0.0.1"},
		{"a port", "10.0.0.1", []string{"203.0.113.1:4711"}, "203.0.113.1"},
		{"IPv6", "10.0.0.1", []string{"2001:DB8:2:3:4:5:6:7"}, "2001:db8:2:3::/64"},
		{"IPv6 in brackets", "10.0.0.1", []string{"[2001:db8:2:3::1]"}, "2001:db8:2:3::/64"},
		{"IPv6 with a port", "10.0.0.1", []string{"[2001:db8:2:3::1]:80"}, "2001:db8:2:3::/64"},
		{"IPv6 with a zone", "fe80::1%eth0", nil, "fe80::/64"},
		{"a proxy of IPv6", "2001:db8:1::1", []string{"203.0.113.1"}, "203.0.113.1"},
		{"IPv4 in IPv6", "::ffff:10.0.0.1", []string{"::ffff:203.0.113.1"}, "203.0.113.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			at := netip.MustParseAddr(test.peer).Unmap().WithZone("")
			if got := subnet(clientAddr(at, test.forwarded, p.isTrusted)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
