package handler

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/testenv"
	"sse-typewriter/mock"
	anthropicmock "sse-typewriter/mock/anthropic"
	"sse-typewriter/upstream/anthropic"
)

// withAnthropic adds the format to those of a handler.
func withAnthropic(o *Options, _ *streams.Options) {
	o.Upstreams[0].Formats = append(slices.Clone(o.Upstreams[0].Formats), anthropic.New(anthropic.Options{}))
}

// messagesRequest is a request for a streamed message of a model.
func messagesRequest(model string) request {
	return request{
		method: "POST", url: "/anthropic/v1/messages?beta=true",
		header: map[string]string{"anthropic-version": "2023-06-01"},
		body:   `{"model":"` + model + `","max_tokens":99,"stream":true,"messages":[{"role":"user","content":"hi"}]}`,
	}
}

// namedEvent is an event with a name.
type namedEvent struct{ id, name, data string }

// namedEvents returns the events of a stream, each of which must have a name.
func namedEvents(t *testing.T, stream string) []namedEvent {
	t.Helper()
	var all []namedEvent
	for block := range strings.SplitSeq(strings.TrimSuffix(stream, "\n\n"), "\n\n") {
		e := namedEvent{}
		if numbered, ok := strings.CutPrefix(block, "id: "); ok {
			e.id, block, _ = strings.Cut(numbered, "\n")
		}
		var ok bool
		e.name, e.data, ok = strings.Cut(strings.TrimPrefix(block, "event: "), "\n")
		_, e.data, _ = strings.Cut(e.data, "data: ") // a retry time may precede
		if !ok || gjson.Get(e.data, "type").Str != e.name || strings.Contains(e.data, "\n") {
			t.Errorf("got event %q", block)
		}
		all = append(all, e)
	}
	return all
}

// joinedBlocks joins the deltas of each block, as an SDK does. All other events are kept as
// they are.
func joinedBlocks(events []namedEvent) string {
	var out strings.Builder
	last := ""
	for _, e := range events {
		delta := gjson.Get(e.data, "delta")
		text := delta.Get("text").Str + delta.Get("thinking").Str
		if text == "" {
			last = ""
			out.WriteString("\n" + e.data)
			continue
		}
		if block := gjson.Get(e.data, "index").Raw + delta.Get("type").Str; block != last {
			last = block
			out.WriteString("\n" + block + " ")
		}
		out.WriteString(text)
	}
	return out.String()
}

// A message is typed character by character, and otherwise passes unchanged.
func TestMessages(t *testing.T) {
	for _, model := range []string{"claude-sonnet", "claude-thinking", "claude-lumps", "citations", "tool-use"} {
		t.Run(model, func(t *testing.T) {
			var raw string
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, anthropicmock.Dialect{}), withAnthropic)
				r := messagesRequest(model)
				r.url += "&mode=raw"
				raw = joinedBlocks(namedEvents(t, server.serve(context.Background(), t, r).text()))
			})
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, anthropicmock.Dialect{}), withAnthropic)
				a := server.serve(context.Background(), t, messagesRequest(model))
				for name, prefix := range map[string]string{"Request-Id": "req_", "Anthropic-Ratelimit-Requests-Remaining": "9999"} {
					if got := a.header(name); !strings.HasPrefix(got, prefix) {
						t.Errorf("got %s %q, want %s", name, got, prefix)
					}
				}
				events := namedEvents(t, a.text())
				if a.status != http.StatusOK || !a.complete || events[len(events)-1].name != "message_stop" {
					t.Fatalf("got status %d, complete %t, last %v", a.status, a.complete, events[len(events)-1])
				}
				for _, e := range events {
					if text := gjson.Get(e.data, "delta.text").Str; len([]rune(text)) > 4 { // lumps are typed fast
						t.Errorf("got %q in one event", text)
					}
				}
				if got := joinedBlocks(events); got != raw || !strings.Contains(got, "e") {
					t.Errorf("got  %s\nwant %s", got, raw)
				}
			})
		})
	}
}

// A stream resumes behind any event, for its client and for another viewer, and repeats
// nothing.
func TestMessagesResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, anthropicmock.Dialect{}), withAnthropic)
		r := messagesRequest("claude-thinking")
		r.header["Typewriter-Event-Ids"] = "on"
		first := server.serve(t.Context(), t, r)
		full := namedEvents(t, first.text())
		viewer := request{method: "GET", url: "/typewriter/streams/" + first.header("Typewriter-Stream")}
		_, watched, _ := strings.Cut(server.serve(t.Context(), t, viewer).text(), "\n\n") // the first event only has an id
		if got, want := joinedBlocks(namedEvents(t, watched)), joinedBlocks(full); got != want {
			t.Errorf("a viewer got\n%s\nwant\n%s", got, want)
		}
		for i := 0; i < len(full)-1; i += 9 {
			r.header["Last-Event-ID"] = full[i].id
			rest := namedEvents(t, server.serve(t.Context(), t, r).text())
			if got, want := joinedBlocks(rest), joinedBlocks(full[i+1:]); got != want {
				t.Fatalf("after %v:\ngot  %s\nwant %s", full[i], got, want)
			}
		}
	})
}

