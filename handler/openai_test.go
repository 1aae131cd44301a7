package handler

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/testenv"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/streams"
	"sse-typewriter/mock"
	openaimock "sse-typewriter/mock/openai"
	"sse-typewriter/upstream/openai"
)

// withOpenAI adds the format to those of a handler.
func withOpenAI(o *Options, _ *streams.Options) {
	o.Upstreams[0].Formats = append(slices.Clone(o.Upstreams[0].Formats), openai.New(openai.Options{}))
}

// completion is a request for a streamed chat completion of a model.
func completion(model string) request {
	body := `{"model":"` + model + `","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}`
	return request{method: "POST", url: "/openai/deployments/d/chat/completions?api-version=1", body: body}
}

// dataOf returns the data of the unnamed events of a stream.
func dataOf(t *testing.T, stream string) []string {
	t.Helper()
	var all []string
	for block := range strings.SplitSeq(strings.TrimSuffix(stream, "\n\n"), "\n\n") {
		data, ok := strings.CutPrefix(block, "data: ")
		if !ok || strings.Contains(data, "\n") {
			t.Errorf("got event %q", block)
		}
		all = append(all, data)
	}
	return all
}

// A chat completion is typed character by character, and ends as at the service.
func TestChatCompletion(t *testing.T) {
	for _, model := range []string{"gpt-4o", "deepseek-reasoner", "gemini-2.5-flash", "kimi-k2", "openrouter/auto"} {
		t.Run(model, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, openaimock.Dialect{}), withOpenAI)
				a := server.serve(context.Background(), t, completion(model))
				for name, prefix := range map[string]string{"X-Request-Id": "req_", "Openai-Processing-Ms": "12", "X-Ratelimit-Remaining-Requests": "9999"} {
					if got := a.header(name); !strings.HasPrefix(got, prefix) {
						t.Errorf("got %s %q, want %s", name, got, prefix)
					}
				}
				events := dataOf(t, a.text())
				if a.status != http.StatusOK || !a.complete || events[len(events)-1] != "[DONE]" {
					t.Fatalf("got status %d, complete %t, last %q", a.status, a.complete, events[len(events)-1])
				}
				content, finished, usages := "", 0, 0
				for _, data := range events[:len(events)-1] {
					text := gjson.Get(data, "choices.0.delta.content").Str
					if len([]rune(text)) > 4 { // lumps are typed fast
						t.Errorf("got %q in one event", text)
					}
					content += text
					if gjson.Get(data, "choices.0.finish_reason").Str != "" {
						finished++
					}
					if gjson.Get(data, "usage").IsObject() {
						usages++
					}
				}
				if !strings.HasPrefix(content, "You said: hi") || finished != 1 || usages != 1 {
					t.Errorf("got %q, %d ends and %d usages", content, finished, usages)
				}
			})
		})
	}
}

// A chat completion resumes behind any event, and repeats nothing.
func TestChatCompletionResumes(t *testing.T) {
	for _, model := range []string{"kimi-k2", "openrouter/auto"} {
		t.Run(model, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, openaimock.Dialect{}), withOpenAI)
				r := completion(model)
				r.header = map[string]string{"Typewriter-Event-Ids": "on"}
				full := strings.Split(strings.TrimSuffix(server.serve(t.Context(), t, r).text(), "\n\n"), "\n\n")
				for i := 0; i < len(full)-1; i += 7 {
					id, _, _ := strings.Cut(strings.TrimPrefix(full[i], "id: "), "\n")
					r.header["Last-Event-ID"] = id
					rest := strings.Split(strings.TrimSuffix(server.serve(t.Context(), t, r).text(), "\n\n"), "\n\n")
					if got, want := joined(rest), joined(full[i+1:]); got != want {
						t.Fatalf("after %s:\ngot  %s\nwant %s", full[i], got, want)
					}
				}
			})
		})
	}
}

// joined joins the fields of the deltas of a stream as an SDK does.
func joined(blocks []string) string {
	var role, content, reasoning, details, rest string
	for _, block := range blocks {
		_, data, _ := strings.Cut(block, "data: ")
		delta := gjson.Get(data, "choices.0.delta")
		role += delta.Get("role").Str
		content += delta.Get("content").Str
		reasoning += delta.Get("reasoning").Str
		details += delta.Get("reasoning_details.0.text").Str
		rest += gjson.Get(data, "choices.0.finish_reason").Str + strings.TrimPrefix(gjson.Get(data, "usage").Raw, "null")
	}
	return strings.Join([]string{role, content, reasoning, details, rest}, "|")
}

// A failed stream ends with an error and a broken body, a complete stream does not.
func TestChatCompletionFails(t *testing.T) {
	for _, test := range []struct {
		model, code string
		complete    bool
	}{
		{"cut", "cut", false},
		{"cut-early", "cut", false},
		{"no-done", "cut", false},
		{"hang", "idle_timeout", false},
		{"error-event", "model_overloaded", true}, // [DONE] follows the service's error
		{"error-last", "tool_use_failed", true},   // as the service ends it
		{"fastgpt", "", true},
	} {
		t.Run(test.model, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, openaimock.Dialect{}), withOpenAI)
				a := server.serve(context.Background(), t, completion(test.model))
				code := ""
				for block := range strings.SplitSeq(a.text(), "\n\n") {
					if _, data, _ := strings.Cut(block, "data: "); gjson.Get(data, "error").Exists() {
						code = gjson.Get(data, "error.code").Str
					}
				}
				if code != test.code || a.complete != test.complete {
					t.Errorf("got code %q, complete %t, want %q, %t", code, a.complete, test.code, test.complete)
				}
			})
		})
	}
}

