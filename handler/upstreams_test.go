package handler

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/testenv"

	"sse-typewriter/internal/streams"
	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// recordedUpstream records the requests to an upstream.
type recordedUpstream struct {
	asked []string
	serve http.RoundTripper
}

func (u *recordedUpstream) RoundTrip(r *http.Request) (*http.Response, error) {
	u.asked = append(u.asked, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Authorization")))
	return u.serve.RoundTrip(r)
}

// withUpstream adds an upstream with a prefix. Its token is the prefix.
func withUpstream(prefix string, transport http.RoundTripper, format *upstream.Format) option {
	return func(o *Options, _ *streams.Options) {
		main := *o.Upstreams[0]
		main.Prefix, main.Client, main.Token = prefix, upstream.NewClient("http://other.invalid", transport), prefix
		if format != nil {
			main.Formats = append(upstream.Formats{format}, main.Formats...)
		}
		o.Upstreams = append(o.Upstreams, &main)
	}
}

// A request goes to the upstream with the longest prefix, which is cut off.
func TestPrefixes(t *testing.T) {
	for _, test := range []struct {
		method, url string
		want        string // the upstream and its request
	}{
		{"GET", "/v1/x?a=%2F", "main GET /v1/x?a=%2F"},
		{"GET", "/one/v1/x?a=%2F", "/one GET /v1/x?a=%2F Bearer /one"},
		{"GET", "//one//v1/x", "/one GET /v1/x Bearer /one"},
		{"GET", "/one/two/v1/x", "/one/two GET /v1/x Bearer /one/two"},
		{"GET", "/one/twofold", "/one GET /twofold Bearer /one"},
		{"GET", "/oneself/v1/x", "main GET /oneself/v1/x"},
		{"GET", "/one", "/one GET / Bearer /one"},
		{"GET", "/one/", "/one GET / Bearer /one"},
		{"GET", "/one/healthz", "/one GET /healthz Bearer /one"},
		{"GET", "/one/web/x", "/one GET /web/x Bearer /one"},
		{"GET", "/x/one/v1", "main GET /x/one/v1"},
		{"GET", "/v3/chat?message=hi", "main POST /v3/chat"},
		{"GET", "/one/v3/chat?message=hi", "/one POST /v3/chat Bearer /one"},
		{"POST", "/one/two/v3/chat", "/one/two POST /v3/chat Bearer /one/two"},
		{"PUT", "/one/v3/chat", "/one PUT /v3/chat Bearer /one"},
		{"POST", "/one/v1/workflows/chat", "/one POST /v1/workflows/chat Bearer /one"},
		{"POST", "/one/a/lines", "/one POST /a/lines Bearer /one"},
		{"GET", "/one/ai/summarize?text=x", "/one POST /v3/chat Bearer /one"},
		{"GET", "/one/../v1/x", ""},
		{"GET", "/one/%2e%2e/v1/x", ""},
		{"PUT", "/one/ai/summarize", ""},
	} {
		t.Run(test.method+" "+test.url, func(t *testing.T) {
			var main, one, two asked
			_, engine := newTestHandler(t, &main, withLines, withUpstream("/one/two", &two, nil), withUpstream("/one", &one, nil))
			engine.serve(t.Context(), t, request{method: test.method, url: test.url})
			var got []string
			for name, up := range map[string]asked{"main": main, "/one": one, "/one/two": two} {
				for _, r := range up {
					got = append(got, strings.TrimSpace(name+" "+r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Authorization")))
				}
			}
			if strings.Join(got, ", ") != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// A stream of an upstream is paced as the upstream's, and is resumed, stopped and counted as
// one of that upstream.
func TestStreamsOfUpstreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		main, one := &recordedUpstream{serve: mock.New(1, cozemock.New())}, &recordedUpstream{serve: mock.New(1, cozemock.New())}
		var log bytes.Buffer
		h, engine := newTestHandler(t, main, withUpstream("/one", one, nil), func(o *Options, _ *streams.Options) {
			o.Upstreams[1].Mode = typewriter.Raw
			o.Logger = slog.New(slog.NewTextHandler(&log, nil))
		})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		first := engine.serve(ctx, t, request{method: "GET", url: "/one/v3/chat?message=/slow"})
		id := first.header("Typewriter-Stream")
		resumed, stop := context.WithTimeout(t.Context(), 5*time.Second)
		defer stop()
		engine.serve(resumed, t, request{method: "GET", url: streamsPath + id})
		a := engine.serve(t.Context(), t, request{method: "DELETE", url: streamsPath + id})
		synctest.Wait()
		if a.status != http.StatusNoContent || len(main.asked) != 0 {
			t.Errorf("got %d, the other upstream was asked %q", a.status, main.asked)
		}
		if got := fmt.Sprint(one.asked); got != "[POST /v3/chat Bearer /one POST /v3/chat/cancel Bearer /one]" {
			t.Errorf("upstream was asked %s", got)
		}
		checkMetrics(t, h, map[string]float64{
			`streams_total{mode="raw",outcome="left",route="GET /v3/chat",upstream="/one"}`:                1,
			`streams_total{mode="raw",outcome="left",route="GET /typewriter/streams/:id",upstream="/one"}`: 1,
			`upstream_ttft_seconds_count{upstream="/one"}`:                                                 1,
			`upstream_ttft_seconds_count{upstream="/"}`:                                                    0,
		})
		if n := strings.Count(log.String(), "upstream=/one"); n != 3 { // two views, and the tokens of the stopped chat
			t.Errorf("the upstream is %d times in %s", n, &log)
		}
		time.Sleep(time.Hour)
	})
}

// A replica continues a stream at its upstream.
func TestContinuedAtItsUpstream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		main, one := &asked{}, &asked{}
		h, _ := newTestHandler(t, main, withUpstream("/one", one, nil))
		header := func(u *Upstream, _ *upstream.Format) http.Header { return http.Header{"Authorization": {u.Token}} }
		created := typewriter.Event{Frame: &typewriter.Frame{
			Name: "conversation.chat.created", Head: `{"id":"1","conversation_id":"2","status":"created"}`,
		}}
		_, source := h.recorder.proceed(t.Context(), header, streams.Origin{Upstream: "/one", Format: "coze"}, func(yield func(typewriter.Event) bool) { yield(created) })
		source.Cancel(t.Context())
		if len(*main) != 0 || len(*one) != 1 || (*one)[0].URL.Path != "/v3/chat/cancel" || (*one)[0].Header.Get("Authorization") != "/one" {
			t.Errorf("upstreams were asked %v and %v", *main, *one)
		}
	})
}

// A failure is counted for its upstream, and has the form of the upstream's format.
func TestFailureOfUpstream(t *testing.T) {
	unreachable := testenv.RoundTripFunc(func(*http.Request) (*http.Response, error) { return nil, http.ErrServerClosed })
	h, engine := newTestHandler(t, unreachable, withUpstream("/one", unreachable, lineFormat))
	for url, want := range map[string]string{
		"/v1/x":     `{"code":5021,`,
		"/one/v1/x": `{"problem":"unreachable",`,
	} {
		if a := engine.serve(t.Context(), t, request{method: "GET", url: url}); a.status != 502 || !strings.HasPrefix(a.text(), want) {
			t.Errorf("%s: got %d %s, want %s", url, a.status, a.text(), want)
		}
	}
	checkMetrics(t, h, map[string]float64{
		`upstream_errors_total{reason="unreachable",upstream="/"}`:    1,
		`upstream_errors_total{reason="unreachable",upstream="/one"}`: 1,
	})
}

// A key may be in the query of an EventSource below a prefix.
func TestKeyBelowPrefix(t *testing.T) {
	for url, want := range map[string]int{
		"/one/v3/chat?api_key=" + oneKey: 200,
		"/one/v1/x?api_key=" + oneKey:    401,
		"/v3/chat/one?api_key=" + oneKey: 401,
		"/one/v1/x?key=" + oneKey:        200,
		"/one/v1/x?key=" + oneKey + "x":  401,
	} {
		_, engine := newTestHandler(t, &asked{}, withKeys, withUpstream("/one", &asked{}, nil))
		if a := engine.serve(t.Context(), t, request{method: "GET", url: url}); a.status != want {
			t.Errorf("%s: got %d, want %d", url, a.status, want)
		}
	}
}

// Prefixes that hide a path of the server are refused.
func TestCheckPrefixes(t *testing.T) {
	for _, test := range []struct {
		name, want string
		prefixes   []string
	}{
		{"none", "", nil},
		{"several", "", []string{"/one", "/two", "/one/two", "/v1", "/upstreams", "/aix"}},
		{"pages", "upstreams: /web: the prefix is a path of the server", []string{"/web"}},
		{"below", "upstreams: /typewriter/x: the prefix is a path of the server", []string{"/typewriter/x"}},
		{"a page", "upstreams: /progress: the prefix is a path of the server", []string{"/progress"}},
		{"chats", "upstreams: /v3: the prefix hides /v3/chat", []string{"/v3"}},
		{"chats of another", "upstreams: /one/v3: the prefix hides /one/v3/chat", []string{"/one", "/one/v3"}},
		{"mock", "upstreams: /upstream/x: the prefix is a path of the server", []string{"/upstream/x"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			all := Upstreams{{}}
			for _, prefix := range test.prefixes {
				all = append(all, &Upstream{Prefix: prefix})
			}
			got := ""
			if err := all.Check("/upstream"); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
