package handler

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/testenv"
	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
)

// counting counts the requests to an upstream and those whose context has ended.
type counting struct {
	http.RoundTripper
	requests, canceled atomic.Int32
	delay              time.Duration // before the reply
}

func (u *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	u.requests.Add(1)
	context.AfterFunc(r.Context(), func() { u.canceled.Add(1) })
	select {
	case <-time.After(u.delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return u.RoundTripper.RoundTrip(r)
}

// ab answers with the text "ab".
func ab() http.RoundTripper { return streaming(nil, part{0, deltaAB}, part{0, done}) }

// keyed returns a question with an idempotency key and further header fields, names and
// values in turn.
func keyed(key string, header ...string) request {
	r := question("x")
	r.header = map[string]string{"Idempotency-Key": key, "Authorization": "Bearer mine", "Typewriter-Mode": "raw"}
	for i := 0; i+1 < len(header); i += 2 {
		r.header[header[i]] = header[i+1]
	}
	return r
}

// A repeated POST gets the stream of the first one from the beginning, whatever else
// differs than credential, path and body.
func TestIdempotencyKey(t *testing.T) {
	withBody := func(r request, body string) request {
		r.body = body
		return r
	}
	at := func(r request, url string) request {
		r.url = url
		return r
	}
	for _, test := range []struct {
		name   string
		second request
		wait   time.Duration
		same   bool
		status int
	}{
		{"same", keyed("k"), 0, true, 200},
		{"within the retention", keyed("k"), 5*time.Minute - time.Second, true, 200},
		{"after the retention", keyed("k"), 5*time.Minute + time.Second, false, 200},
		{"other key", keyed("K"), 0, false, 200},
		{"other body", withBody(keyed("k"), "{}"), 0, false, 422},
		{"other question in the query", at(keyed("k"), "/v3/chat?conversation_id=1"), 0, false, 422},
		{"other credential", keyed("k", "Authorization", "Bearer other"), 0, false, 200},
		{"same credential in another header", keyed("k", "Authorization", "", "x-api-key", "mine"), 0, true, 200},
		{"other path", at(keyed("k"), "/v1/workflows/chat"), 0, false, 200},
		{"other pace", at(keyed("k", "Typewriter-Mode", "typewriter"), "/v3/chat?speed=3&event_ids=on"), 0, true, 200},
		{"without a reader", keyed("k", "Prefer", "respond-async"), 0, true, 202},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := &counting{RoundTripper: ab()}
				_, server := newTestHandler(t, u)
				first := server.serve(t.Context(), t, keyed("k"))
				time.Sleep(test.wait)
				second := server.serve(t.Context(), t, test.second)
				stream := second.header("Typewriter-Stream")
				if second.status == http.StatusAccepted {
					stream = gjson.Get(second.body, "stream").Str
				}
				if second.status != test.status || (stream == first.header("Typewriter-Stream")) != test.same {
					t.Errorf("got %d %s", second.status, second.text())
				}
				if want := int32(2); (u.requests.Load() == want) == (test.same || test.status == 422) {
					t.Errorf("%d upstream requests", u.requests.Load())
				}
				if test.same && test.status == 200 && !strings.Contains(second.text(), "[DONE]") {
					t.Errorf("got %s", second.text())
				}
				if test.status == 422 && gjson.Get(second.body, "code").Int() != 4220 {
					t.Errorf("got %s", second.body)
				}
			})
		})
	}
}

// POSTs in the same millisecond share one upstream request and get the same answer.
func TestConcurrentStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &counting{RoundTripper: ab(), delay: time.Second}
		_, server := newTestHandler(t, u)
		answers := make([]answer, 10)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() { answers[i] = server.serve(t.Context(), t, keyed("k")) })
		}
		synctest.Wait()
		other := keyed("k")
		other.body = "{}"
		if a := server.serve(t.Context(), t, other); a.status != http.StatusUnprocessableEntity {
			t.Errorf("another body during the start: got %d", a.status)
		}
		all.Wait()
		for i, a := range answers {
			if a.status != 200 || a.text() != answers[0].text() || a.opened != time.Second || a.header("Typewriter-Stream") != answers[0].header("Typewriter-Stream") {
				t.Errorf("answer %d: got %d %s after %v", i, a.status, a.text(), a.opened)
			}
		}
		if u.requests.Load() != 1 {
			t.Errorf("%d upstream requests", u.requests.Load())
		}
	})
}

