package handler

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/streams"
	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
	"sse-typewriter/upstream"
)

// places are the places for a credential.
var places = []struct {
	name string
	add  func(r *request, credential string)
}{
	{"Authorization", func(r *request, credential string) { r.header["Authorization"] = "Bearer " + credential }},
	{"x-api-key", func(r *request, credential string) { r.header["x-api-key"] = credential }},
	{"x-goog-api-key", func(r *request, credential string) { r.header["x-goog-api-key"] = credential }},
	{"api-key", func(r *request, credential string) { r.header["api-key"] = credential }},
	{"key", func(r *request, credential string) { addQuery(r, "key", credential) }},
	{"api_key", func(r *request, credential string) { addQuery(r, "api_key", credential) }},
}

func addQuery(r *request, name, value string) {
	separator := "?"
	if strings.Contains(r.url, "?") {
		separator = "&"
	}
	r.url += separator + url.Values{name: {value}}.Encode()
}

// A stream belongs to the credential of its opener, in any place. Another credential in the
// same place does not find the stream, with or without API keys.
func TestStreamsBelongToCredentials(t *testing.T) {
	for _, keys := range []bool{true, false} {
		places := places
		if !keys {
			places = places[:len(places)-1] // api_key is for API keys
		}
		for i, place := range places {
			t.Run(fmt.Sprintf("%s, keys %t", place.name, keys), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var options []option
					if keys {
						options = append(options, withKeys)
					}
					_, server := newTestHandler(t, mock.New(3, cozemock.New()), options...)
					opened := request{method: "GET", url: "/v3/chat?message=hello&mode=raw", header: map[string]string{}}
					place.add(&opened, oneKey)
					id := server.serve(t.Context(), t, opened).header("Typewriter-Stream")
					status := func(change func(*request)) int {
						r := request{method: "GET", url: streamsPath + id + "?mode=raw", header: map[string]string{}}
						change(&r)
						return server.serve(t.Context(), t, r).status
					}
					for _, test := range []struct {
						name   string
						change func(*request)
						want   int
					}{
						{"same", func(r *request) { place.add(r, oneKey) }, 200},
						{"same elsewhere", func(r *request) { places[(i+1)%len(places)].add(r, oneKey) }, 200},
						{"other", func(r *request) { place.add(r, otherKey) }, 204},
						{"none", func(*request) {}, map[bool]int{true: 401, false: 204}[keys]},
					} {
						if got := status(test.change); got != test.want {
							t.Errorf("%s: got %d, want %d", test.name, got, test.want)
						}
					}
					time.Sleep(time.Hour)
				})
			})
		}
	}
}

// A stream belongs to all credentials of its opener, since any of them may be valid at the
// service.
func TestStreamsBelongToAllCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(3, cozemock.New()))
		header := func(key string) map[string]string {
			return map[string]string{"Authorization": "Bearer gateway", "api-key": key}
		}
		a := server.serve(t.Context(), t, request{method: "GET", url: "/v3/chat?message=hello&mode=raw", header: header(oneKey)})
		for key, want := range map[string]int{oneKey: 200, otherKey: 204} {
			r := request{method: "GET", url: streamsPath + a.header("Typewriter-Stream") + "?mode=raw", header: header(key)}
			if got := server.serve(t.Context(), t, r).status; got != want {
				t.Errorf("%s: got %d, want %d", key, got, want)
			}
		}
		time.Sleep(time.Hour)
	})
}

// keyFormat returns a format whose credential has the given place.
func keyFormat(place upstream.Credential) *upstream.Format {
	format := *lineFormat
	format.Credentials = []upstream.Credential{place}
	return &format
}

