package handler

import (
	"context"
	"io"
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
	difymock "sse-typewriter/mock/dify"
	"sse-typewriter/upstream/dify"
)

// withDify adds the format to those of a handler.
func withDify(o *Options, _ *streams.Options) {
	o.Upstreams[0].Formats = append(slices.Clone(o.Upstreams[0].Formats), dify.New(dify.Options{UserID: "u"}))
}

// difyRequest is a request with a question at a path.
func difyRequest(path, question string) request {
	body := `{"query":"` + question + `","inputs":{"q":"` + question + `"},"user":"me","response_mode":"streaming"}`
	return request{method: "POST", url: "/v1" + path, body: body}
}

// readDify returns the names of the events of a stream, runs of a name as one, and the text
// that a client shows at the end.
func readDify(t *testing.T, stream string) (names []string, text string) {
	t.Helper()
	for block := range strings.SplitSeq(strings.TrimSuffix(stream, "\n\n"), "\n\n") {
		if block == "event: ping" {
			continue
		}
		_, data, ok := strings.Cut(block, "data: ")
		if !ok || !gjson.Valid(data) {
			t.Fatalf("got event %q", block)
		}
		event := gjson.Parse(data)
		name := event.Get("event").Str
		switch name {
		case "message", "agent_message":
			text += event.Get("answer").Str
		case "text_chunk":
			text += event.Get("data.text").Str
		case "message_replace":
			text = event.Get("answer").Str
		}
		if len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
	}
	return names, text
}

// Each kind of app is typed, and its other events keep their places.
func TestDify(t *testing.T) {
	const echo = "You said: hi"
	for _, test := range []struct {
		name, path, question, names, text string
	}{
		{"a chat", "/chat-messages", "hi", "message message_end", echo},
		{"a completion", "/completion-messages", "hi", "message message_end", echo},
		{"an agent", "/chat-messages", "/agent hi", "agent_message agent_thought agent_message agent_thought message_end", "Let me look. " + echo},
		{"a chatflow", "/chat-messages", "/chatflow hi", "workflow_started node_started message node_finished node_started message node_finished message_end workflow_finished", echo},
		{"a reasoning", "/chat-messages", "/reasoning hi", "workflow_started node_started reasoning_chunk message node_finished node_started message node_finished message_end workflow_finished", echo},
		{"a workflow", "/workflows/run", "hi", "workflow_started node_started text_chunk node_finished workflow_finished", echo},
		{"a version of a workflow", "/workflows/77/run", "hi", "workflow_started node_started text_chunk node_finished workflow_finished", echo},
		{"a replacement", "/chat-messages", "/replace hi", "message message_replace message_end", "Your content violates"},
		{"audio", "/chat-messages", "/tts hi", "message tts_message message message_end tts_message tts_message_end", echo},
		{"heartbeats", "/chat-messages", "/ping hi", "message message_end", echo},
		{"a failed workflow", "/chat-messages", "/failed hi", "workflow_started node_started message workflow_finished", "You said"},
		{"a paused workflow", "/chat-messages", "/paused hi", "workflow_started node_started message workflow_paused", "Please decide."},
		{"a recovered chatflow", "/chat-messages", "/cut-chatflow hi", "workflow_started node_started message node_finished node_started node_finished message message_end workflow_finished", echo},
		{"a recovered workflow", "/workflows/run", "/cut hi", "workflow_started node_started text_chunk node_finished text_chunk workflow_finished", echo},
		{"a recovered workflow that ends early", "/workflows/run", "/no-done hi", "workflow_started node_started text_chunk node_finished text_chunk workflow_finished", echo},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, difymock.New()), withDify)
				a := server.serve(context.Background(), t, difyRequest(test.path, test.question))
				names, text := readDify(t, a.text())
				if got := strings.Join(names, " "); a.status != http.StatusOK || !a.complete || got != test.names || !strings.HasPrefix(text, test.text) {
					t.Errorf("got %d, complete %t, %q with %q; want %q with %q", a.status, a.complete, got, text, test.names, test.text)
				}
				if n := len(a.chunks); n < len([]rune(text))/2 {
					t.Errorf("got %q in %d writes", text, n)
				}
				if strings.Contains(a.text(), "event: ping\ndata") {
					t.Error("a heartbeat has data")
				}
			})
		})
	}
}

// A stream resumes behind any event, and repeats nothing.
func TestDifyResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, difymock.New()), withDify)
		r := difyRequest("/chat-messages", "/chatflow hi")
		r.header = map[string]string{"Typewriter-Event-Ids": "on"}
		full := strings.Split(strings.TrimSuffix(server.serve(t.Context(), t, r).text(), "\n\n"), "\n\n")
		for i := 0; i < len(full)-1; i += 9 {
			id, _, _ := strings.Cut(strings.TrimPrefix(full[i], "id: "), "\n")
			r.header["Last-Event-ID"] = id
			rest := strings.Split(strings.TrimSuffix(server.serve(t.Context(), t, r).text(), "\n\n"), "\n\n")
			gotNames, got := readDify(t, strings.Join(rest, "\n\n"))
			wantNames, want := readDify(t, strings.Join(full[i+1:], "\n\n"))
			if got != want || !slices.Equal(gotNames, wantNames) {
				t.Fatalf("after %s:\ngot  %q %s\nwant %q %s", full[i], gotNames, got, wantNames, want)
			}
		}
	})
}

