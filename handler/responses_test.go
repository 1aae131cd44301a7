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
	responsesmock "sse-typewriter/mock/openai/responses"
	"sse-typewriter/upstream/openai"
	"sse-typewriter/upstream/openai/responses"
)

// withResponses adds the format to those of a handler.
func withResponses(o *Options, _ *streams.Options) {
	o.Upstreams[0].Formats = append(slices.Clone(o.Upstreams[0].Formats), responses.New(openai.Options{}))
}

// responseOf is a request for a streamed response of a model.
func responseOf(model, fields string) request {
	return request{method: "POST", url: "/openai/v1/responses?api-version=1", body: `{"model":"` + model + `","stream":true,"input":"hi"` + fields + `}`}
}

// responseEvent is an event of a stream.
type responseEvent struct{ id, name, data string }

func responseEvents(stream string) []responseEvent {
	var all []responseEvent
	for block := range strings.SplitSeq(strings.TrimSuffix(stream, "\n\n"), "\n\n") {
		var e responseEvent
		for line := range strings.Lines(block) {
			field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			switch field {
			case "id":
				e.id = value
			case "event":
				e.name = value
			case "data":
				e.data = value
			}
		}
		all = append(all, e)
	}
	return all
}

// responseText joins the texts of a stream's deltas, with their types between them.
func responseText(events []responseEvent) string {
	var text strings.Builder
	last := ""
	for _, e := range events {
		eventType := gjson.Get(e.data, "type").Str
		if delta, ok := strings.CutSuffix(eventType, ".delta"); ok {
			if delta != last {
				text.WriteString("[" + strings.TrimPrefix(delta, "response.") + "]")
			}
			text.WriteString(gjson.Get(e.data, "delta").Str)
			last = delta
		}
	}
	return text.String()
}

// A response is typed character by character, and its other events are in their places.
func TestResponse(t *testing.T) {
	for _, test := range []struct{ model, want string }{
		{"gpt-5", "[reasoning_summary_text]The user asks a question. What do they want to know, and how long should the answer be 🤔?[output_text]You said: hi"},
		{"deepseek-reasoner", "[reasoning_text]The user asks"},
		{"openrouter/auto", "[reasoning_text]The user asks"},
		{"search", "[output_text]You said: hi"},
		{"refusal", "[refusal]I'm sorry"},
		{"tool-call", `[output_text]Let me look that up. 稍等。[function_call_arguments]{"city":"杭州","unit":"celsius"}`},
	} {
		t.Run(test.model, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, &responsesmock.Dialect{}), withResponses)
				a := server.serve(context.Background(), t, responseOf(test.model, ""))
				events := responseEvents(a.text())
				if text := responseText(events); a.status != http.StatusOK || !a.complete || !strings.HasPrefix(text, test.want) || !strings.HasPrefix(a.header("X-Request-Id"), "req_") {
					t.Fatalf("got status %d, complete %t, %q; want %q", a.status, a.complete, text, test.want)
				}
				number, texts := int64(0), map[string]string{}
				for _, e := range events {
					event := gjson.Parse(e.data)
					eventType, n := event.Get("type").Str, event.Get("sequence_number").Int()
					if isNamed := test.model != "openrouter/auto"; isNamed && e.name != eventType || !isNamed && e.name != "" {
						t.Errorf("got name %q of %s", e.name, eventType)
					}
					part := strings.TrimSuffix(strings.TrimSuffix(eventType, ".delta"), ".done") + event.Get("item_id").Str
					switch {
					case e.data == "[DONE]":
						continue
					case n != number && n != number+1:
						t.Errorf("got number %d after %d", n, number)
					case strings.HasSuffix(eventType, ".delta"):
						texts[part] += event.Get("delta").Str
					case strings.HasSuffix(eventType, ".done"):
						if whole := event.Get("text").Str + event.Get("refusal").Str + event.Get("arguments").Str; whole != texts[part] {
							t.Errorf("got %s with %q after %q", eventType, whole, texts[part])
						}
					}
					number = n
				}
				if last := events[len(events)-1]; last.name != "response.completed" && last.data != "[DONE]" {
					t.Errorf("the last event is %s", last.data)
				}
			})
		})
	}
}

// A response resumes behind any event, and repeats nothing.
func TestResponseResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, &responsesmock.Dialect{}), withResponses)
		r := responseOf("gpt-5", `,"include":["message.output_text.logprobs"]`)
		r.header = map[string]string{"Typewriter-Event-Ids": "on"}
		full := responseEvents(server.serve(t.Context(), t, r).text())
		tokens := func(events []responseEvent) (all string) {
			for _, e := range events {
				all += gjson.Get(e.data, "logprobs.#.token").Raw
			}
			return strings.ReplaceAll(all, "[]", "")
		}
		for i := 0; i < len(full)-1; i += 7 {
			r.header["Last-Event-ID"] = full[i].id
			rest := responseEvents(server.serve(t.Context(), t, r).text())
			if got, want := responseText(rest), responseText(full[i+1:]); got != want || tokens(rest) != tokens(full[i+1:]) {
				t.Fatalf("after %s:\ngot  %s %s\nwant %s %s", full[i].id, got, tokens(rest), want, tokens(full[i+1:]))
			}
		}
	})
}

