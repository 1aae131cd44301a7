package handler

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/metrics"
	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// A summary is resumed like a chat. After the end has been received, resuming gives 204.
func TestResumeSummary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, cozemock.New()))
		whole := server.serve(t.Context(), t, getSummary("x", ""))
		events := readIDs(t, whole.text())
		for i, e := range events {
			byQuery := request{method: "GET", url: "/ai/summarize?text=x&lastEventId=" + e.id}
			byHeader := request{method: "GET", url: "/ai/summarize?text=x", header: map[string]string{"Last-Event-ID": e.id}}
			byPost := request{method: "POST", url: "/ai/summarize?event_ids=on", body: `{"text":"x"}`, header: byHeader.header}
			for _, r := range []request{byQuery, byHeader, byPost} {
				rest := server.serve(t.Context(), t, r)
				if i == len(events)-1 {
					if rest.status != http.StatusNoContent || rest.header("Typewriter-Resume") != metrics.ResumeFinished {
						t.Errorf("after the end: got %d", rest.status)
					}
					continue
				}
				if got := readIDs(t, rest.text()); !slices.Equal(got, events[i+1:]) {
					t.Errorf("%s %s after %s: got %q\nwant %q", r.method, r.url, e.id, got, events[i+1:])
				}
			}
		}
	})
}

// Without ids a request opens another job, as no stream can be resumed.
func TestNoResumeWithoutIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, cozemock.New()))
		first := server.serve(t.Context(), t, getSummary("x", ""))
		again := server.serve(t.Context(), t, request{
			method: "POST", url: "/ai/summarize", body: `{"text":"x"}`, header: map[string]string{"Last-Event-ID": lastIDOf(first.text())},
		})
		checkProgress(t, again)
	})
}

// An address instead of progress, a viewer there, and a stop.
func TestStopSummary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, server := newTestHandler(t, streaming(nil, part{0, chatCreated}, part{time.Hour, done}))
		at := startSummary(t, server)
		go func() {
			time.Sleep(2 * time.Second)
			server.serve(t.Context(), t, request{method: "DELETE", url: at})
		}()
		a := server.serve(t.Context(), t, request{method: "GET", url: at})
		got := updates(t, a)
		if last := got[len(got)-1]; last != "2000 error 9.15 Stopped" {
			t.Errorf("ends with %q", got)
		}
		_ = h.lifecycle.inflight.Wait(t.Context())
	})
}

func startSummary(t *testing.T, server *testServer) (address string) {
	t.Helper()
	a := server.serve(t.Context(), t, request{
		method: "POST", url: "/ai/summarize", body: `{"text":"a long one"}`, header: map[string]string{"Prefer": "respond-async"},
	})
	if a.status != http.StatusAccepted || a.header("Location") != gjson.Get(a.body, "url").Str {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	return a.header("Location")
}

// A disconnect frees the upstream: at once without ids, after the grace with ids.
func TestLeavingASummary(t *testing.T) {
	tests := []struct {
		name string
		request
		want time.Duration
	}{
		{"POST", request{method: "POST", url: "/ai/summarize", body: `{"text":"x"}`}, time.Second},
		{"GET", getSummary("x", ""), 31 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				h, server := newTestHandler(t, streaming(nil, part{0, chatCreated}, part{time.Hour, done}))
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				server.serve(ctx, t, test.request)
				_ = h.lifecycle.inflight.Wait(t.Context())
				if took := time.Since(began); took != test.want {
					t.Errorf("the upstream was given up after %v, want %v", took, test.want)
				}
			})
		})
	}
}

// After the loss of a replica, a job continues from the last stage at another replica.
func TestSummaryIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		standIn := mock.New(1, cozemock.New())
		h, server := newTestHandler(t, standIn)
		at := startSummary(t, server)
		time.Sleep(2 * time.Second)
		id := strings.TrimPrefix(at, streamsPath)
		s, _ := h.options.Streams.Attach(id, "")
		n, _ := s.Log.Len()
		events, source := h.recorder.proceed(t.Context(), func(*Upstream, *upstream.Format) http.Header { return http.Header{} }, s.Origin, s.Log.Events(n))
		texts := progressOf(s.Log.Events(n))
		texts = append(texts, progressOf(events)...)
		for i := 1; i < len(texts); i++ {
			if texts[i].Get("progress").Num < texts[i-1].Get("progress").Num {
				t.Errorf("%v follows %v", texts[i], texts[i-1])
			}
		}
		if last := texts[len(texts)-1]; last.Get("status").Str != "done" || !strings.Contains(last.Get("result").Str, "a long one") {
			t.Errorf("ends with %v", last)
		}
		if failed, _ := source.Failure(); failed != "" {
			t.Errorf("failed: %s", failed)
		}
		s.Detach()
		_ = h.lifecycle.inflight.Wait(t.Context())
		time.Sleep(time.Hour) // the retention
	})
}

func progressOf(events iter.Seq[typewriter.Event]) (all []gjson.Result) {
	for e := range events {
		all = append(all, gjson.Parse(e.Frame.Head))
	}
	return all
}