// A client that disconnects before the service has answered finds the start again within
// the grace. Otherwise the start is canceled.
func TestAbandonedStart(t *testing.T) {
	for _, test := range []struct {
		name     string
		away     time.Duration
		requests int32
	}{
		{"back within the grace", 29 * time.Second, 1},
		{"back after the grace", 31 * time.Second, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := &counting{RoundTripper: ab(), delay: 40 * time.Second}
				_, server := newTestHandler(t, u)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				server.serve(ctx, t, keyed("k"))
				time.Sleep(test.away)
				if got := u.canceled.Load(); got != test.requests-1 {
					t.Errorf("%d upstream requests canceled", got)
				}
				a := server.serve(t.Context(), t, keyed("k"))
				if a.status != 200 || u.requests.Load() != test.requests {
					t.Errorf("got %d, with %d upstream requests", a.status, u.requests.Load())
				}
			})
		})
	}
}

// A client that disconnects as soon as the stream has begun finds the stream again.
func TestStartWithoutReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &counting{RoundTripper: ab(), delay: 2 * time.Second}
		_, server := newTestHandler(t, u)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		server.serve(ctx, t, keyed("k"))
		time.Sleep(20 * time.Second)
		if a := server.serve(t.Context(), t, keyed("k")); a.opened != 0 || u.requests.Load() != 1 {
			t.Errorf("got %d after %v, with %d upstream requests", a.status, a.opened, u.requests.Load())
		}
	})
}

// A start that fails does not occupy the key, for later requests nor for those that wait.
func TestFailedStart(t *testing.T) {
	reply := func(status int, body string) func(*http.Request) (*http.Response, error) {
		return func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		}
	}
	for _, test := range []struct {
		name   string
		fail   func(*http.Request) (*http.Response, error)
		status int
		shared bool // with the requests that wait
	}{
		{"unauthorized", reply(401, `{"code":401}`), 401, false}, //nolint:bodyclose // the client closes the body
		{"overloaded", reply(503, "{}"), 503, false},             //nolint:bodyclose // as above
		{"no stream", reply(200, `{"code":0}`), 200, false},      //nolint:bodyclose // as above
		{"unreachable", func(*http.Request) (*http.Response, error) { return nil, errors.New("refused") }, 502, true},
		{"panic", func(*http.Request) (*http.Response, error) { panic("on purpose") }, 500, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var calls atomic.Int32
				u := &counting{delay: time.Second, RoundTripper: testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
					if calls.Add(1) == 1 {
						return test.fail(r)
					}
					return ab().RoundTrip(r)
				})}
				_, server := newTestHandler(t, u)
				var statuses [2]int
				var all sync.WaitGroup
				for i := range statuses {
					all.Go(func() {
						a := server.serve(t.Context(), t, keyed("k"))
						if statuses[i] = a.status; strings.Contains(a.text(), "[DONE]") {
							statuses[i] = -a.status
						}
					})
				}
				all.Wait()
				slices.Sort(statuses[:])
				want := [2]int{-200, test.status}
				if test.shared {
					want[0] = test.status
				}
				if statuses != want {
					t.Errorf("got %v, want %v", statuses, want)
				}
				if a := server.serve(t.Context(), t, keyed("k")); a.status != 200 || !strings.Contains(a.text(), "[DONE]") || u.requests.Load() != 2 {
					t.Errorf("then got %d %s, with %d upstream requests", a.status, a.text(), u.requests.Load())
				}
			})
		})
	}
}

// An invalid key is an error: the client relies on the key.
func TestInvalidIdempotencyKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &counting{RoundTripper: ab()}
		_, server := newTestHandler(t, u)
		for _, key := range []string{
			"", " ", strings.Repeat("k", 256), "a\tb", "\x7f", "é", "k\r\nIdempotency-Key: l", "a\x00b",
		} {
			if a := server.serve(t.Context(), t, keyed(key)); a.status != http.StatusBadRequest || u.requests.Load() != 0 {
				t.Errorf("%q: got %d %s", key, a.status, a.body)
			}
		}
		for i, key := range []string{strings.Repeat("k", 255), `"8e03978e-40d5-43dd-bc93-6894a57f9324"`, "a b", "~"} {
			if a := server.serve(t.Context(), t, keyed(key)); a.status != http.StatusOK || int(u.requests.Load()) != i+1 {
				t.Errorf("%q: got %d %s", key, a.status, a.body)
			}
		}
	})
}