// A failed response ends with an error, the failed response and a broken body.
func TestResponseFails(t *testing.T) {
	for _, test := range []struct {
		model, fields, code string
		complete            bool
	}{
		{"cut", "", "cut", false},
		{"cut-early", "", "cut", false},
		{"no-done", "", "cut", false},
		{"hang", "", "idle_timeout", false},
		{"error-event", "", "server_error", true}, // as the service ends it
		{"cut", `,"background":true`, "", true},
		{"cut-twice", `,"background":true`, "", true},
		{"incomplete", "", "", true},
	} {
		t.Run(test.model+test.fields, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, &responsesmock.Dialect{}), withResponses)
				a := server.serve(context.Background(), t, responseOf(test.model, test.fields))
				events := responseEvents(a.text())
				failed, last := events[len(events)-2], events[len(events)-1]
				code := gjson.Get(failed.data, "error.code").Str
				if code != test.code || a.complete != test.complete {
					t.Errorf("got code %q, complete %t; want %q, %t", code, a.complete, test.code, test.complete)
				}
				if test.code != "" && (failed.name != "error" || last.name != "response.failed" || gjson.Get(last.data, "response.error.code").Str != test.code ||
					gjson.Get(last.data, "response.id").Str != gjson.Get(events[0].data, "response.id").Str) {
					t.Errorf("got %s\n%s", failed.data, last.data)
				}
			})
		})
	}
}

// A stored response is streamed again behind an event, typed and with ids of its own. Other
// requests about it are forwarded.
func TestResponseAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, &responsesmock.Dialect{}), withResponses)
		full := responseEvents(server.serve(t.Context(), t, responseOf("gpt-4o", `,"background":true`)).text())
		id := gjson.Get(full[0].data, "response.id").Str
		a := server.serve(t.Context(), t, request{method: "GET", url: "/v1/responses/" + id + "?stream=true&starting_after=5", header: map[string]string{"Typewriter-Event-Ids": "on"}})
		events := responseEvents(a.text())
		rest := slices.DeleteFunc(slices.Clone(full), func(e responseEvent) bool { return gjson.Get(e.data, "sequence_number").Int() <= 5 })
		if got, want := responseText(events), responseText(rest); got != want || got == "" || len([]rune(gjson.Get(events[2].data, "delta").Str)) > 4 {
			t.Errorf("got %q, want %q", got, want)
		}
		if events[0].id == "" || events[0].data == "" || !a.complete { // SDKs fail at an event without data
			t.Errorf("got id %q with %q, complete %t", events[0].id, events[0].data, a.complete)
		}
		for _, test := range []struct {
			method, path string
			status       int
			want         string
		}{
			{"GET", "", 200, `"status":"completed"`},
			{"GET", "?stream=false", 200, `"status":"completed"`},
			{"POST", "/cancel", 200, `"status":"completed"`},
			{"DELETE", "", 405, "Not allowed to DELETE"},
		} {
			a := server.serve(t.Context(), t, request{method: test.method, url: "/v1/responses/" + id + test.path})
			if a.status != test.status || !strings.Contains(a.text(), test.want) || a.header("Typewriter-Stream") != "" || !strings.HasPrefix(a.header("X-Request-Id"), "req_") {
				t.Errorf("%s %s: got %d %s, want %d %s", test.method, test.path, a.status, a.text(), test.status, test.want)
			}
		}
	})
}

