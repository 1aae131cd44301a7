package handler

import (
	"context"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/cloudwego/hertz/pkg/app"
)

// client is the address that limits count for.
func TestClientAddress(t *testing.T) {
	h := &Handler{}
	for _, p := range []string{"10.0.0.0/8", "2001:db8:1::/48", "127.0.0.1/32"} {
		h.TrustedProxies = append(h.TrustedProxies, netip.MustParsePrefix(p))
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
			if got := subnet(clientAddress(at, test.forwarded, h.isTrusted)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// The upstream is told what a proxy tells that is trusted, and of others what is true.
func TestForwardedHeaders(t *testing.T) {
	told := map[string]string{
		"X-Forwarded-For": "198.51.100.1", "X-Forwarded-Host": "h", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "1",
		"Forwarded": "for=198.51.100.1", "X-Real-Ip": "198.51.100.1",
	}
	for _, test := range []struct {
		name    string
		trusted string
		header  map[string]string
		want    map[string]string
	}{
		{"trusted", "0.0.0.0/32", told, map[string]string{
			"X-Forwarded-For": "198.51.100.1, 0.0.0.0", "X-Forwarded-Host": "h", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "1",
			"Forwarded": "for=198.51.100.1", "X-Real-Ip": "198.51.100.1",
		}},
		{"not trusted", "10.0.0.0/8", told, map[string]string{
			"X-Forwarded-For": "0.0.0.0", "X-Forwarded-Host": "localhost", "X-Forwarded-Proto": "http",
		}},
		{"trusted, but tells nothing", "0.0.0.0/32", nil, map[string]string{
			"X-Forwarded-For": "0.0.0.0", "X-Forwarded-Host": "localhost", "X-Forwarded-Proto": "http",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var up asked
			h, engine := newTestHandler(t, &up)
			h.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(test.trusted)}
			serve(context.Background(), t, engine, request{method: "GET", url: "/v1/x", header: test.header})
			got := map[string]string{}
			for name, values := range up[0].Header {
				if strings.Contains(name, "Forwarded") || name == "X-Real-Ip" {
					got[name] = strings.Join(values, "|")
				}
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("upstream got %v\nwant         %v", got, test.want)
			}
		})
	}
}

// The address of a test's request is nobody's.
func TestPeer(t *testing.T) {
	if got := peer(app.NewContext(0)); got.String() != "0.0.0.0" {
		t.Errorf("got %v", got)
	}
}
