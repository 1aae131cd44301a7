package handler

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/testenv"
	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// series matches a line of a scrape: the name without our prefix, and the value.
var series = regexp.MustCompile(`(?m)^typewriter_(\S+(?:{.*})?) (\S+)$`)

// scrape returns the values of our metrics.
func scrape(t *testing.T, h *Handler) map[string]float64 {
	t.Helper()
	scraped := httptest.NewRecorder()
	h.options.Metrics.Handler().ServeHTTP(scraped, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	values := map[string]float64{}
	for _, found := range series.FindAllStringSubmatch(scraped.Body.String(), -1) {
		value, err := strconv.ParseFloat(found[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		values[found[1]] = value
	}
	return values
}

// checkMetrics compares some metrics. A missing metric counts as 0.
func checkMetrics(t *testing.T, h *Handler, want map[string]float64) {
	t.Helper()
	got := scrape(t, h)
	for name, value := range want {
		// Sums of seconds are not exact.
		if diff := got[name] - value; diff > 1e-9 || diff < -1e-9 {
			t.Errorf("%s is %v, want %v", name, got[name], value)
		}
	}
}

// In a stream with known numbers, "ab" arrives after a second and "cd" 20 ms later. With
// pauses of 100 ms, the characters leave 0, 100, 180 and 280 ms after their arrival.
func TestStreamIsMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, server := newTestHandler(t, streaming(
			nil,
			part{time.Second, deltaAB + "event:new\ndata:{}\n\n"},
			part{20 * time.Millisecond, strings.ReplaceAll(deltaAB, "ab", "cd")},
			part{time.Second, done},
		))
		go server.serve(t.Context(), t, question("x"))
		time.Sleep(1010 * time.Millisecond)
		checkMetrics(t, h, map[string]float64{"streams_active": 1, "backlog_graphemes": 1, "graphemes_total": 1})
		time.Sleep(20 * time.Millisecond)
		checkMetrics(t, h, map[string]float64{"streams_active": 1, "backlog_graphemes": 3, "graphemes_total": 1})
		if got := scrape(t, h)["store_bytes"]; got <= 0 {
			t.Errorf("the store holds %v bytes", got)
		}
		time.Sleep(5 * time.Second)
		checkMetrics(t, h, map[string]float64{
			"streams_active":    0,
			"backlog_graphemes": 0,
			"store_bytes":       0,
			"store_max_bytes":   1 << 30,
			"graphemes_total":   4,
			`upstream_ttft_seconds_count{upstream="/"}`:       1,
			`upstream_ttft_seconds_sum{upstream="/"}`:         1,
			"added_latency_seconds_count":                     4,
			"added_latency_seconds_sum":                       0 + 0.1 + 0.18 + 0.28,
			"pacing_lateness_seconds_count":                   4,
			"pacing_lateness_seconds_sum":                     0,
			"upstream_cancel_seconds_count":                   0,
			`events_total{type="other"}`:                      1,
			`events_total{type="done"}`:                       1,
			"draining":                                        0,
			`events_total{type="conversation.message.delta"}`: 4,
			`streams_total{mode="typewriter",outcome="done",route="POST /v3/chat",upstream="/"}`: 1,
		})
	})
}

// Text from before the request has no latency.
func TestEarlierTextHasNoLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, server := newTestHandler(t, streaming(nil, part{0, deltaAB}, part{time.Hour, deltaAB}, part{time.Second, done}), func(_ *Options, s *streams.Options) { s.Grace = 2 * time.Hour })
		h.options.Upstreams[0].Client.IdleTimeout, h.options.Upstreams[0].Client.MaxTime = 2*time.Hour, 2*time.Hour
		id := startAsync(t, server, "x")
		time.Sleep(time.Hour - time.Second)
		server.serve(t.Context(), t, request{method: "GET", url: streamsPath + id})
		checkMetrics(t, h, map[string]float64{
			"graphemes_total":                  4,
			"added_latency_seconds_count":      2,
			"added_latency_seconds_sum":        0.1,
			"pacing_lateness_seconds_count":    2,
			`resumes_total{outcome="resumed"}`: 1,
			`streams_total{mode="typewriter",outcome="done",route="GET /typewriter/streams/:id",upstream="/"}`: 1,
		})
	})
}