// A failed stream ends with an error and a broken body, unless the service reports the error.
func TestDifyFails(t *testing.T) {
	for _, test := range []struct {
		scenario, code string
		complete       bool
	}{
		{"cut", "cut", false},
		{"cut-early", "cut", false},
		{"no-done", "cut", false},
		{"hang", "idle_timeout", false},
		{"error-event", "completion_request_error", true},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, difymock.New()), withDify)
				a := server.serve(context.Background(), t, difyRequest("/chat-messages", "/"+test.scenario+" hi"))
				blocks := strings.Split(strings.TrimSuffix(a.text(), "\n\n"), "\n\n")
				last := gjson.Parse(strings.TrimPrefix(blocks[len(blocks)-1], "data: "))
				if last.Get("event").Str != "error" || last.Get("code").Str != test.code || a.complete != test.complete {
					t.Errorf("got %s, complete %t; want code %s, %t", last.Raw, a.complete, test.code, test.complete)
				}
				if test.scenario != "cut-early" && last.Get("message_id").Str == "" {
					t.Errorf("got %s without a message", last.Raw)
				}
			})
		})
	}
}

// A silent stream has the service's heartbeats, without data.
func TestDifyHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, difymock.New()), withDify)
		a := server.serve(context.Background(), t, difyRequest("/chat-messages", "/stall hi"))
		if n := strings.Count(a.text(), "\n\nevent: ping\n\n"); n != 1 || !a.complete {
			t.Errorf("got %d heartbeats, complete %t", n, a.complete)
		}
	})
}

// Stopping a stream stops the task at the service, with the user of the request.
func TestDifyIsStopped(t *testing.T) {
	for _, test := range []struct{ path, want, last string }{
		{"/chat-messages", `/stop {"user":"me"}`, "message_end"},
		{"/workflows/run", `/stop {"user":"me"}`, "workflow_finished"},
	} {
		t.Run(test.path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				standIn := mock.New(1, difymock.New())
				var stops []string
				_, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
					if strings.HasSuffix(r.URL.Path, "/stop") {
						body, err := io.ReadAll(r.Body)
						if err != nil {
							return nil, err
						}
						stops = append(stops, r.URL.Path+" "+string(body))
						r.Body = io.NopCloser(strings.NewReader(string(body)))
					}
					return standIn.RoundTrip(r)
				}), withDify)
				r := difyRequest(test.path, "/slow hi")
				r.header = map[string]string{"Typewriter-Event-Ids": "on"}
				r.received = func(a answer) {
					if len(stops) == 0 && strings.Contains(a.text(), `"t`) && len(a.chunks) > 4 {
						server.serve(context.Background(), t, request{method: "DELETE", url: "/typewriter/streams/" + a.header("Typewriter-Stream")})
					}
				}
				began := time.Now()
				a := server.serve(t.Context(), t, r)
				if names, _ := readDify(t, a.text()); names[len(names)-1] != test.last {
					t.Errorf("got %q, want %s at the end", names, test.last)
				}
				task := gjson.Get(strings.SplitN(a.text(), "data: ", 2)[1], "task_id").Str
				if len(stops) != 1 || !strings.HasSuffix(stops[0], "/"+task+test.want) || !a.complete || time.Since(began) > 10*time.Second {
					t.Errorf("got stops %q of task %s, complete %t after %v", stops, task, a.complete, time.Since(began))
				}
			})
		})
	}
}

// Refusals have the form of the service's, and replies without a stream pass unchanged.
func TestDifyIsRefused(t *testing.T) {
	blocking := difyRequest("/chat-messages", "hi")
	blocking.body = strings.Replace(blocking.body, "streaming", "blocking", 1)
	for _, test := range []struct {
		name   string
		r      request
		set    option
		status int
		code   string
	}{
		{"by the service", difyRequest("/chat-messages", "/error-400 hi"), nil, 400, "app_unavailable"},
		{"by the service, busy", difyRequest("/workflows/run", "/error-429 hi"), nil, 429, "too_many_requests"},
		{"rate limit", difyRequest("/chat-messages", "hi"), withoutRate, 429, "too_many_requests"},
		{"no key", difyRequest("/completion-messages", "hi"), withKeys, 401, "unauthorized"},
		{"full", difyRequest("/workflows/run", "hi"), func(o *Options, _ *streams.Options) { o.MaxStreams = 0 }, 503, "max_streams"},
		{"not a stream", blocking, nil, 200, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			set := test.set
			if set == nil {
				set = func(*Options, *streams.Options) {}
			}
			_, server := newTestHandler(t, mock.New(1, difymock.New()), withDify, set)
			a := server.serve(t.Context(), t, test.r)
			body := gjson.Parse(a.text())
			if a.status != test.status || body.Get("code").Str != test.code || test.code != "" && (body.Get("message").Str == "" || body.Get("status").Int() != int64(test.status)) {
				t.Errorf("got %d %s", a.status, a.text())
			}
		})
	}
}

// The events of a run, which a client requests after a pause for example, are typed too.
func TestDifyRunEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, difymock.New()), withDify)
		r := difyRequest("/workflows/run", "hi")
		var events answer
		r.received = func(a answer) {
			if events.status == 0 && len(a.chunks) == 4 {
				run := gjson.Get(strings.SplitN(a.text(), "data: ", 2)[1], "workflow_run_id").Str
				events = server.serve(context.Background(), t, request{method: "GET", url: "/v1/workflow/" + run + "/events?user=me"})
			}
		}
		server.serve(t.Context(), t, r)
		names, text := readDify(t, events.text())
		if got := strings.Join(names, " "); events.status != http.StatusOK || got != "workflow_started node_started text_chunk node_finished workflow_finished" || len(events.chunks) < len([]rune(text))/2 {
			t.Errorf("got %d %q with %q in %d writes", events.status, got, text, len(events.chunks))
		}
	})
}