// A stopped stream ends as a complete one does.
func TestMessagesStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, anthropicmock.Dialect{}), withAnthropic)
		r := messagesRequest("slow")
		r.header["Prefer"] = "respond-async"
		id := gjson.Get(server.serve(t.Context(), t, r).text(), "stream").Str
		time.Sleep(3 * time.Second)
		stop := request{method: "DELETE", url: "/typewriter/streams/" + id}
		if a := server.serve(t.Context(), t, stop); a.status != http.StatusNoContent && a.status != http.StatusOK {
			t.Fatalf("got status %d", a.status)
		}
		a := server.serve(t.Context(), t, request{method: "GET", url: "/typewriter/streams/" + id})
		_, text, _ := strings.Cut(a.text(), "\n\n")
		events := namedEvents(t, text)
		last := events[len(events)-2:]
		if last[0].name != "content_block_stop" || last[1].data != `{"type":"message_stop"}` || !a.complete || len(events) < 6 {
			t.Errorf("got %d events, the last ones %v", len(events), last)
		}
	})
}

// A failed stream ends with an error and a broken body, a complete stream does not.
func TestMessagesFail(t *testing.T) {
	for _, test := range []struct {
		model, errorType, code string
		complete               bool
	}{
		{"cut", "api_error", "cut", false},
		{"cut-early", "api_error", "cut", false},
		{"no-stop", "api_error", "cut", false},
		{"hang", "timeout_error", "idle_timeout", false},
		{"error-event", "overloaded_error", "", true}, // as the service ends it
		{"claude-sonnet", "", "", true},
	} {
		t.Run(test.model, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, anthropicmock.Dialect{}), withAnthropic)
				a := server.serve(context.Background(), t, messagesRequest(test.model))
				events := namedEvents(t, a.text())
				failure := gjson.Get(events[len(events)-1].data, "error")
				if failure.Get("type").Str != test.errorType || failure.Get("code").Str != test.code || a.complete != test.complete {
					t.Errorf("got %s, complete %t, want %s, %s, %t", failure.Raw, a.complete, test.errorType, test.code, test.complete)
				}
			})
		})
	}
}

// Silence is filled with pings.
func TestMessagesHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, anthropicmock.Dialect{}), withAnthropic)
		pings := 0
		for _, e := range namedEvents(t, server.serve(context.Background(), t, messagesRequest("stall")).text()) {
			if e.name == "ping" {
				pings++
			}
		}
		if pings != 2 { // one of the service, and one in 20 seconds
			t.Errorf("got %d pings, want 2", pings)
		}
	})
}

// Refusals have the form of Anthropic's, and stop SDKs from repeating a request in vain.
func TestMessagesAreRefused(t *testing.T) {
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
		{"too large", "", strings.Repeat("x", 2<<20), nil, 413, "request_too_large", "false", ""},
		{"full", "", "{}", func(o *Options, _ *streams.Options) { o.MaxStreams = 0 }, 503, "overloaded_error", "", "1"},
		{"rate limit", "", "{}", withoutRate, 429, "rate_limit_error", "", "60"},
		{"unreachable", "", "{}", nil, 502, "api_error", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			options := []option{withAnthropic}
			if test.set != nil {
				options = append(options, test.set)
			}
			_, server := newTestHandler(t, unreachable, options...)
			r := request{method: "POST", url: "/v1/messages" + test.url, body: test.body, header: map[string]string{"anthropic-version": "2023-06-01"}}
			a := server.serve(t.Context(), t, r)
			body := gjson.Parse(a.text())
			if a.status != test.status || body.Get("type").Str != "error" || body.Get("error.type").Str != test.errorType || body.Get("error.message").Str == "" {
				t.Errorf("got %d %s, want %d %s", a.status, a.text(), test.status, test.errorType)
			}
			if got := a.header("X-Should-Retry"); got != test.shouldRetry {
				t.Errorf("got x-should-retry %q, want %q", got, test.shouldRetry)
			}
			if got := a.header("Retry-After"); got != test.waits {
				t.Errorf("got retry-after %q, want %q", got, test.waits)
			}
			if got := a.header("Request-Id"); len(got) != 26 || body.Get("request_id").Str != got {
				t.Errorf("got request id %q and %s", got, a.text())
			}
		})
	}
}

// A request without the version or a key is not recognized.
func TestMessagesNeedAHeader(t *testing.T) {
	_, server := newTestHandler(t, mock.New(1, anthropicmock.Dialect{}), withAnthropic)
	r := messagesRequest("claude-sonnet")
	r.header = nil
	a := server.serve(t.Context(), t, r)
	if a.status != http.StatusBadRequest || !strings.Contains(a.text(), "anthropic-version") || a.header("Typewriter-Stream") != "" {
		t.Errorf("got %d %s", a.status, a.text())
	}
}
