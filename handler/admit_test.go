package handler

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/testenv"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/limits"
	"sse-typewriter/internal/streams"
	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
)

// keyedBy is a request with a key.
func keyedBy(k string, r request) request {
	header := map[string]string{"Authorization": "Bearer " + k}
	maps.Copy(header, r.header)
	r.header = header
	return r
}

// The rate limit counts the upstream requests of each client, exactly.
func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up asked
		_, server := newTestHandler(t, &up, withKeys, func(o *Options, _ *streams.Options) {
			o.Limiter = limits.NewLocal(limits.Bounds{Rate: limits.Rate{Requests: 2, Per: time.Minute}})
		})
		ask := func(k, method, path string, status int, retry string) {
			t.Helper()
			before := len(up)
			a := server.serve(t.Context(), t, keyedBy(k, request{method: method, url: path}))
			if a.status != status || a.header("Retry-After") != retry {
				t.Errorf("%s %s: got %d, Retry-After %s; want %d, %s", method, path, a.status, a.header("Retry-After"), status, retry)
			}
			if wasAsked := len(up) > before; wasAsked != (status == 200) {
				t.Errorf("%s %s: upstream was asked: %v", method, path, wasAsked)
			}
			if status == 429 && !strings.HasPrefix(a.body, `{"code":4013,"msg":"too many requests","detail":{"logid":"`) {
				t.Errorf("got %s", a.body)
			}
		}
		ask(oneKey, "POST", "/v3/chat", 200, "")
		ask(oneKey, "GET", "/v1/x", 200, "")
		time.Sleep(500 * time.Millisecond)
		ask(oneKey, "GET", "/v3/chat", 429, "30") // 29.5 s, rounded up
		ask(oneKey, "GET", "/v1/x", 429, "30")
		ask(oneKey, "POST", "/v3/chat/retrieve", 429, "30")
		ask(oneKey, "GET", "/ai/nothing", 404, "")
		ask(oneKey, "GET", "/typewriter/streams/aaaaaaaaaaaaaaaaaaaaaaaaaa", 204, "")
		ask(oneKey, "DELETE", "/typewriter/streams/aaaaaaaaaaaaaaaaaaaaaaaaaa", 404, "")
		ask(oneKey[1:], "GET", "/v1/x", 401, "")
		ask(otherKey, "GET", "/v1/x", 200, "")
		time.Sleep(29500 * time.Millisecond)
		ask(oneKey, "GET", "/v1/x", 200, "")
		ask(oneKey, "GET", "/v1/x", 429, "30")
	})
}

// Without keys, the rate limit counts by address.
func TestRateLimitByAddress(t *testing.T) {
	var up asked
	_, server := newTestHandler(t, &up, func(o *Options, _ *streams.Options) {
		o.Limiter = limits.NewLocal(limits.Bounds{Rate: limits.Rate{Requests: 1, Per: time.Hour}})
		o.TrustedProxies = nil
	})
	for i, want := range []int{200, 429, 429} {
		a := server.serve(context.Background(), t, request{method: "GET", url: "/v1/x", header: map[string]string{
			"Authorization": fmt.Sprint("Bearer ", i), "X-Forwarded-For": fmt.Sprint("203.0.113.", i),
		}})
		if a.status != want {
			t.Errorf("request %d: got %d, want %d", i, a.status, want)
		}
	}
}

// clients send requests concurrently.
type clients struct {
	t      *testing.T
	server *testServer
	wg     sync.WaitGroup
}

// start sends a request until the response ends or disconnect is called, and returns when
// all goroutines are blocked. final is the answer after its end, received the answer so
// far.
func (c *clients) start(r request) (final, received *answer, disconnect func()) {
	ctx, cancel := context.WithCancel(c.t.Context())
	final, received = &answer{}, &answer{}
	done := make(chan struct{})
	c.wg.Go(func() {
		defer close(done)
		c.server.serveTo(ctx, c.t, r, received)
		*final = *received
	})
	synctest.Wait()
	return final, received, func() {
		cancel()
		<-done
		synctest.Wait()
	}
}

