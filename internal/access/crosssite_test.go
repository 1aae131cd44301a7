package access

import (
	"testing"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/apierror"
)

// Requests that pages of other sites cause are rejected unless they have a credential.
func TestCheckSite(t *testing.T) {
	for _, test := range []struct {
		name, method, host string
		header             map[string]string
		want               *apierror.Error
	}{
		{"a program", "POST", "localhost:8380", nil, nil},
		{"an address", "GET", "127.0.0.1:8380", nil, nil},
		{"an IPv6 address", "GET", "[::1]:8380", nil, nil},
		{"an allowed host", "GET", "Chat.example:8380", nil, nil},
		{"a rebound host", "GET", "evil.example:8380", map[string]string{"Sec-Fetch-Site": "same-origin"}, apierror.UnknownHost},
		{"a rebound host, with a credential", "GET", "evil.example", map[string]string{"Authorization": "Bearer own"}, nil},
		{"the page itself", "POST", "localhost:8380", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8380"}, nil},
		{"the address bar", "GET", "localhost", map[string]string{"Sec-Fetch-Site": "none"}, nil},
		{"an image", "GET", "localhost", map[string]string{"Sec-Fetch-Site": "cross-site"}, apierror.CrossSite},
		{"an image of the same site", "GET", "localhost", map[string]string{"Sec-Fetch-Site": "same-site"}, apierror.CrossSite},
		{"a no-cors POST", "POST", "localhost", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, apierror.CrossSite},
		{"an old browser", "POST", "localhost:8380", map[string]string{"Origin": "https://evil.example"}, apierror.CrossSite},
		{"another port", "POST", "localhost:8380", map[string]string{"Origin": "http://localhost:1"}, apierror.CrossSite},
		{"an opaque origin", "POST", "localhost", map[string]string{"Origin": "null"}, apierror.CrossSite},
		{"an old browser on the page itself", "POST", "localhost:8380", map[string]string{"Origin": "http://localhost:8380"}, nil},
		{"an allowed origin", "POST", "localhost", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://page.example"}, nil},
		{"a credential", "POST", "localhost", map[string]string{"Sec-Fetch-Site": "cross-site", "X-Api-Key": "own"}, nil},
		{"a preflight", "OPTIONS", "localhost", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := &Policy{IsLoopback: true, Hosts: []string{"chat.example"}, Origins: []string{"https://page.example"}}
			c := app.NewContext(0)
			c.Request.SetMethod(test.method)
			c.Request.SetRequestURI("/v3/chat")
			c.Request.Header.SetHost(test.host)
			for name, value := range test.header {
				c.Request.Header.Set(name, value)
			}
			if got := p.CheckSite(c); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
