package handler

import (
	"bytes"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/access"
	"sse-typewriter/internal/streams"
)

// owned has the credential of the owner.
var owned = map[string]string{"Authorization": "Bearer mine"}

// startOwned starts a stream of the owner and returns the id.
func startOwned(t *testing.T, server *testServer) string {
	t.Helper()
	r := keyed(streams.NewID(), "Prefer", "respond-async")
	a := server.serve(t.Context(), t, r)
	if a.status != http.StatusAccepted {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	return gjson.Get(a.body, "stream").Str
}

// newLink creates a link to a stream of the owner and returns the URL.
func newLink(t *testing.T, server *testServer, id, body string) string {
	t.Helper()
	a := server.serve(t.Context(), t, request{method: "POST", url: streamsPath + id + "/links", header: owned, body: body})
	url := gjson.Get(a.body, "url").Str
	if a.status != http.StatusCreated || !strings.HasPrefix(url, streamsPath+id+"?link=") || a.header("Cache-Control") != "no-store" {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	return url
}

// open uses a URL without a credential.
func open(t *testing.T, server *testServer, method, url string) answer {
	t.Helper()
	return server.serve(t.Context(), t, request{method: method, url: url, header: map[string]string{"Typewriter-Mode": "raw", "Sec-Fetch-Site": "cross-site"}})
}

// withMyKey puts an API key in force: mine.
func withMyKey(o *Options, _ *streams.Options) {
	o.Keys = []access.Key{{Hash: sha256.Sum256([]byte("mine"))}}
}

// A link opens its stream without a credential until its time, also for a page of another
// site, and nothing else.
func TestLink(t *testing.T) {
	for name, change := range map[string]option{"credentials": func(*Options, *streams.Options) {}, "keys": withMyKey} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, streaming(nil, slowly...), change)
				id, other := startOwned(t, server), startOwned(t, server)
				time.Sleep(400 * time.Millisecond) // within a second
				url := newLink(t, server, id, `{"ttl":"10s"}`)
				if a := open(t, server, "GET", url); contents(t, a.text()) != "ababab done" || a.status != http.StatusOK {
					t.Errorf("got %d %q", a.status, a.text())
				}
				if a := open(t, server, "GET", url+"&lastEventId="+id+":1.0"); contents(t, a.text()) != "abab done" {
					t.Errorf("after an event, got %d %q", a.status, a.text())
				}
				_, token, _ := strings.Cut(url, "?link=")
				refused := []string{
					streamsPath + other + "?link=" + token, streamsPath + id + "?link=", streamsPath + id + "?link=" + token + "A",
					streamsPath + id + "?link=" + token[1:], streamsPath + id + "?link=" + strings.Repeat("A", len(token)),
					streamsPath + streams.NewID() + "?link=" + token, streamsPath + id + "?link=%00",
				}
				for i := range token {
					changed := []byte(token)
					changed[i] ^= 1
					refused = append(refused, streamsPath+id+"?link="+string(changed))
				}
				for _, url := range refused {
					if a := open(t, server, "GET", url); a.status != http.StatusNoContent || a.header("Typewriter-Resume") != "gone" {
						t.Errorf("%s: got %d %q", url, a.status, a.text())
					}
				}
				for _, r := range []request{
					{method: "DELETE", url: url},
					{method: "POST", url: strings.Replace(url, "?", "/skip?", 1)},
					{method: "POST", url: strings.Replace(url, "?", "/links?", 1)},
					{method: "DELETE", url: streamsPath + id + "?link=" + token + "&at=" + id + ":0.1"},
				} {
					if a := server.serve(t.Context(), t, r); a.status != http.StatusNotFound && a.status != http.StatusUnauthorized {
						t.Errorf("%s %s: got %d %s", r.method, r.url, a.status, a.body)
					}
				}
				if a := server.serve(t.Context(), t, request{method: "GET", url: "/v3/chat?lastEventId=" + id + ":0.0&link=" + token}); a.status == http.StatusOK {
					t.Errorf("at another route, got %d", a.status)
				}
				time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(9 * time.Second)))
				for i := 0; ; i++ { // until the time of the link
					a := open(t, server, "GET", url)
					if a.status == http.StatusNoContent {
						break
					}
					if i > 10 {
						t.Fatal("the link has no end")
					}
					time.Sleep(time.Second)
				}
				if a := server.serve(t.Context(), t, request{method: "GET", url: streamsPath + id + "?mode=raw", header: owned}); a.status != http.StatusOK {
					t.Errorf("the owner got %d", a.status)
				}
			})
		})
	}
}

