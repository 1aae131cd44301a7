package handler

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/access"
	"sse-typewriter/internal/testenv"

	"sse-typewriter/internal/streams"
	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
)

const (
	oneKey   = "KEYKEYKEYKEYKEY1"
	otherKey = "KEYKEYKEYKEYKEY2"
)

// withKeys configures two keys.
func withKeys(o *Options, _ *streams.Options) {
	o.Keys = []access.Key{{Name: "one", Hash: sha256.Sum256([]byte(oneKey))}, {Hash: sha256.Sum256([]byte(otherKey))}}
}

// asked records the requests to the upstream, and answers them with 200.
type asked []*http.Request

func (a *asked) RoundTrip(r *http.Request) (*http.Response, error) {
	*a = append(*a, r)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// guarded are the routes that need a key, and the status with a key. Routes with status 200
// go upstream, except for the metrics.
var guarded = []struct {
	method, path string
	status       int
}{
	{"POST", "/v3/chat", 200},
	{"GET", "/v3/chat", 200},
	{"HEAD", "/v3/chat", 200},
	{"PUT", "/v3/chat", 200},
	{"POST", "/v3/chat/submit_tool_outputs", 200},
	{"POST", "/v1/workflows/chat", 200},
	{"GET", "/ai/summarize?text=x", 200},
	{"POST", "/v3/chat/retrieve", 200},
	{"POST", "/v1/files/upload", 200},
	{"GET", "/open_api/x", 200},
	{"OPTIONS", "/v1/x", 200},
	{"GET", "/typewriter/streams/aaaaaaaaaaaaaaaaaaaaaaaaaa", 204},
	{"DELETE", "/typewriter/streams/aaaaaaaaaaaaaaaaaaaaaaaaaa", 404},
	{"POST", "/typewriter/streams/aaaaaaaaaaaaaaaaaaaaaaaaaa/skip", 404},
	{"POST", "/ai/summarize", 400}, // it has no body
	{"GET", "/metrics", 200},
}

// A request without a key never reaches the upstream. With a key the upstream receives the
// server's token, never the key.
func TestKeys(t *testing.T) {
	for _, test := range guarded {
		for _, authorization := range []string{"", "Bearer " + oneKey[1:], "Bearer " + oneKey + "1", "Bearer server's"} {
			var up asked
			_, server := newTestHandler(t, &up, withKeys, func(o *Options, _ *streams.Options) { o.Upstreams[0].Token = "server's" })
			a := server.serve(context.Background(), t, request{method: test.method, url: test.path, header: map[string]string{"Authorization": authorization}})
			if a.status != 401 || len(up) != 0 || a.header("WWW-Authenticate") != "Bearer" || strings.Contains(a.body, "KEYKEY") ||
				test.method != http.MethodHead && !strings.HasPrefix(a.body, `{"code":4100,"msg":"a valid key is needed`) {
				t.Errorf("%s %s with %q: got %d %s, upstream was asked %d times", test.method, test.path, authorization, a.status, a.body, len(up))
			}
		}
		for _, token := range []string{"", "server's"} {
			for _, k := range []string{oneKey, otherKey} {
				var up asked
				_, server := newTestHandler(t, &up, withKeys, func(o *Options, _ *streams.Options) { o.Upstreams[0].Token = token })
				a := server.serve(context.Background(), t, request{method: test.method, url: test.path, header: map[string]string{"Authorization": "Bearer " + k}})
				if a.status != test.status || len(up) != 0 != (test.status == 200 && test.path != "/metrics") {
					t.Errorf("%s %s: got %d %s, upstream was asked %d times", test.method, test.path, a.status, a.body, len(up))
				}
				want := ""
				if token != "" {
					want = "Bearer " + token
				}
				for _, r := range up {
					if got := r.Header.Get("Authorization"); got != want {
						t.Errorf("%s %s: upstream got %q, want %q", test.method, test.path, got, want)
					}
				}
			}
		}
	}
}

// A request without a key is answered before the body arrives. The server neither waits for
// the body nor keeps it.
func TestBodyWithoutKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up asked
		_, server := newTestHandler(t, &up, withKeys)
		start := time.Now()
		a := server.serve(t.Context(), t, request{
			method: "POST", url: "/v3/chat", header: map[string]string{"Transfer-Encoding": "chunked"},
			raw: "20000\r\n" + strings.Repeat("x", 128<<10),
		})
		if took := time.Since(start); a.status != 401 || len(up) != 0 || took != time.Second {
			t.Errorf("got %d after %v, upstream was asked %d times", a.status, took, len(up))
		}
	})
}

