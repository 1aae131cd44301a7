package handler

import (
	"crypto/sha256"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/access"
	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/testenv"
	"sse-typewriter/typewriter"
)

// A reload changes keys, origins, the token, paces and the number of streams for new
// requests. A running stream keeps its credential and its pace.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tokens []string
		stream := streaming(nil, part{0, deltaAB}, part{time.Second, done})
		var before Settings
		h, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			tokens = append(tokens, r.Header.Get("Authorization"))
			return stream.RoundTrip(r)
		}), withKeys, func(o *Options, _ *streams.Options) {
			o.Upstreams[0].Token = "old"
			before = o.Settings
		})
		running := make(chan answer)
		go func() {
			running <- server.serve(t.Context(), t, withCredential(oneKey))
		}()
		time.Sleep(time.Millisecond)
		synctest.Wait()

		const newKey = "a-key-after-the-reload"
		changed := *before.Upstreams[0]
		changed.Token, changed.Mode = "new", typewriter.Raw
		after := before
		after.Upstreams = Upstreams{&changed}
		after.Keys = []access.Key{{Hash: sha256.Sum256([]byte(newKey))}}
		after.Origins = []string{"https://page.example"}
		after.MaxStreams = 1
		h.Reload(after)

		if a := server.serve(t.Context(), t, withCredential(oneKey)); a.status != http.StatusUnauthorized {
			t.Errorf("the old key: got %d", a.status)
		}
		if a := server.serve(t.Context(), t, withCredential(newKey)); a.status != http.StatusServiceUnavailable {
			t.Errorf("a second stream: got %d", a.status)
		}
		a := <-running
		if want := []string{"0 a", "100 b", `1000 "[DONE]"`}; !slices.Equal(times(t, a), want) {
			t.Errorf("the running stream: got %q, want %q", times(t, a), want)
		}
		a = server.serve(t.Context(), t, withCredential(newKey))
		if want := []string{"0 ab", `1000 "[DONE]"`}; a.status != http.StatusOK || !slices.Equal(times(t, a), want) {
			t.Errorf("the new key: got %d %q, want %q", a.status, times(t, a), want)
		}
		if got := a.header("Access-Control-Allow-Origin"); got != "https://page.example" {
			t.Errorf("the page is not allowed: %v", a.fields)
		}
		if !slices.Equal(tokens, []string{"Bearer old", "Bearer new"}) {
			t.Errorf("the upstream got %q", tokens)
		}
	})
}

// withCredential returns a question with a credential, from a page of another site.
func withCredential(key string) request {
	r := question("x")
	r.header = map[string]string{"Authorization": "Bearer " + key, "Origin": "https://page.example"}
	return r
}