// With a key a stream can be resumed, even if the first events had no ids.
func TestIdempotencyKeyResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &counting{RoundTripper: ab()}
		_, server := newTestHandler(t, u)
		a := server.serve(t.Context(), t, keyed("k"))
		rest := server.serve(t.Context(), t, keyed("k", "Last-Event-ID", a.header("Typewriter-Stream")+":0.1"))
		events := readIDs(t, rest.text())
		if len(events) != 2 || events[0].data != `{"id":"1","content":"b"}` || u.requests.Load() != 1 {
			t.Errorf("got %d %q", rest.status, rest.text())
		}
	})
}

// The key of a summary works like that of a chat.
func TestIdempotentSummary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &counting{RoundTripper: mock.New(3, cozemock.New())}
		_, server := newTestHandler(t, u)
		r := keyed("k")
		r.url, r.body = summarizePath, `{"text":"hello"}`
		first := server.serve(t.Context(), t, r)
		requests := u.requests.Load()
		second := server.serve(t.Context(), t, r)
		if first.status != 200 || first.text() != second.text() || u.requests.Load() != requests {
			t.Errorf("got %d %q, then %d %q", first.status, first.text(), second.status, second.text())
		}
	})
}

// Requests with a key count against the limits; those that repeat a start open no stream.
func TestIdempotencyKeyLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &counting{RoundTripper: streaming(nil, part{time.Minute, done})}
		_, server := newTestHandler(t, u, func(o *Options, _ *streams.Options) { o.MaxStreams = 1 })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		server.serve(ctx, t, keyed("k"))
		if a := server.serve(t.Context(), t, keyed("other")); a.status != http.StatusServiceUnavailable {
			t.Errorf("another stream: got %d", a.status)
		}
		if a := server.serve(t.Context(), t, keyed("k")); a.status != 200 || u.requests.Load() != 1 {
			t.Errorf("the same stream: got %d", a.status)
		}
		if a := server.serve(t.Context(), t, keyed("other")); a.status != 200 {
			t.Errorf("another stream, later: got %d", a.status)
		}
	})
}

// A stream that was started with a key stops without a viewer after the grace, and leaves
// room for others, as does a failed start.
func TestEndOfStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &counting{RoundTripper: streaming(nil, part{time.Hour, done})}
		_, server := newTestHandler(t, u, func(o *Options, _ *streams.Options) { o.MaxStreams = 1 })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		server.serve(ctx, t, keyed("k"))
		time.Sleep(31 * time.Second)
		if u.canceled.Load() != 1 {
			t.Error("the stream runs after the grace")
		}
		u.RoundTripper = testenv.RoundTripFunc(func(*http.Request) (*http.Response, error) { return nil, errors.New("refused") })
		for range 2 {
			if a := server.serve(t.Context(), t, keyed("failing")); a.status != http.StatusBadGateway {
				t.Errorf("got %d", a.status)
			}
		}
	})
}

// A stream that only the reply tells is started once, too. The key of another reply stays
// free.
func TestIdempotencyKeyOfRecognizedReply(t *testing.T) {
	for _, test := range []struct {
		name     string
		app      *appUpstream
		requests int
	}{
		{"stream", newApp("data:\"begin\"\n\ndata:.\n\n"), 1},
		{"other stream", newApp("data:\"other\"\n\n"), 2},
		{"no stream", newApp("{}", "Content-Type", "application/json"), 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if values := test.app.header["Content-Type"]; len(values) > 0 {
					test.app.header.Set("Content-Type", values[len(values)-1])
				}
				_, server := newTestHandler(t, test.app, withRecognized)
				r := keyed("k", "Content-Type", "application/json")
				r.url = "/any/path"
				first := server.serve(t.Context(), t, r)
				second := server.serve(t.Context(), t, r)
				if len(test.app.targets) != test.requests || first.status != 200 || first.text() == "" || second.text() != first.text() {
					t.Errorf("%d requests; got %d %q, then %d %q", len(test.app.targets), first.status, first.text(), second.status, second.text())
				}
			})
		})
	}
}