// checkFree checks how many more recordings and views the server admits.
func checkFree(t *testing.T, h *Handler, recordings, views int) {
	t.Helper()
	count := func(acquire func(context.Context, string, string) (func(), *apierror.Error)) (n int) {
		for {
			id := fmt.Sprint("free ", n)
			release, rejected := acquire(t.Context(), id, id)
			if rejected != nil {
				return n
			}
			defer release()
			n++
		}
	}
	if r, v := count(h.admit.admission.Record), count(h.admit.admission.View); r != recordings || v != views {
		t.Errorf("%d recordings and %d views are free, want %d and %d", r, v, recordings, views)
	}
}

func checkRefused(t *testing.T, a *answer, status, code int) {
	t.Helper()
	if a.status != status || a.header("Retry-After") != "1" || !strings.HasPrefix(a.body, fmt.Sprintf(`{"code":%d,`, code)) {
		t.Errorf("got %d %s; want %d", a.status, a.body, status)
	}
}

// MaxStreams bounds recordings and views. Finished, failed and abandoned streams do not
// count.
func TestMaxStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		standIn := mock.New(3, cozemock.New())
		h, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			asked++
			return standIn.RoundTrip(r)
		}), func(o *Options, _ *streams.Options) { o.MaxStreams = 2 })
		c := clients{t: t, server: server}
		_, _, leaveOne := c.start(question("/hang"))
		_, _, leaveTwo := c.start(question("/hang"))
		before := asked
		for _, r := range []request{question("/hang"), getChat("/hang", ""), {
			method: "POST", url: "/v3/chat", header: map[string]string{"Prefer": "respond-async"},
		}} {
			a, _, _ := c.start(r)
			checkRefused(t, a, 503, 5031)
		}
		if asked != before {
			t.Errorf("upstream was asked %d times", asked-before)
		}
		leaveOne()
		_, _, leaveThree := c.start(question("/hang"))
		a, _, _ := c.start(question("/hang"))
		checkRefused(t, a, 503, 5031)
		leaveTwo()
		leaveThree()
		for range 5 { // no answer of these is a stream
			if a, _, _ := c.start(question("/error-json")); a.status != 200 {
				t.Errorf("got %d %s", a.status, a.body)
			}
			if a, _, _ := c.start(request{method: "GET", url: "/v3/chat?speed=x"}); a.status != 400 {
				t.Errorf("got %d %s", a.status, a.body)
			}
		}
		for range 5 {
			c.start(question("/short"))
			time.Sleep(time.Hour)
		}
		checkFree(t, h, 2, 2)
		c.wg.Wait()
	})
}

// A reconnecting EventSource resumes at a full server: the recording has gone on, and the
// view is free.
func TestReconnectToFullServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, server := newTestHandler(t, mock.New(3, cozemock.New()), func(o *Options, _ *streams.Options) {
			o.MaxStreams = 1
			o.Limiter = limits.NewLocal(limits.Bounds{Streams: 1, Rate: limits.Rate{Requests: 1, Per: 24 * time.Hour}})
		})
		c := clients{t: t, server: server}
		_, noted, leave := c.start(getChat("/hang", ""))
		time.Sleep(time.Second)
		synctest.Wait()
		var last string
		for _, chunk := range noted.chunks {
			if id := lastIDOf(chunk.data); id != "" {
				last = id
			}
		}
		leave()
		a, _, leaveAgain := c.start(resumed(last, ""))
		if a.status != 0 { // it is being served
			t.Errorf("got %d %s", a.status, a.body)
		}
		other, _, _ := c.start(resumed(last, "")) // there are no more views
		if other.status != 200 || other.body != "retry:1000\n\n" {
			t.Errorf("got %d %s", other.status, other.body)
		}
		async := resumed(last, "")
		async.url = streamsPath + strings.Split(last, ":")[0]
		async.header = nil
		other, _, _ = c.start(async)
		checkRefused(t, other, 503, 5031)
		leaveAgain()
		time.Sleep(time.Hour)
		c.wg.Wait()
		checkFree(t, h, 1, 1)
	})
}

