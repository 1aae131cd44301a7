package handler

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"

	"sse-typewriter/internal/streams"
)

func TestAPIPath(t *testing.T) {
	tests := []struct {
		target, want string
		own, bad     bool
	}{
		{target: "/v1/bot/x?a=b", want: "/v1/bot/x"},
		{target: "//v3//chat/retrieve", want: "/v3/chat/retrieve"},
		{target: "/api/a%20b/%E4%BD%A0;x=1", want: "/api/a%20b/%E4%BD%A0;x=1"},
		{target: "/open_api/knowledge/", want: "/open_api/knowledge/"},
		{target: "/v1/a...b/..c", want: "/v1/a...b/..c"},
		{target: "/compatible-mode/v1/models", want: "/compatible-mode/v1/models"},
		{target: "/openai/deployments/gpt-4o/x?api-version=1", want: "/openai/deployments/gpt-4o/x"},
		{target: "/aix/webs", want: "/aix/webs"},
		{target: "/v1", want: "/v1"},
		{target: "/", want: "/", own: true},
		{target: "//", want: "/", own: true},
		{target: "/ai", want: "/ai", own: true},
		{target: "/ai/x/chat/completions", want: "/ai/x/chat/completions", own: true},
		{target: "//typewriter/x", want: "/typewriter/x", own: true},
		{target: "/%74ypewriter/x", want: "/%74ypewriter/x", own: true},
		{target: "/%2ftypewriter/x", want: "/%2ftypewriter/x", own: true},
		{target: "/typewriter%2fx", want: "/typewriter%2fx", own: true},
		{target: "/web/none.js", want: "/web/none.js", own: true},
		{target: "/progress/", want: "/progress/", own: true},
		{target: "/healthz/x", want: "/healthz/x", own: true},
		{target: "/v1/../admin", bad: true},
		{target: "/v1/..", bad: true},
		{target: "/v1/./x", bad: true},
		{target: "/v1/%2e%2e/admin", bad: true},
		{target: "/v1/%2E./admin", bad: true},
		{target: "/v1/x%2f..%2fadmin", bad: true},
		{target: `/v1/..\admin`, bad: true},
		{target: "/v1/..%5cadmin", bad: true},
		{target: "/v1/a%00b", bad: true},
		{target: "/v1/a%0d%0ab", bad: true},
		{target: "/v1/a b", bad: true},
		{target: "/v1/%zz", bad: true},
		{target: "/v1/a#b", bad: true},
		{target: "/v1/..;/admin", bad: true},
		{target: "/v1/..;x=1/admin", bad: true},
		{target: "/v1/.;/admin", bad: true},
		{target: "/v1/..%3b/admin", bad: true},
		{target: "/v1/%252e%252e/admin", bad: true},
		{target: "/v1/%25252e%25252E/admin", bad: true},
		{target: "/v1/.%252e;/admin", bad: true},
		{target: "/v1/x%252f..%252fadmin", bad: true},
		{target: "/v1/x%255cadmin", bad: true},
		{target: "/v1/" + strings.Repeat("%25", 1) + strings.Repeat("25", 20000) + "2e", bad: true},
		{target: "http://other.invalid/v1/x", bad: true},
		{target: "other.invalid:443", bad: true},
		{target: "*", bad: true},
	}
	for _, test := range tests {
		got, decoded, err := apiPath(test.target)
		if got != test.want || (err != nil) != test.bad {
			t.Errorf("%q: got %q, %v, want %q", test.target, got, err, test.want)
		}
		if own := isOwnPath(decoded); !test.bad && own != test.own {
			t.Errorf("%q: got own %t, want %t", test.target, own, test.own)
		}
	}
}

// Every path is forwarded except the server's own paths, even if they look like those of a
// format.
func TestAnyPath(t *testing.T) {
	for _, test := range []struct {
		method, url string
		want        string // the upstream's request; empty: none
		status      int
	}{
		{"GET", "/compatible-mode/v1/models?x=%2F", "GET /compatible-mode/v1/models?x=%2F", 200},
		{"POST", "/openai/deployments/d/embeddings?api-version=1", "POST /openai/deployments/d/embeddings?api-version=1", 200},
		{"DELETE", "/x", "DELETE /x", 200},
		{"GET", "//x//y/", "GET /x/y/", 200},
		{"GET", "/v3/chat/x", "GET /v3/chat/x", 200},
		{"POST", "/typewriter/lines", "", 404},
		{"POST", "/ai/v1/lines", "", 404},
		{"GET", "/web/none.js", "", 404},
		{"POST", "/healthz", "", 405},
		{"PUT", "/ai/summarize", "", 405},
		{"GET", "/x/../y", "", 400},
	} {
		t.Run(test.method+" "+test.url, func(t *testing.T) {
			var up asked
			_, server := newTestHandler(t, &up, withLines)
			a := server.serve(t.Context(), t, request{method: test.method, url: test.url})
			got := ""
			if len(up) > 0 {
				got = up[0].Method + " " + up[0].URL.RequestURI()
			}
			if a.status != test.status || got != test.want {
				t.Errorf("got %d, upstream got %q, want %d, %q", a.status, got, test.status, test.want)
			}
		})
	}
}

// studio answers like coze-studio: some paths exist for GET only.
func studio(requests *[]string) http.RoundTripper {
	return testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		var body []byte
		if r.Body != nil {
			body, _ = io.ReadAll(r.Body)
		}
		*requests = append(*requests, r.Method+" "+r.URL.RequestURI()+" "+string(body))
		status := http.StatusOK
		if r.Method != http.MethodGet {
			status = http.StatusNotFound
		}
		return &http.Response{
			StatusCode: status, Header: http.Header{}, Request: r,
			Body: io.NopCloser(strings.NewReader(r.Method)),
		}, nil
	})
}

// Requests that coze-studio supports only by GET are repeated by GET, and no others.
func TestGetInsteadOfPost(t *testing.T) {
	tests := []struct {
		url    string
		status int
		want   []string
	}{
		{"/v3/chat/retrieve?chat_id=1", 200, []string{"POST /v3/chat/retrieve?chat_id=1 {}", "GET /v3/chat/retrieve?chat_id=1 "}},
		{"/v3/chat/message/list?chat_id=1", 200, []string{"POST /v3/chat/message/list?chat_id=1 {}", "GET /v3/chat/message/list?chat_id=1 "}},
		{"/v3/chat/cancel", 404, []string{"POST /v3/chat/cancel {}"}},
	}
	for _, test := range tests {
		t.Run(test.url, func(t *testing.T) {
			var got []string
			_, server := newTestHandler(t, studio(&got))
			a := server.serve(context.Background(), t, request{method: "POST", url: test.url, body: "{}"})
			if a.status != test.status || strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("status %d, upstream was asked %q", a.status, got)
			}
		})
	}
}

// Clients without a token use the server's token.
func TestUpstreamToken(t *testing.T) {
	for own, want := range map[string]string{"": "Bearer server's", "Bearer own": "Bearer own"} {
		for _, path := range []string{"/v3/chat", "/v1/bot/get_online_info", "/v3/chat/retrieve"} {
			var got string
			_, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
				got = r.Header.Get("Authorization")
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
			}), func(o *Options, _ *streams.Options) { o.Upstreams[0].Token = "server's" })
			r := request{method: "POST", url: path, body: "{}", header: map[string]string{}}
			if own != "" {
				r.header["Authorization"] = own
			}
			server.serve(context.Background(), t, r)
			if got != want {
				t.Errorf("%s with %q: upstream got %q, want %q", path, own, got, want)
			}
		}
	}
}