// Streams are counted by outcome, and failures of the upstream by reason.
func TestOutcomesAreCounted(t *testing.T) {
	tests := []struct {
		name     string
		upstream http.RoundTripper
		request
		leave time.Duration // 0: the client stays
		want  map[string]float64
	}{
		{"left", streaming(nil, part{0, deltaAB}, part{time.Hour, done}), question("x"), 50 * time.Millisecond, map[string]float64{
			`streams_total{mode="typewriter",outcome="left",route="POST /v3/chat",upstream="/"}`: 1,
			`upstream_errors_total{reason="canceled",upstream="/"}`:                              1,
			"upstream_cancel_seconds_count":                                                      1,
			"upstream_cancel_seconds_sum":                                                        0,
		}},
		{"cut", streaming(nil, part{0, deltaAB}), question("x"), 0, map[string]float64{
			`streams_total{mode="typewriter",outcome="cut",route="POST /v3/chat",upstream="/"}`: 1,
			`upstream_errors_total{reason="cut",upstream="/"}`:                                  1,
			"upstream_cancel_seconds_count":                                                     0,
		}},
		{"silent", streaming(nil, part{0, deltaAB}, part{time.Hour, done}), question("x"), 0, map[string]float64{
			`streams_total{mode="typewriter",outcome="idle_timeout",route="POST /v3/chat",upstream="/"}`: 1,
			`upstream_errors_total{reason="idle_timeout",upstream="/"}`:                                  1,
		}},
		{"no reply", testenv.RoundTripFunc(func(*http.Request) (*http.Response, error) { return nil, http.ErrServerClosed }), question("x"), 0, map[string]float64{
			`upstream_errors_total{reason="unreachable",upstream="/"}`: 1,
		}},
		{"raw", streaming(nil, part{0, deltaAB + done}), request{method: "GET", url: "/v3/chat?mode=raw"}, 0, map[string]float64{
			`streams_total{mode="raw",outcome="done",route="GET /v3/chat",upstream="/"}`: 1,
			`upstream_ttft_seconds_count{upstream="/"}`:                                  1,
			"added_latency_seconds_count":                                                0,
			"graphemes_total":                                                            0,
		}},
		{"summary", streaming(nil, part{time.Second, chatCreated}, part{time.Second, deltaText + chatCompleted + done}), getSummary("a text", "&event=progress"), 0, map[string]float64{
			`streams_total{mode="raw",outcome="done",route="GET /ai/summarize",upstream="/"}`: 1,
			`upstream_ttft_seconds_count{upstream="/"}`:                                       1,
			`upstream_ttft_seconds_sum{upstream="/"}`:                                         2,
			`events_total{type="other"}`:                                                      0,
		}},
		{"summary that fails", testenv.RoundTripFunc(func(*http.Request) (*http.Response, error) { return nil, http.ErrServerClosed }), getSummary("a text", ""), 0, map[string]float64{
			`streams_total{mode="raw",outcome="unreachable",route="GET /ai/summarize",upstream="/"}`: 1,
			`upstream_errors_total{reason="unreachable",upstream="/"}`:                               1,
		}},
		{"clusters that share an event", streaming(nil, part{0, deltaAB + done}), request{method: "GET", url: "/v3/chat?speed=100"}, 0, map[string]float64{
			"graphemes_total": 2,
			`events_total{type="conversation.message.delta"}`: 1,
			"added_latency_seconds_count":                     1,
		}},
		{"gone", nil, resumed(strings.Repeat("a", 26)+":1.0", ""), 0, map[string]float64{`resumes_total{outcome="gone"}`: 1}},
		{"too large", nil, post(strings.Repeat("x", 1<<20+1)), 0, map[string]float64{`rejected_total{reason="body_too_large"}`: 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, server := newTestHandler(t, test.upstream)
				ctx, cancel := context.WithCancel(t.Context())
				if test.leave > 0 {
					time.AfterFunc(test.leave, cancel)
				}
				defer cancel()
				server.serve(ctx, t, test.request)
				synctest.Wait()
				checkMetrics(t, h, test.want)
			})
		})
	}
}

// panickingConn panics when an event is written.
type panickingConn struct{ net.Conn }

func (c panickingConn) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("event:")) {
		panic("boom")
	}
	return c.Conn.Write(p)
}