// Keys in the header and in the query, and the query that goes upstream.
func TestKeyForms(t *testing.T) {
	const q = "?api_key=" + oneKey
	for _, test := range []struct {
		name, method, url, authorization string
		want                             string // the upstream's URL; empty: 401
	}{
		{"header", "GET", "/v3/chat", "Bearer " + oneKey, "/v3/chat"},
		{"scheme in lower case", "GET", "/v3/chat", "bearer " + oneKey, "/v3/chat"},
		{"scheme in upper case", "GET", "/v3/chat", "BEARER  " + oneKey, "/v3/chat"},
		{"no scheme", "GET", "/v3/chat", oneKey, ""},
		{"another scheme", "GET", "/v3/chat", "Basic " + oneKey, ""},
		{"scheme alone", "GET", "/v3/chat", "Bearer ", ""},
		{"scheme and no space", "GET", "/v3/chat", "Bearer" + oneKey, ""},
		{"query", "GET", "/v3/chat" + q + "&a=b", "", "/v3/chat?a=b"},
		{"query with escapes", "GET", "/v3/chat?a=b&api%5Fkey=%4b" + oneKey[1:], "", "/v3/chat?a=b"},
		{"query of HEAD", "HEAD", "/v3/chat" + q + "&a=b", "", "/v3/chat?a=b"},
		{"query twice", "GET", "/v3/chat" + q + "&" + q[1:], "", "/v3/chat"},
		{"wrong query", "GET", "/v3/chat?api_key=x", "", ""},
		{"empty query", "GET", "/v3/chat?api_key=", "", ""},
		{"the header wins", "GET", "/v3/chat" + q, "Bearer " + otherKey[1:], ""},
		{"the header wins, whatever it is", "GET", "/v3/chat" + q, "Basic x", ""},
		{"the header wins over a wrong query", "GET", "/v3/chat?api_key=x", "Bearer " + otherKey, "/v3/chat"},
		{"query of a summary", "GET", "/ai/summarize?text=x&api_key=" + oneKey, "", "/v3/chat"},
		{"query of a summary by POST", "POST", "/ai/summarize" + q, "", ""},
		{"query of POST", "POST", "/v3/chat" + q, "", ""},
		{"query of POST is no key", "POST", "/v3/chat" + q + "&a=b", "Bearer " + oneKey, "/v3/chat?a=b"},
		{"query of another path", "GET", "/v1/x" + q, "", ""},
		{"query of another path is no key", "GET", "/v1/x" + q + "&a=b", "Bearer " + oneKey, "/v1/x?a=b"},
		{"query of a path that is asked for by GET is no key", "POST", "/v3/chat/retrieve" + q + "&a=b", "Bearer " + oneKey, "/v3/chat/retrieve?a=b"},
		{"query of a longer path", "GET", "/v3/chat/retrieve" + q, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var up asked
			_, server := newTestHandler(t, &up, withKeys)
			r := request{method: test.method, url: test.url, header: map[string]string{}}
			if test.authorization != "" {
				r.header["Authorization"] = test.authorization
			}
			a := server.serve(context.Background(), t, r)
			if test.want == "" {
				if a.status != 401 || len(up) != 0 {
					t.Errorf("got %d, upstream was asked %d times", a.status, len(up))
				}
				return
			}
			if a.status != 200 || len(up) != 1 || up[0].URL.RequestURI() != test.want {
				t.Errorf("got %d, upstream was asked %v", a.status, up)
			}
		})
	}
}

// Without configured keys the parameter api_key goes upstream.
func TestNoKeys(t *testing.T) {
	var up asked
	_, server := newTestHandler(t, &up)
	server.serve(context.Background(), t, request{method: "GET", url: "/v3/chat?api_key=x", header: map[string]string{"Authorization": "own"}})
	if len(up) != 1 || up[0].URL.RawQuery != "api_key=x" || up[0].Header.Get("Authorization") != "own" {
		t.Errorf("upstream was asked %v", up)
	}
}

// A stream belongs to the key of its opener, in the header or in the query.
func TestStreamsBelongToKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(3, cozemock.New()), withKeys)
		whole := server.serve(t.Context(), t, getChat("hello", "&mode=raw&api_key="+oneKey))
		last := readIDs(t, whole.text())[0].id
		by := func(query, authorization string) int {
			r := resumed(last, "&mode=raw"+query)
			if authorization != "" {
				r.header["Authorization"] = authorization
			}
			a := server.serve(t.Context(), t, r)
			return a.status
		}
		for _, test := range []struct {
			query, authorization string
			want                 int
		}{
			{"&api_key=" + oneKey, "", 200},
			{"", "Bearer " + oneKey, 200},
			{"", "bearer  " + oneKey, 200},
			{"&api_key=" + otherKey, "", 204},
			{"", "Bearer " + otherKey, 204},
			{"", "", 401},
		} {
			if got := by(test.query, test.authorization); got != test.want {
				t.Errorf("%q %q: got %d, want %d", test.query, test.authorization, got, test.want)
			}
		}
		time.Sleep(time.Hour)
	})
}

// Recovery and cancellation use the server's token.
func TestFollowingRequestsHaveToken(t *testing.T) {
	for _, scenario := range []string{"/cut", "/slow"} {
		t.Run(scenario, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var paths []string
				standIn := mock.New(3, cozemock.New())
				_, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
					paths = append(paths, r.URL.Path)
					if got := r.Header.Get("Authorization"); got != "Bearer server's" || strings.Contains(r.URL.RawQuery, "KEY") {
						t.Errorf("upstream was asked %s with %q", r.URL, got)
					}
					return standIn.RoundTrip(r)
				}), withKeys, func(o *Options, _ *streams.Options) { o.Upstreams[0].Token = "server's" })
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				a := server.serve(ctx, t, getChat(scenario, "&mode=raw&api_key="+oneKey))
				d := server.serve(t.Context(), t, request{
					method: "DELETE", url: streamsPath + a.header("Typewriter-Stream"),
					header: map[string]string{"Authorization": "Bearer " + oneKey},
				})
				if d.status != 204 || len(paths) < 2 {
					t.Errorf("got %d, upstream was asked %v", d.status, paths)
				}
				time.Sleep(time.Hour)
			})
		})
	}
}

// X-Forwarded headers go upstream from trusted proxies; others are replaced.
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
			_, server := newTestHandler(t, &up, func(o *Options, _ *streams.Options) {
				o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(test.trusted)}
			})
			server.serve(context.Background(), t, request{method: "GET", url: "/v1/x", header: test.header})
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
