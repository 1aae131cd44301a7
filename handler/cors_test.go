package handler

import (
	"context"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"

	"sse-typewriter/internal/streams"

	"github.com/cloudwego/hertz/pkg/app"
)

const page = "https://page.example"

// corsOf are the headers of CORS in a response.
func corsOf(a answer) map[string]string {
	got := map[string]string{}
	for name, values := range a.fields {
		if strings.HasPrefix(name, "Access-Control-") || name == "Vary" {
			got[name] = "|" + strings.Join(values, "|")
		}
	}
	return got
}

// Pages of allowed origins may read every reply, including errors; pages of other origins
// may read none.
func TestCORS(t *testing.T) {
	allowed := func(origin string) map[string]string {
		return map[string]string{
			"Vary": "|Origin", "Access-Control-Allow-Origin": "|" + origin,
			"Access-Control-Expose-Headers": "|x-tt-logid, x-request-id, typewriter-stream, typewriter-resume, location, preference-applied, retry-after, www-authenticate",
		}
	}
	refused := map[string]string{"Vary": "|Origin"}
	upstreams := map[string]string{"Vary": "|Accept", "Access-Control-Allow-Origin": "|upstream's", "Access-Control-Allow-Credentials": "|true"}
	for _, test := range []struct {
		name, origins, origin string
		want                  map[string]string
	}{
		{"off", "", page, nil},
		{"allowed", "http://localhost:3000," + page, page, allowed(page)},
		{"another", "http://localhost:3000", page, refused},
		{"a prefix of it", page + ".net", page, refused},
		{"begins with it", page, page + ".net", refused},
		{"null", page, "null", refused},
		{"none", page, "", refused},
		{"all", "*", page, allowed("*")},
	} {
		for _, route := range []struct {
			method, path, key string
			status            int
			isForwarded       bool
		}{
			{"GET", "/v1/x", oneKey, 200, true},
			{"POST", "/v3/chat", oneKey, 200, true},
			{"POST", "/v3/chat", "", 401, false},
			{"GET", "/ai/nothing", "", 404, false},
			{"GET", "/typewriter/streams/x/skip", "", 405, false},
			{"GET", "/v1/../x", "", 400, false},
		} {
			t.Run(test.name+" "+route.method+" "+route.path+" "+route.key, func(t *testing.T) {
				_, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
					header := http.Header{}
					for name, value := range upstreams {
						header.Set(name, value[1:])
					}
					return &http.Response{StatusCode: http.StatusOK, Header: header, Body: http.NoBody, Request: r}, nil
				}), withKeys, func(o *Options, _ *streams.Options) {
					if test.origins != "" {
						o.Origins = strings.Split(test.origins, ",")
					}
				})
				a := server.serve(context.Background(), t, request{method: route.method, url: route.path, header: map[string]string{
					"Origin": test.origin, "Authorization": "Bearer " + route.key,
				}})
				want := map[string]string{}
				maps.Copy(want, test.want)
				switch {
				case route.isForwarded && test.want == nil:
					want = upstreams
				case route.isForwarded:
					want["Vary"] = "|Origin|Accept"
				}
				if got := corsOf(a); a.status != route.status || !reflect.DeepEqual(got, want) {
					t.Errorf("got %d %v\nwant %d %v", a.status, got, route.status, want)
				}
			})
		}
	}
}

// Preflight requests are answered on all paths, without a key and without the upstream.
func TestPreflight(t *testing.T) {
	for _, path := range []string{"/v3/chat", "/v1/files/upload", "/typewriter/streams/x", "/ai/nothing", "/v1/../x", "/"} {
		for _, test := range []struct {
			name, origin, method string
			status               int
			want                 map[string]string
		}{
			{"allowed", page, "POST", 204, map[string]string{
				"Vary": "|Origin", "Access-Control-Allow-Origin": "|" + page,
				"Access-Control-Expose-Headers": "|x-tt-logid, x-request-id, typewriter-stream, typewriter-resume, location, preference-applied, retry-after, www-authenticate",
				"Access-Control-Allow-Methods":  "|GET, HEAD, POST, PUT, PATCH, DELETE",
				"Access-Control-Allow-Headers": "|authorization, x-api-key, x-goog-api-key, api-key, content-type, x-coze-client-user-agent, last-event-id, idempotency-key, prefer, x-request-id, " +
					"typewriter-mode, typewriter-speed, typewriter-max-lag, typewriter-max-tail, typewriter-reasoning, typewriter-unit, typewriter-min-interval, typewriter-markdown, typewriter-event-ids",
				"Access-Control-Max-Age": "|7200",
			}},
			{"another origin", "https://other.example", "POST", 204, map[string]string{"Vary": "|Origin"}},
		} {
			t.Run(path+" "+test.name, func(t *testing.T) {
				var up asked
				_, server := newTestHandler(t, &up, withKeys, func(o *Options, _ *streams.Options) { o.Origins = []string{page} })
				a := server.serve(context.Background(), t, request{method: "OPTIONS", url: path, header: map[string]string{
					"Origin": test.origin, "Access-Control-Request-Method": test.method,
				}})
				if got := corsOf(a); a.status != test.status || !reflect.DeepEqual(got, test.want) || len(up) != 0 || a.body != "" {
					t.Errorf("got %d %v %s, upstream was asked %d times", a.status, got, a.body, len(up))
				}
			})
		}
	}
	t.Run("off", func(t *testing.T) {
		var up asked
		_, server := newTestHandler(t, &up)
		a := server.serve(context.Background(), t, request{method: "OPTIONS", url: "/v1/x", header: map[string]string{
			"Origin": page, "Access-Control-Request-Method": "POST",
		}})
		if a.status != 200 || len(up) != 1 {
			t.Errorf("got %d, upstream was asked %d times", a.status, len(up))
		}
	})
	t.Run("OPTIONS that is no preflight", func(t *testing.T) {
		var up asked
		_, server := newTestHandler(t, &up, func(o *Options, _ *streams.Options) { o.Origins = []string{page} })
		a := server.serve(context.Background(), t, request{method: "OPTIONS", url: "/v1/x"})
		if a.status != 200 || len(up) != 1 {
			t.Errorf("got %d, upstream was asked %d times", a.status, len(up))
		}
	})
}

// The Allow header of a 405 names the methods of the path.
func TestAllow(t *testing.T) {
	_, server := newTestHandler(t, &asked{})
	server.engine.Any("/stand-in/*path", func(context.Context, *app.RequestContext) {})
	server.engine.GET("/stand-in", func(context.Context, *app.RequestContext) {})
	for _, test := range []struct{ method, path, want string }{
		{"PUT", "/typewriter/streams/x", "DELETE, GET"},
		{"GET", "/typewriter/streams/x/skip", "POST"},
		{"PUT", "/stand-in", "GET"},
	} {
		a := server.serve(context.Background(), t, request{method: test.method, url: test.path})
		if got := a.header("Allow"); a.status != 405 || got != test.want {
			t.Errorf("%s %s: got %d, Allow: %s, want %s", test.method, test.path, a.status, got, test.want)
		}
	}
}