// A panic while playing ends the view and the recording, and frees both.
func TestPanicWhilePlaying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := newTestHandler(t, streaming(nil, part{0, deltaAB}, part{time.Hour, done}))
		listener := testenv.NewMemListener()
		listener.Wrap = func(conn net.Conn) net.Conn { return panickingConn{conn} }
		server := newTestServer(t, h, listener)
		if a := server.serve(t.Context(), t, question("x")); a.status != http.StatusOK || a.complete {
			t.Errorf("got %d, complete: %v", a.status, a.complete)
		}
		_ = h.lifecycle.inflight.Wait(t.Context())
		checkMetrics(t, h, map[string]float64{
			"streams_active": 0,
			`streams_total{mode="typewriter",outcome="internal",route="POST /v3/chat",upstream="/"}`: 1,
		})
		checkFree(t, h, 100, 100)
		if n := h.options.Streams.Bytes(); n != 0 {
			t.Errorf("%d bytes are left", n)
		}
	})
}

// A canceled stream has not failed.
func TestCancellationIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, server := newTestHandler(t, streaming(nil, part{0, deltaAB}, part{time.Hour, done}))
		id := startAsync(t, server, "x")
		go server.serve(t.Context(), t, request{method: "GET", url: streamsPath + id})
		time.Sleep(10 * time.Millisecond)
		server.serve(t.Context(), t, request{method: "DELETE", url: streamsPath + id})
		synctest.Wait()
		checkMetrics(t, h, map[string]float64{
			`streams_total{mode="typewriter",outcome="done",route="GET /typewriter/streams/:id",upstream="/"}`: 1,
			`upstream_errors_total{reason="canceled",upstream="/"}`:                                            0,
			"upstream_cancel_seconds_count":                                                                    1,
		})
	})
}

// The upstream and the client receive the request's id: a valid id of the client, or a new
// id.
func TestRequestID(t *testing.T) {
	long := strings.Repeat("x", maxRequestID)
	replies := map[string]http.RoundTripper{
		"stream": streaming(nil, part{0, done}),
		"reply": testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			header := http.Header{headerRequestID: {"upstream"}, "Content-Type": {"application/json"}}
			return &http.Response{StatusCode: http.StatusOK, Header: header, Body: http.NoBody, Request: r}, nil
		}),
		"failure": testenv.RoundTripFunc(func(*http.Request) (*http.Response, error) { return nil, http.ErrServerClosed }),
		"panic":   testenv.RoundTripFunc(func(*http.Request) (*http.Response, error) { panic("boom") }),
	}
	for kind, reply := range replies {
		for _, test := range []struct {
			sent string
			kept bool
		}{
			{"", false},
			{"a", true},
			{"a-Z_0.9", true},
			{long, true},
			{long + "x", false},
			{"a b", false},
			{"é", false},
			{"a,b", false},
			{`"a"`, false},
			{"a/b", false},
		} {
			for _, target := range []request{question("x"), {method: "GET", url: "/v1/x"}, {method: "GET", url: "/nothing"}, {method: "GET", url: "/healthz"}} {
				forwarded := ""
				_, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
					forwarded = strings.Join(r.Header.Values(headerRequestID), "|")
					return reply.RoundTrip(r)
				}))
				target.header = map[string]string{headerRequestID: test.sent}
				a := server.serve(t.Context(), t, target)
				got := a.header(headerRequestID)
				if test.kept && got != test.sent || !test.kept && (len(got) != 26 || got == test.sent) {
					t.Errorf("%s, %s: sent %q, got %q", kind, target.url, test.sent, got)
				}
				if strings.HasPrefix(target.url, "/v") && forwarded != got {
					t.Errorf("%s, %s: upstream got %q, client %q", kind, target.url, forwarded, got)
				}
			}
		}
	}
}

