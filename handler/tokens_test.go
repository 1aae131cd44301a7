package handler

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/testenv"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

const (
	createdChat   = "event:conversation.chat.created\ndata:{\"id\":\"1\",\"conversation_id\":\"2\",\"status\":\"created\"}\n\n"
	completedChat = "event:conversation.chat.completed\ndata:{\"id\":\"1\",\"conversation_id\":\"2\",\"status\":\"completed\",\"usage\":{\"input_count\":3,\"output_count\":4,\"token_count\":7}}\n\n"
)

// tokensIn returns the attributes of tokens in a log, and the messages of their lines.
func tokensIn(log string) []string {
	var found []string
	for line := range strings.Lines(log) {
		if tokens := regexp.MustCompile(`(?:\w*_)?tokens=.*`).FindString(line); tokens != "" {
			msg := regexp.MustCompile(`msg="([^"]*)"`).FindStringSubmatch(line)[1]
			found = append(found, msg+": "+regexp.MustCompile(` error=.*`).ReplaceAllString(tokens, ""))
		}
	}
	return found
}

// countedTokens returns the counters of tokens.
func countedTokens(h *Handler) []string {
	scraped := httptest.NewRecorder()
	h.options.Metrics.Handler().ServeHTTP(scraped, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	return regexp.MustCompile(`(?m)^typewriter_tokens_total.*$`).FindAllString(scraped.Body.String(), -1)
}

// The tokens that the service reports are counted once and logged once, however the answer
// ends and whoever views the stream.
func TestTokens(t *testing.T) {
	const both = "input_tokens=3 output_tokens=4"
	view := func(url string) request { return request{method: "GET", url: url} }
	async := question("x")
	async.header = map[string]string{"Prefer": "respond-async"}
	for _, test := range []struct {
		name  string
		parts []part
		run   func(t *testing.T, s *testServer)
		want  []string // in the log
	}{
		{"a view", []part{{0, createdChat + deltaAB + completedChat + done}}, func(t *testing.T, s *testServer) {
			s.serve(t.Context(), t, question("x"))
		}, []string{"stream ended: " + both}},
		{"two views", []part{{0, createdChat + deltaAB}, {time.Second, completedChat + done}}, func(t *testing.T, s *testServer) {
			url := s.serve(t.Context(), t, async).header("Location")
			first := make(chan struct{})
			go func() {
				defer close(first)
				s.serve(t.Context(), t, view(url))
			}()
			s.serve(t.Context(), t, view(url))
			<-first
			s.serve(t.Context(), t, view(url))
		}, []string{"stream ended: " + both}},
		{"a view after the end", []part{{0, createdChat + deltaAB + completedChat + done}}, func(t *testing.T, s *testServer) {
			url := s.serve(t.Context(), t, async).header("Location")
			time.Sleep(time.Second)
			s.serve(t.Context(), t, view(url))
		}, []string{"tokens used: " + both}},
		{"a client that leaves", []part{{0, createdChat + deltaAB}, {time.Second, completedChat + done}}, func(t *testing.T, s *testServer) {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			s.serve(ctx, t, view("/v3/chat?q=x"))
			time.Sleep(time.Second)
		}, []string{"tokens used: " + both}},
		{"stopped", []part{{0, createdChat + deltaAB}, {time.Hour, completedChat + done}}, func(t *testing.T, s *testServer) {
			url := s.serve(t.Context(), t, async).header("Location")
			time.Sleep(time.Second)
			s.serve(t.Context(), t, request{method: "DELETE", url: url})
		}, []string{"tokens used: input_tokens=3 output_tokens=1"}},
		{"stopped after the answer", []part{{0, createdChat + deltaAB + completedChat}, {time.Hour, done}}, func(t *testing.T, s *testServer) {
			url := s.serve(t.Context(), t, async).header("Location")
			time.Sleep(time.Second)
			s.serve(t.Context(), t, request{method: "DELETE", url: url})
		}, []string{"tokens used: " + both}},
		{"recovered", []part{{0, createdChat + deltaAB}}, func(t *testing.T, s *testServer) {
			s.serve(t.Context(), t, question("x"))
		}, []string{"stream ended: " + both}},
		{"no tokens", []part{{0, createdChat + deltaAB + done}}, func(t *testing.T, s *testServer) {
			s.serve(t.Context(), t, question("x"))
		}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				h, server := newTestHandler(t, withAPI(streaming(nil, test.parts...)), func(o *Options, _ *streams.Options) { o.Logger = testLogger(&log) })
				test.run(t, server)
				_ = h.lifecycle.inflight.Wait(t.Context())
				synctest.Wait()
				got := tokensIn(log.String())
				for i := range got {
					got[i] = regexp.MustCompile(` (graphemes|duration|outcome)=\S+`).ReplaceAllString(got[i], "")
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("logged %q, want %q", got, test.want)
				}
				var want []string
				if test.want != nil {
					output := regexp.MustCompile(`\d+$`).FindString(test.want[0])
					want = []string{
						`typewriter_tokens_total{model="unknown",type="input",upstream="/"} 3`,
						`typewriter_tokens_total{model="unknown",type="output",upstream="/"} ` + output,
					}
				}
				if counted := countedTokens(h); !slices.Equal(counted, want) {
					t.Errorf("counted %q, want %q", counted, want)
				}
			})
		})
	}
}

// withAPI returns a transport that answers requests about a chat, and leaves all others to
// next.
func withAPI(next http.RoundTripper) http.RoundTripper {
	replies := map[string]string{
		"/v3/chat/cancel":       `{"code":0,"data":{"id":"1","conversation_id":"2","status":"canceled","usage":{"input_count":3,"output_count":1}}}`,
		"/v3/chat/retrieve":     `{"code":0,"data":{"id":"1","conversation_id":"2","status":"completed","usage":{"input_count":3,"output_count":4,"token_count":7}}}`,
		"/v3/chat/message/list": `{"code":0,"data":[{"id":"1","role":"assistant","type":"answer","content":"ab","content_type":"text"}]}`,
	}
	return testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		if body, ok := replies[r.URL.Path]; ok {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		}
		return next.RoundTrip(r)
	})
}

// A replica that continues the answer of a lost one counts the tokens that it reads itself.
func TestTokensAfterTakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := newTestHandler(t, withAPI(nil))
		chat := upstream.Pass("conversation.chat.created", `{"id":"1","conversation_id":"2","status":"created"}`, nil)
		header := func(*Upstream, *upstream.Format) http.Header { return http.Header{} }
		events, source := h.recorder.proceed(t.Context(), header, streams.Origin{Format: "coze"}, slices.Values([]typewriter.Event{chat.Event}))
		end := source.View()
		for range events { // all are read
		}
		if attrs := end(); len(attrs) != 2 || attrs[1].String() != "output_tokens=4" || len(countedTokens(h)) != 2 {
			t.Errorf("got %v, counted %q", attrs, countedTokens(h))
		}
		if attrs := source.View()(); attrs != nil {
			t.Errorf("got %v in another line", attrs)
		}
	})
}

// A long name of a model, which a client may choose, does not fill the log.
func TestLongModelIsCut(t *testing.T) {
	h, _ := newTestHandler(t, withAPI(nil))
	counter := h.observer.newTokenCounter("", streams.Origin{Format: "openai"}, "")
	end := counter.view()
	counter.count(upstream.Usage{Model: "x" + strings.Repeat("字", 1000), Input: 1})
	if got := end()[0].Value.String(); got != "x"+strings.Repeat("字", 33) {
		t.Errorf("got %q", got)
	}
}