// Refusals have the form of OpenAI's, and stop SDKs from repeating a request in vain.
func TestChatCompletionIsRefused(t *testing.T) {
	unreachable := testenv.RoundTripFunc(func(*http.Request) (*http.Response, error) { return nil, http.ErrServerClosed })
	for _, test := range []struct {
		name, url, body    string
		set                option
		status             int
		errorType          string
		shouldRetry, waits string
	}{
		{"no key", "", "{}", withKeys, 401, "authentication_error", "false", ""},
		{"a bad parameter", "?mode=x", "{}", nil, 400, "invalid_request_error", "false", ""},
		{"too large", "", strings.Repeat("x", 2<<20), nil, 413, "invalid_request_error", "false", ""},
		{"full", "", "{}", func(o *Options, _ *streams.Options) { o.MaxStreams = 0 }, 503, "server_error", "", "1"},
		{"rate limit", "", "{}", withoutRate, 429, "rate_limit_error", "", "60"},
		{"unreachable", "", "{}", nil, 502, "server_error", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			options := []option{withOpenAI}
			if test.set != nil {
				options = append(options, test.set)
			}
			_, server := newTestHandler(t, unreachable, options...)
			a := server.serve(t.Context(), t, request{method: "POST", url: "/v1/chat/completions" + test.url, body: test.body})
			if a.status != test.status || gjson.Get(a.text(), "error.type").Str != test.errorType || gjson.Get(a.text(), "error.message").Str == "" {
				t.Errorf("got %d %s, want %d %s", a.status, a.text(), test.status, test.errorType)
			}
			if got := a.header("X-Should-Retry"); got != test.shouldRetry {
				t.Errorf("got x-should-retry %q, want %q", got, test.shouldRetry)
			}
			if got := a.header("Retry-After"); got != test.waits {
				t.Errorf("got retry-after %q, want %q", got, test.waits)
			}
			if got := a.header("X-Request-Id"); len(got) != 26 {
				t.Errorf("got request id %q", got)
			}
		})
	}
}

// Replies without a stream pass byte for byte, with their request id.
func TestChatCompletionWithoutStream(t *testing.T) {
	_, server := newTestHandler(t, mock.New(1, openaimock.Dialect{}), withOpenAI)
	for _, test := range []struct {
		body   string
		status int
		want   string
	}{
		{`{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}`, 200, `{"id":"chatcmpl-`},
		{`{"model":"error-429","stream":true,"messages":[{"role":"user","content":"hi"}]}`, 429, `{"error":{"message":"Rate limit`},
	} {
		a := server.serve(t.Context(), t, request{method: "POST", url: "/v1/chat/completions", body: test.body})
		if a.status != test.status || !strings.HasPrefix(a.text(), test.want) || !strings.HasPrefix(a.header("X-Request-Id"), "req_") {
			t.Errorf("got %d %s with request id %q, want %d %s", a.status, a.text(), a.header("X-Request-Id"), test.status, test.want)
		}
	}
}

// withoutRate rejects every request for a minute.
func withoutRate(o *Options, _ *streams.Options) { o.Limiter = closedLimiter{} }

type closedLimiter struct{}

func (closedLimiter) Allow(context.Context, string) time.Duration { return time.Minute }

func (closedLimiter) Open(context.Context, string, string) (leave func(), ok bool) { return nil, false }

// A draining server refuses chats in the format of the request.
func TestChatCompletionWhileDraining(t *testing.T) {
	h, engine := newTestHandler(t, mock.New(1, openaimock.Dialect{}), withOpenAI)
	h.lifecycle.draining.Store(true)
	a := engine.serve(t.Context(), t, completion("gpt-4o"))
	if a.status != 503 || gjson.Get(a.text(), "error.type").Str != "server_error" || a.header("Retry-After") == "" || a.header("X-Should-Retry") != "" {
		t.Errorf("got %d %s %v", a.status, a.text(), a.fields)
	}
}

// The response to a malformed request stops SDKs from repeating the request.
func TestErrorReplyStopsRetries(t *testing.T) {
	reply := ErrorReply(openai.New(openai.Options{}))
	for status, want := range map[int]bool{http.StatusRequestHeaderFieldsTooLarge: true, http.StatusRequestTimeout: false} {
		if got := strings.Contains(string(reply(status)), "\r\nx-should-retry: false\r\n"); got != want {
			t.Errorf("%d: got %t, want %t", status, got, want)
		}
	}
}

// A stopped completion ends as one of the service does.
func TestChatCompletionStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, openaimock.Dialect{}), withOpenAI)
		r := completion("slow")
		r.header = map[string]string{"Typewriter-Event-Ids": "on"}
		stopped := false
		r.received = func(a answer) {
			if !stopped && len(a.chunks) > 5 {
				stopped = true
				server.serve(context.Background(), t, request{method: "DELETE", url: "/typewriter/streams/" + a.header("Typewriter-Stream")})
			}
		}
		began := time.Now()
		if a := server.serve(t.Context(), t, r); !a.complete || !strings.HasSuffix(a.text(), "\ndata: [DONE]\n\n") || time.Since(began) > 20*time.Second {
			t.Errorf("got complete %t after %v: %s", a.complete, time.Since(began), a.text())
		}
	})
}

// Silence is filled with empty lines between whole events.
func TestChatCompletionHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, openaimock.Dialect{}), withOpenAI)
		checkBeats(t, server.serve(context.Background(), t, completion("hang")))
	})
}