// With keys, no possible credential of the client goes upstream or into the log. The
// server's token is where the format has its credentials.
func TestCredentialsUpstream(t *testing.T) {
	for _, test := range []struct {
		name, path string
		place      upstream.Credential
		header     http.Header
		query      string
	}{
		{"another format", "/v1/x/bots", upstream.Credential{}, http.Header{"Authorization": {"Bearer TOKEN"}}, "a=b"},
		{"a question", chatPath, upstream.Credential{}, http.Header{"Authorization": {"Bearer TOKEN"}}, "a=b"},
		{"a header", "/v1/lines", upstream.Credential{Header: "x-api-key"}, http.Header{"X-Api-Key": {"TOKEN"}}, "a=b"},
		{"a query", "/v1/lines", upstream.Credential{Query: "key"}, http.Header{}, "a=b&key=TOKEN"},
	} {
		for i, place := range places[:5] {
			t.Run(test.name+" "+place.name, func(t *testing.T) {
				var up asked
				var log bytes.Buffer
				_, server := newTestHandler(t, &up, withKeys, func(o *Options, _ *streams.Options) {
					o.Upstreams[0].Formats = append(upstream.Formats{}, testFormats[0], keyFormat(test.place))
					o.Upstreams[0].Token = "TOKEN"
					o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
				})
				r := request{method: "POST", url: test.path + "?a=b", header: map[string]string{}}
				for _, other := range places[i+1:] {
					other.add(&r, "CREDENTIAL")
				}
				place.add(&r, oneKey)
				if a := server.serve(t.Context(), t, r); a.status != 200 || len(up) != 1 {
					t.Fatalf("got %d %s, upstream was asked %d times", a.status, a.text(), len(up))
				}
				got := http.Header{}
				for _, name := range []string{"Authorization", "X-Api-Key", "X-Goog-Api-Key", "Api-Key"} {
					if values := up[0].Header.Values(name); len(values) > 0 {
						got[name] = values
					}
				}
				if fmt.Sprint(got) != fmt.Sprint(test.header) || up[0].URL.RawQuery != test.query {
					t.Errorf("upstream got %v, %q, want %v, %q", got, up[0].URL.RawQuery, test.header, test.query)
				}
				if text := fmt.Sprint(up[0].Header, log.String()); strings.Contains(text, "KEYKEY") || strings.Contains(text, "CREDENTIAL") || strings.Contains(log.String(), "TOKEN") {
					t.Errorf("a credential is in %s", text)
				}
			})
		}
	}
}

// Without keys, the client's credential goes upstream unchanged, and replaces the server's
// token.
func TestOwnCredentialsUpstream(t *testing.T) {
	for _, place := range places[:5] {
		t.Run(place.name, func(t *testing.T) {
			var up asked
			_, server := newTestHandler(t, &up, func(o *Options, _ *streams.Options) { o.Upstreams[0].Token = "TOKEN" })
			r := request{method: "POST", url: "/v1/x", header: map[string]string{}}
			place.add(&r, "CREDENTIAL")
			server.serve(t.Context(), t, r)
			text := fmt.Sprint(up[0].Header, up[0].URL.RawQuery)
			if strings.Count(text, "CREDENTIAL") != 1 || strings.Contains(text, "TOKEN") {
				t.Errorf("upstream got %s", text)
			}
		})
	}
}

// A replica that continues a stream puts the token where the format has its credentials,
// unless the client has a credential.
func TestTokenOfFollowUps(t *testing.T) {
	h, _ := newTestHandler(t, &asked{}, func(o *Options, _ *streams.Options) { o.Upstreams[0].Token = "TOKEN" })
	format := keyFormat(upstream.Credential{Header: "X-Api-Key"})
	for credential, want := range map[string]string{"": "TOKEN", "own": "own"} {
		c := app.NewContext(0)
		c.Set(targetKey, newTarget(c, h.live.Load()))
		if credential != "" {
			c.Request.Header.Set("X-Api-Key", credential)
		}
		if got := newFollowUp(c)(h.options.Upstreams[0], format).Get("X-Api-Key"); got != want {
			t.Errorf("%q: got %q, want %q", credential, got, want)
		}
	}
}
