package sdk

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tidwall/gjson"
)

// A refusal of the server is an error with its message in each SDK. The SDKs of OpenAI
// repeat a request only if that can help.
func TestChatCompletionsRefused(t *testing.T) {
	t.Parallel()
	upstream := serveReplays(t, writtenStreams())
	down := httptest.NewServer(http.NotFoundHandler())
	base := map[string]string{
		"keys":        start(t, "--upstream="+upstream, "--api-keys=0123456789abcdef").Base,
		"limit":       start(t, "--upstream="+upstream, "--rate-limit=1/h").Base,
		"unreachable": start(t, "--upstream="+down.URL).Base,
		"any":         start(t, "--upstream="+upstream).Base,
	}
	down.Close() // after the program has checked at its start that it can connect
	spend(t, base["limit"])
	refusals := []struct {
		name, server string
		status       int64
		msg          string
		retries      int
	}{
		{"401", "keys", http.StatusUnauthorized, "a valid key is needed", 0},
		{"429", "limit", http.StatusTooManyRequests, "too many requests", 0},
		{"502", "unreachable", http.StatusBadGateway, "upstream cannot be reached", 0},
		{"502 in vain", "any", http.StatusBadGateway, "upstream sent a compressed stream", 2},
		{"502 again", "unreachable", http.StatusBadGateway, "upstream cannot be reached", 2},
	}
	for _, r := range runners {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			final, lasting := countRequests(t, base["any"]), countRequests(t, base["unreachable"])
			var jobs []job
			for _, test := range refusals {
				j := job{Case: test.name, Base: base[test.server] + "/v1", Model: "text", Key: "k", Retries: test.retries}
				switch test.name {
				case "502 in vain":
					j.Base, j.Model = final.base+"/v1", compressed
				case "502 again":
					j.Base = lasting.base + "/v1"
				}
				jobs = append(jobs, j)
			}
			all := r.run(t, jobs)
			for _, test := range refusals {
				for _, sdk := range r.sdks {
					got := all[test.name][sdk]
					if msg := gjson.GetBytes(got, "error.message").Str; !strings.Contains(msg, test.msg) || gjson.GetBytes(got, "error.status").Int() != test.status {
						t.Errorf("%s, %s: got %s, want the message %q", test.name, sdk, got, test.msg)
					}
				}
			}
			// The SDKs of OpenAI read x-should-retry; others may repeat any 502.
			official := 0
			for _, sdk := range r.sdks {
				if strings.HasPrefix(sdk, "openai-") {
					official++
				}
			}
			if got := final.official.Load(); got != int64(official) {
				t.Errorf("%d SDKs sent %d requests though a retry is in vain", official, got)
			}
			if got := lasting.official.Load(); got != int64(3*official) {
				t.Errorf("%d SDKs sent %d requests, want 2 retries of each", official, got)
			}
		})
	}
}

// spend sends the only request that the rate limit of a server allows.
func spend(t *testing.T, base string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/chat/completions", strings.NewReader(`{"model":"text","stream":true}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer k")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("the first request got status %d, error %v", resp.StatusCode, err)
	}
}

// requestCounter is a proxy that counts requests of OpenAI's own SDKs.
type requestCounter struct {
	base     string
	official atomic.Int64
}

func countRequests(t *testing.T, base string) *requestCounter {
	t.Helper()
	target, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	c := &requestCounter{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.UserAgent(), "OpenAI/") {
			c.official.Add(1)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	c.base = server.URL
	return c
}