// Each view writes a log line.
func TestStreamIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		_, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			res, err := streaming(nil, part{2 * time.Second, deltaAB}).RoundTrip(r)
			res.Header.Set("X-Tt-Logid", "log")
			return res, err
		}), func(o *Options, _ *streams.Options) { o.Logger = testLogger(&log) })
		a := server.serve(t.Context(), t, question("x"))
		want := "level=INFO msg=\"stream ended\" stream=" + a.header("Typewriter-Stream") + " upstream=/ route=\"POST /v3/chat\" mode=typewriter logid=log request_id=" +
			a.header(headerRequestID) + " first_byte=3s graphemes=2 duration=3.1s outcome=cut\n"
		if _, got, _ := strings.Cut(log.String(), " "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// created is an event with a chat's ids.
const created = "event:conversation.chat.created\ndata:{\"id\":\"1\",\"conversation_id\":\"2\"}\n\n"

// The log contains the cause of a failure, without the client's question.
func TestCauseIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		_, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path != chatPath {
				return nil, &url.Error{Op: "Get", URL: "http://h/?SECRET", Err: io.ErrClosedPipe}
			}
			body := &slowBody{ctx: r.Context(), parts: []part{{0, created + deltaAB}}}
			return &http.Response{
				StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Request: r, Body: body,
			}, nil
		}), func(o *Options, _ *streams.Options) { o.Logger = testLogger(&log) })
		server.serve(t.Context(), t, question("x"))
		if got := log.String(); !strings.Contains(got, `outcome=cut error="cannot recover the answer: upstream cannot be reached: io: read/write on closed pipe"`) || strings.Contains(got, "SECRET") {
			t.Errorf("log is %s", got)
		}
	})
}

// healthz and readyz report the states of the server.
func TestHealth(t *testing.T) {
	h, server := newTestHandler(t, nil)
	check := func(path string, status int, body string) {
		t.Helper()
		a := server.serve(t.Context(), t, request{method: "GET", url: path})
		if a.status != status || a.body != body || a.header("Cache-Control") != "no-store" {
			t.Errorf("%s: got %d %q, %s", path, a.status, a.body, a.header("Cache-Control"))
		}
	}
	check("/healthz", 200, "ok")
	check("/readyz", 200, `{"status":"ready","store":"available"}`)
	checkMetrics(t, h, map[string]float64{"draining": 0})
	h.Shutdown(t.Context())
	check("/healthz", 200, "ok")
	check("/readyz", 503, `{"status":"draining","store":"available"}`)
	checkMetrics(t, h, map[string]float64{"draining": 1})
}

// Scraping does not disturb a stream.
func TestScrapeInMidStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, server := newTestHandler(t, mock.New(1, cozemock.New()))
		ended := make(chan answer)
		go func() {
			a := server.serve(t.Context(), t, question("hello"))
			ended <- a
		}()
		most := 0.0
		for {
			select {
			case a := <-ended:
				if got := scrape(t, h); most == 0 || got["backlog_graphemes"] != 0 || !strings.HasSuffix(a.text(), done) {
					t.Errorf("at most %v waited, then %v; the stream is %q", most, got["backlog_graphemes"], a.text())
				}
				return
			case <-time.After(100 * time.Millisecond):
				most = max(most, scrape(t, h)["backlog_graphemes"])
			}
		}
	})
}

// The cost of observing an event of text.
func BenchmarkSent(b *testing.B) {
	log := typewriter.NewLog(typewriter.LogOptions{})
	counts := metrics.New(metrics.Options{EventTypes: testFormats.EventNames()})
	g := &viewObserver{metrics: counts.View(metrics.ViewLabels{Upstream: "/", Route: "GET /", Mode: "typewriter"}, func() int { return 0 }), log: log}
	o := typewriter.Output{Frame: unit.Frame, Clusters: 1, Lag: time.Second, Late: time.Millisecond}
	b.ReportAllocs()
	for b.Loop() {
		g.sent(&o)
	}
}

// A failure after a takeover is counted.
func TestFailureAfterATakeoverIsCounted(t *testing.T) {
	progress := typewriter.Event{Frame: &typewriter.Frame{Head: `{"status":"processing","progress":1}`}}
	for _, test := range []struct {
		format string
		seen   []typewriter.Event
	}{{"coze", nil}, {"summary/coze", []typewriter.Event{progress}}} {
		t.Run(test.format, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, _ := newTestHandler(t, nil)
				events, source := h.recorder.proceed(t.Context(), func(*Upstream, *upstream.Format) http.Header { return nil }, streams.Origin{Format: test.format}, slices.Values(test.seen))
				for range events {
					continue
				}
				reason, _ := source.Failure()
				checkMetrics(t, h, map[string]float64{`upstream_errors_total{reason="` + reason + `",upstream="/"}`: 1, `upstream_ttft_seconds_count{upstream="/"}`: 0})
			})
		})
	}
}