// A link is valid up to the end that the reply names.
func TestLinkExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, ab())
		id := startOwned(t, server)
		for body, want := range map[string]time.Duration{"": 10 * time.Minute, "{}": 10 * time.Minute, `{"ttl":"2s"}`: 2 * time.Second, `{"ttl":"24h","may":"stop"}`: 24 * time.Hour} {
			a := server.serve(t.Context(), t, request{method: "POST", url: streamsPath + id + "/links", header: owned, body: body})
			expires, err := time.Parse(time.RFC3339, gjson.Get(a.body, "expires").Str)
			if err != nil || time.Until(expires) > want || time.Until(expires) < want-time.Second {
				t.Errorf("%s: got %s", body, a.body)
			}
			if want != 2*time.Second {
				continue
			}
			url := gjson.Get(a.body, "url").Str
			time.Sleep(time.Until(expires) - time.Nanosecond)
			if a := open(t, server, "GET", url); a.status != http.StatusOK {
				t.Errorf("before the end, got %d", a.status)
			}
			time.Sleep(time.Nanosecond)
			if a := open(t, server, "GET", url); a.status != http.StatusNoContent {
				t.Errorf("at the end, got %d", a.status)
			}
		}
	})
}

// Stopping a stream, by its owner or by a link, revokes all of its links.
func TestLinksAreRevoked(t *testing.T) {
	for _, test := range []struct {
		name string
		wait time.Duration
		stop func(link string) request
	}{
		{"owner, while the stream runs", 0, func(link string) request {
			path, _, _ := strings.Cut(link, "?")
			return request{method: "DELETE", url: path, header: owned}
		}},
		{"owner, after the end", time.Minute, func(link string) request {
			path, _, _ := strings.Cut(link, "?")
			return request{method: "DELETE", url: path, header: owned}
		}},
		{"link", 0, func(link string) request { return request{method: "DELETE", url: link} }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, streaming(nil, slowly...))
				id := startOwned(t, server)
				read, stop := newLink(t, server, id, ""), newLink(t, server, id, `{"may":"stop"}`)
				time.Sleep(test.wait)
				if a := open(t, server, "GET", stop); test.wait > 0 && a.status != http.StatusOK {
					t.Errorf("got %d", a.status)
				}
				if a := server.serve(t.Context(), t, test.stop(stop)); a.status != http.StatusNoContent {
					t.Fatalf("got %d", a.status)
				}
				for _, url := range []string{read, stop} {
					if a := open(t, server, "GET", url); a.status != http.StatusNoContent {
						t.Errorf("got %d", a.status)
					}
				}
				if a := server.serve(t.Context(), t, request{method: "POST", url: streamsPath + id + "/links", header: owned}); a.status != http.StatusBadRequest {
					t.Errorf("a new link: got %d", a.status)
				}
			})
		})
	}
}

func TestInvalidLinkRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, streaming(nil, slowly...))
		id := startOwned(t, server)
		for _, body := range []string{
			"x", "[]", `{"ttl":600}`, `{"ttl":""}`, `{"ttl":"0s"}`, `{"ttl":"-1m"}`, `{"ttl":"25h"}`, `{"ttl":"999999999999h"}`,
			`{"may":"write"}`, `{"may":"READ"}`, `{"stream":"x"}`, `{} {}`, `{"ttl":"1m","may":"rea`,
		} {
			if a := server.serve(t.Context(), t, request{method: "POST", url: streamsPath + id + "/links", header: owned, body: body}); a.status != http.StatusBadRequest {
				t.Errorf("%s: got %d %s", body, a.status, a.body)
			}
		}
		for _, r := range []request{
			{method: "POST", url: streamsPath + id + "/links"}, {method: "POST", url: streamsPath + streams.NewID() + "/links", header: owned},
		} {
			if a := server.serve(t.Context(), t, r); a.status != http.StatusNotFound {
				t.Errorf("got %d %s", a.status, a.body)
			}
		}
		r := question("x")
		r.header = owned
		r.received = func(a answer) {
			r := request{method: "POST", url: streamsPath + a.header("Typewriter-Stream") + "/links", header: owned}
			if len(a.chunks) > 1 {
				return
			}
			if a := server.serve(t.Context(), t, r); a.status != http.StatusBadRequest {
				t.Errorf("without event ids, got %d %s", a.status, a.body)
			}
		}
		server.serve(t.Context(), t, r)
	})
}

// Neither links nor idempotency keys are logged, and viewers with a link count by address.
func TestLinksAndKeysAreNotLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		_, server := newTestHandler(t, streaming(nil, slowly...), withMyKey, func(o *Options, _ *streams.Options) {
			o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		a := server.serve(t.Context(), t, keyed("SECRETKEY", "Typewriter-Event-Ids", "on"))
		url := newLink(t, server, a.header("Typewriter-Stream"), "")
		open(t, server, "GET", url)
		open(t, server, "DELETE", url)
		_, token, _ := strings.Cut(url, "?link=")
		if text := log.String(); strings.Contains(text, token) || strings.Contains(text, "SECRETKEY") || !strings.Contains(text, "stream ended") {
			t.Errorf("the log has %s", text)
		}
	})
}
