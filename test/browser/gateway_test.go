package browser

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// gateway is a reverse proxy between the page and a server that can refuse requests.
type gateway struct {
	*httptest.Server
	hang func() // if set, no request is answered, and it is called when a client has left

	mu      sync.Mutex
	status  int    // of refusals; 0: there are none
	key     string // with which a request is not refused; pages are open to all
	refused int
}

func newGateway(t *testing.T, to string) *gateway {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Header.Del("Authorization")
	}, ErrorHandler: func(http.ResponseWriter, *http.Request, error) {}}
	g := &gateway{}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch status := g.refusalStatus(r); {
		case g.hang != nil:
			_, _ = io.Copy(io.Discard, r.Body) // the server sees that the client leaves only then
			<-r.Context().Done()
			g.hang()
		case status != 0:
			w.WriteHeader(status)
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		g.CloseClientConnections()
		g.Close()
	})
	return g
}

// refusalStatus returns the status of the refusal of a request, or 0.
func (g *gateway) refusalStatus(r *http.Request) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	isPage := r.Method == http.MethodGet && (r.URL.Path == "/" || len(r.URL.Path) > 5 && r.URL.Path[:5] == "/web/")
	hasKey := g.key != "" && (r.Header.Get("Authorization") == "Bearer "+g.key || r.URL.Query().Get("api_key") == g.key)
	if g.hang == nil && (g.status == 0 || isPage || hasKey) {
		return 0
	}
	g.refused++
	return g.status
}

// refuse makes the gateway refuse requests without a key; status 0 ends that.
func (g *gateway) refuse(status int, key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.status, g.key = status, key
}

// refusals returns the number of refused requests.
func (g *gateway) refusals() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refused
}