// Stopping a stream cancels a response in the background at the service, with the credential
// of its request, and ends the stream in order.
func TestResponseStops(t *testing.T) {
	for _, test := range []struct {
		name, fields string
		want         []string
	}{
		{"in the background", `,"background":true`, []string{"POST /openai/v1/responses/ID/cancel?api-version=1 Bearer k"}},
		{"another", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked []string
				standIn := mock.New(1, &responsesmock.Dialect{})
				h, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
					if strings.HasSuffix(r.URL.Path, "/cancel") {
						asked = append(asked, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Authorization"))
					}
					return standIn.RoundTrip(r)
				}), withResponses)
				r := responseOf("slow", test.fields)
				r.header = map[string]string{"Authorization": "Bearer k", "Typewriter-Event-Ids": "on"}
				var stream answer
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					server.serveTo(t.Context(), t, r, &stream)
				}()
				time.Sleep(3 * time.Second)
				synctest.Wait()
				stop := request{method: "DELETE", url: streamsPath + stream.header("Typewriter-Stream"), header: map[string]string{"Authorization": "Bearer k"}}
				if a := server.serve(t.Context(), t, stop); a.status != http.StatusNoContent {
					t.Errorf("got %d %s", a.status, a.text())
				}
				<-ended
				events := responseEvents(stream.text())
				last := events[len(events)-1]
				if last.name != "response.incomplete" || gjson.Get(last.data, "response.incomplete_details.reason").Str != "cancelled" || !stream.complete {
					t.Errorf("the stream ends with %s, complete %t", last.data, stream.complete)
				}
				id := gjson.Get(events[0].data, "response.id").Str
				for i := range asked {
					asked[i] = strings.Replace(asked[i], id, "ID", 1)
				}
				if !slices.Equal(asked, test.want) {
					t.Errorf("got requests %q, want %q", asked, test.want)
				}
				_ = h.lifecycle.inflight.Wait(t.Context())
			})
		})
	}
}

// A response that a client cancels at the service, through the server, ends in order although
// its stream is cut.
func TestResponseIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, &responsesmock.Dialect{}), withResponses)
		var stream answer
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			server.serveTo(t.Context(), t, responseOf("cut", `,"background":true`), &stream)
		}()
		time.Sleep(time.Second)
		synctest.Wait()
		id := gjson.Get(responseEvents(stream.text())[0].data, "response.id").Str
		if a := server.serve(t.Context(), t, request{method: "POST", url: "/v1/responses/" + id + "/cancel"}); a.status != 200 || gjson.Get(a.text(), "status").Str != "cancelled" {
			t.Fatalf("got %d %s", a.status, a.text())
		}
		<-ended
		events := responseEvents(stream.text())
		if last := events[len(events)-1]; !stream.complete || last.name != "response.incomplete" || gjson.Get(last.data, "response.status").Str != "cancelled" {
			t.Errorf("the stream ends with %s, complete %t", last.data, stream.complete)
		}
	})
}

func TestResponseHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, &responsesmock.Dialect{}), withResponses)
		checkBeats(t, server.serve(context.Background(), t, responseOf("hang", "")))
	})
}

// Refusals have the form of OpenAI's, also for a stored response.
func TestResponseIsRefused(t *testing.T) {
	unreachable := testenv.RoundTripFunc(func(*http.Request) (*http.Response, error) { return nil, http.ErrServerClosed })
	for _, test := range []struct {
		name, method, url string
		set               option
		status            int
		errorType         string
	}{
		{"no key", "POST", "/v1/responses", withKeys, 401, "authentication_error"},
		{"a bad parameter", "POST", "/v1/responses?mode=x", nil, 400, "invalid_request_error"},
		{"rate limit", "POST", "/v1/responses", withoutRate, 429, "rate_limit_error"},
		{"unreachable", "POST", "/v1/responses", nil, 502, "server_error"},
		{"no key for a stored response", "GET", "/v1/responses/r?stream=true", withKeys, 401, "authentication_error"},
		{"unreachable with a stored response", "GET", "/v1/responses/r?stream=true", nil, 502, "server_error"},
		{"unreachable with another request about it", "GET", "/v1/responses/r", nil, 502, "server_error"},
		{"unreachable to cancel it", "POST", "/v1/responses/r/cancel", nil, 502, "server_error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			options := []option{withResponses}
			if test.set != nil {
				options = append(options, test.set)
			}
			_, server := newTestHandler(t, unreachable, options...)
			r := request{method: test.method, url: test.url}
			if test.method == "POST" {
				r.body = "{}"
			}
			a := server.serve(t.Context(), t, r)
			if a.status != test.status || gjson.Get(a.text(), "error.type").Str != test.errorType || gjson.Get(a.text(), "error.message").Str == "" || len(a.header("X-Request-Id")) != 26 {
				t.Errorf("got %d %s, want %d %s", a.status, a.text(), test.status, test.errorType)
			}
		})
	}
}

// Another viewer gets the whole response, in the same format.
func TestResponseViewers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, &responsesmock.Dialect{}), withResponses)
		r := responseOf("gpt-5", "")
		r.header = map[string]string{"Typewriter-Event-Ids": "on"}
		full := server.serve(t.Context(), t, r)
		a := server.serve(t.Context(), t, request{method: "GET", url: streamsPath + full.header("Typewriter-Stream") + "?mode=raw"})
		first, second := responseEvents(full.text()), responseEvents(a.text())
		if got, want := responseText(second), responseText(first); got != want || second[len(second)-1].data != first[len(first)-1].data {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