// An EventSource that reconnects at the stream limit of the client retries until another
// stream ends.
func TestReconnectAtStreamLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, streaming(nil, part{0, deltaAB + done}), func(o *Options, _ *streams.Options) { o.Limiter = limits.NewLocal(limits.Bounds{Streams: 1}) })
		c := clients{t: t, server: server}
		_, noted, leave := c.start(getChat("x", ""))
		last := lastIDOf(noted.chunks[0].data)
		leave()
		other, _, _ := c.start(question("x"))
		if other.status != 0 {
			t.Errorf("got %d %s", other.status, other.body)
		}
		a, _, _ := c.start(resumed(last, ""))
		if a.status != 200 || a.header("Content-Type") != "text/event-stream; charset=utf-8" || a.body != "retry:1000\n\n" {
			t.Errorf("got %d %s", a.status, a.body)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		a, _, _ = c.start(resumed(last, ""))
		time.Sleep(time.Second)
		synctest.Wait()
		if got := times(t, *a); a.status != 200 || !strings.Contains(strings.Join(got, " "), `"[DONE]"`) {
			t.Errorf("got %d %q", a.status, got)
		}
		time.Sleep(time.Hour)
		c.wg.Wait()
	})
}

// A rejected view releases the ticket of its recording.
func TestRejectedViewReleasesTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, server := newTestHandler(t, mock.New(3, cozemock.New()), func(o *Options, _ *streams.Options) { o.MaxStreams = 2 })
		c := clients{t: t, server: server}
		_, noted, leave := c.start(getChat("/hang", ""))
		id, _, _ := strings.Cut(lastIDOf(noted.chunks[0].data), ":")
		_, _, leaveView := c.start(request{method: "GET", url: streamsPath + id})
		for _, r := range []request{getChat("/hang", ""), {method: "GET", url: "/ai/summarize?text=x"}} {
			a, _, _ := c.start(r)
			checkRefused(t, a, 503, 5031)
			checkFree(t, h, 1, 0)
		}
		leave()
		leaveView()
		time.Sleep(time.Hour)
		c.wg.Wait()
	})
}

// The limit of streams per client counts a stream once, with up to MaxViews views.
func TestMaxStreamsPerClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, server := newTestHandler(t, mock.New(3, cozemock.New()), withKeys, func(o *Options, _ *streams.Options) { o.Limiter = limits.NewLocal(limits.Bounds{Streams: 1}) })
		c := clients{t: t, server: server}
		first, noted, leave := c.start(keyedBy(oneKey, getChat("/hang", "")))
		if first.status != 0 {
			t.Fatalf("got %d %s", first.status, first.body)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		last := lastIDOf(noted.chunks[0].data)
		id, _, _ := strings.Cut(last, ":")

		a, _, _ := c.start(keyedBy(oneKey, question("/hang")))
		checkRefused(t, a, 429, 4013)
		checkFree(t, h, 99, 99)
		b, _, leaveOther := c.start(keyedBy(otherKey, question("/hang"))) // another client
		if b.status != 0 {
			t.Errorf("got %d %s", b.status, b.body)
		}
		leaveOther()
		view := keyedBy(oneKey, request{method: "GET", url: streamsPath + id})
		for i := range limits.MaxViews - 2 { // there are its recording and its first view
			v, _, leaveView := c.start(view)
			defer leaveView()
			if v.status != 0 {
				t.Errorf("view %d: got %d %s", i, v.status, v.body)
			}
		}
		a, _, _ = c.start(view)
		checkRefused(t, a, 429, 4013)
		leave()
		v, _, leaveView := c.start(view) // the ticket of the disconnected view
		defer leaveView()
		if v.status != 0 {
			t.Errorf("got %d %s", v.status, v.body)
		}
		d := server.serve(t.Context(), t, keyedBy(oneKey, request{method: "DELETE", url: streamsPath + id}))
		if d.status != 204 {
			t.Errorf("got %d %s", d.status, d.body)
		}
		time.Sleep(time.Minute)
		n, _, leaveNew := c.start(keyedBy(oneKey, question("/hang"))) // all have ended
		if n.status != 0 {
			t.Errorf("got %d %s", n.status, n.body)
		}
		leaveNew()
	})
}
