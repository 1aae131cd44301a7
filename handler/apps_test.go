package handler

import (
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
	appsmock "sse-typewriter/mock/apps"
	ollamamock "sse-typewriter/mock/ollama"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/agui"
	"sse-typewriter/upstream/aisdk"
	"sse-typewriter/upstream/ollama"
)

// withApps makes the AI SDK's format the default one, and adds AG-UI and Ollama.
func withApps(o *Options, _ *streams.Options) {
	formats := upstream.Formats{aisdk.New(aisdk.Options{}), agui.New(agui.Options{}), ollama.New(ollama.Options{})}
	o.Upstreams[0].Formats = append(formats, o.Upstreams[0].Formats...)
}

// withUIMessages adds the AI SDK's format behind the others.
func withUIMessages(o *Options, _ *streams.Options) {
	o.Upstreams[0].Formats = append(o.Upstreams[0].Formats, aisdk.New(aisdk.Options{}))
}

// appsMock returns a stand-in of apps.
func appsMock() *mock.StandIn {
	return mock.New(1, appsmock.UIMessages{Others: ollamamock.Dialect{}}, appsmock.AGUI{})
}

// uiChat is a request of useChat, and agentRun one of an AG-UI client.
func uiChat(message string) request {
	return request{method: "POST", url: "/api/chat", body: `{"id":"c1","trigger":"submit-message","messages":[{"id":"m1","role":"user","parts":[{"type":"text","text":"` + message + `"}]}]}`}
}

func agentRun(message string) request {
	return request{method: "POST", url: "/any/ag-ui", body: `{"threadId":"t1","runId":"r1","state":{},"messages":[{"id":"m1","role":"user","content":"` + message + `"}],"tools":[],"context":[],"forwardedProps":{}}`}
}

// deltasOf joins the deltas of the events of each type.
func deltasOf(t *testing.T, events []string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, data := range events {
		if delta := gjson.Get(data, "delta"); delta.Type == gjson.String {
			if len([]rune(delta.Str)) > 4 && !strings.Contains(strings.ToLower(gjson.Get(data, "type").Str), "reasoning") {
				t.Errorf("got %q in one event", delta.Str)
			}
			all[gjson.Get(data, "type").Str] += delta.Str
		}
	}
	return all
}

// A stream of an app is typed at any path, though the path of useChat is that of Ollama.
func TestApps(t *testing.T) {
	for _, test := range []struct {
		name             string
		question         func(string) request
		answer, thoughts string
		first, last      string
	}{
		{"AI SDK", uiChat, "text-delta", "reasoning-delta", `{"type":"start","messageId":"msg-standin"}`, "[DONE]"},
		{"AG-UI", agentRun, "TEXT_MESSAGE_CONTENT", "REASONING_MESSAGE_CONTENT", `{"type":"RUN_STARTED","runId":"r1","threadId":"t1"}`, `{"type":"RUN_FINISHED","runId":"r1","threadId":"t1"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, appsMock(), withApps)
				a := server.serve(t.Context(), t, test.question("/thinking hi"))
				events := dataOf(t, a.text())
				texts := deltasOf(t, events)
				if !strings.HasPrefix(texts[test.answer], "You said: hi") || !strings.HasPrefix(texts[test.thoughts], "The user asks") {
					t.Errorf("got %v", texts)
				}
				if a.status != http.StatusOK || !a.complete || events[0] != test.first || events[len(events)-1] != test.last {
					t.Errorf("got %d, complete %t, from %s to %s", a.status, a.complete, events[0], events[len(events)-1])
				}
				if got, want := a.header("X-Vercel-Ai-Ui-Message-Stream"), map[bool]string{true: "v1"}[test.name == "AI SDK"]; got != want {
					t.Errorf("got header %q, want %q", got, want)
				}
			})
		})
	}
}

// Ollama's chats are told from those of the AI SDK at the same path.
func TestChatsAtOnePath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, appsMock(), withOllama, withUIMessages)
		if a := server.serve(t.Context(), t, ollamaChat("llama3.2")); a.header("Content-Type") != "application/x-ndjson" || !strings.Contains(a.text(), `"content":"Y"`) {
			t.Errorf("got %q", a.text())
		}
		if a := server.serve(t.Context(), t, uiChat("hi")); a.header("Content-Type") != "text/event-stream; charset=utf-8" || !strings.Contains(a.text(), `"delta":"Y"`) {
			t.Errorf("got %q", a.text())
		}
	})
}

// At the usual path, a stream without the header passes byte for byte.
func TestOtherStreamAtUsualPath(t *testing.T) {
	const stream = "data:{\"type\":\"text-delta\",\"id\":\"0\",\"delta\":\"ab\"}\n\n"
	_, server := newTestHandler(t, newApp(stream), withApps)
	if a := server.serve(t.Context(), t, uiChat("hi")); a.text() != stream {
		t.Errorf("got %q, want %q", a.text(), stream)
	}
}

// A compressed stream passes at the path that has another framing.
func TestCompressedUIMessages(t *testing.T) {
	const stream = "compressed\n\n"
	_, server := newTestHandler(t, newApp(stream, "X-Vercel-Ai-Ui-Message-Stream", "v1", "Content-Encoding", "br"), withOllama, withUIMessages)
	if a := server.serve(t.Context(), t, uiChat("hi")); a.status != http.StatusOK || a.text() != stream || a.header("Content-Encoding") != "br" {
		t.Errorf("got %d %q", a.status, a.text())
	}
}

// A failed stream ends with an error of its format, and properly: both clients report the error.
func TestAppsFail(t *testing.T) {
	for _, test := range []struct {
		scenario, msg string
	}{
		{"/cut hi", "upstream ended mid-stream"},
		{"/cut-early hi", "upstream ended mid-stream"},
		{"/no-end hi", "upstream ended mid-stream"},
		{"/hang hi", "upstream stalled mid-stream"},
		{"/error-event hi", "the model is overloaded"},
		{"hi", ""},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, appsMock(), withApps, func(o *Options, _ *streams.Options) { o.Heartbeat = time.Hour })
				ui := server.serve(t.Context(), t, uiChat(test.scenario))
				events, failed := dataOf(t, ui.text()), ""
				for _, data := range events {
					failed += gjson.Get(data, "errorText").Str
				}
				if failed != test.msg || !ui.complete || events[len(events)-1] != "[DONE]" {
					t.Errorf("AI SDK: got %q, complete %t, last %s", failed, ui.complete, events[len(events)-1])
				}
				run := server.serve(t.Context(), t, agentRun(test.scenario))
				events = dataOf(t, run.text())
				last := events[len(events)-1]
				if gjson.Get(last, "message").Str != test.msg || (gjson.Get(last, "type").Str == "RUN_ERROR") != (test.msg != "") || !run.complete {
					t.Errorf("AG-UI: got %s, complete %t", last, run.complete)
				}
			})
		})
	}
}

// A stream of an app resumes behind any event.
func TestAppsResume(t *testing.T) {
	for name, question := range map[string]func(string) request{"AI SDK": uiChat, "AG-UI": agentRun} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, appsMock(), withApps)
				r := question("/thinking hi")
				r.header = map[string]string{"Typewriter-Event-Ids": "on"}
				full := strings.Split(strings.TrimSuffix(server.serve(t.Context(), t, r).text(), "\n\n"), "\n\n")
				for i := 1; i < len(full)-1; i += 9 {
					id, _, _ := strings.Cut(strings.TrimPrefix(full[i], "id: "), "\n")
					r.header["Last-Event-ID"] = id
					rest := strings.Split(strings.TrimSuffix(server.serve(t.Context(), t, r).text(), "\n\n"), "\n\n")
					if got, want := appText(rest), appText(full[i+1:]); got != want {
						t.Fatalf("after %s:\ngot  %s\nwant %s", full[i], got, want)
					}
				}
			})
		})
	}
}

// appText joins the deltas and the types of the other events.
func appText(blocks []string) string {
	var text strings.Builder
	for _, block := range blocks {
		_, data, _ := strings.Cut(block, "data: ")
		if delta := gjson.Get(data, "delta"); delta.Exists() {
			text.WriteString(delta.Str)
		} else {
			text.WriteString("<" + gjson.Get(data, "type").Str + ">")
		}
	}
	return text.String()
}

// A stopped stream ends in order: that of AG-UI without an end of the run, which is not valid
// within a message.
func TestAppsStop(t *testing.T) {
	for _, test := range []struct {
		name string
		request
		text, last string
	}{
		{"AI SDK", uiChat("/slow hi"), "text-delta", "[DONE]"},
		{"AG-UI", agentRun("/slow hi"), "TEXT_MESSAGE_CONTENT", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, appsMock(), withApps)
				r, stopped := test.request, false
				r.received = func(a answer) {
					if !stopped && strings.Contains(a.text(), test.text) {
						stopped = true
						server.serve(t.Context(), t, request{method: "DELETE", url: streamsPath + a.header("Typewriter-Stream")})
					}
				}
				a := server.serve(t.Context(), t, r)
				events := dataOf(t, a.text())
				last := events[len(events)-1]
				if !a.complete || last != test.last && (test.last != "" || gjson.Get(last, "type").Str != test.text) || len(events) > 40 {
					t.Errorf("got %d events, complete %t, last %s", len(events), a.complete, last)
				}
			})
		})
	}
}

// Refusals are plain text, which the clients show, and those of the app pass.
func TestAppsAreRefused(t *testing.T) {
	unreachable := testenv.RoundTripFunc(func(*http.Request) (*http.Response, error) { return nil, http.ErrServerClosed })
	for _, test := range []struct {
		name      string
		transport http.RoundTripper
		request
		set    option
		status int
		want   string
	}{
		{"no key", unreachable, agentRun("hi"), withKeys, 401, "a valid key is needed: Authorization: Bearer KEY"},
		{"unreachable", unreachable, agentRun("hi"), nil, 502, "upstream cannot be reached"},
		{"no key, at the usual path", unreachable, uiChat("hi"), withKeys, 401, "a valid key is needed: Authorization: Bearer KEY"},
		{"full", appsMock(), agentRun("hi"), func(o *Options, _ *streams.Options) { o.MaxStreams = 0 }, 503, "the server has reached its limit of concurrent streams"},
		{"by the agent", appsMock(), agentRun("/error-500 hi"), nil, 500, "the app has failed"},
		{"by the app", appsMock(), uiChat("/error-429 hi"), nil, 429, "too many chats"},
	} {
		t.Run(test.name, func(t *testing.T) {
			options := []option{withApps}
			if test.set != nil {
				options = append(options, test.set)
			}
			_, server := newTestHandler(t, test.transport, options...)
			a := server.serve(t.Context(), t, test.request)
			if a.status != test.status || a.text() != test.want || a.header("Content-Type") != "text/plain; charset=utf-8" {
				t.Errorf("got %d %s %q, want %d %s", a.status, a.header("Content-Type"), a.text(), test.status, test.want)
			}
		})
	}
	if reply := string(ErrorReply(aisdk.New(aisdk.Options{}))(400)); !strings.Contains(reply, "\r\nContent-Type: text/plain; charset=utf-8\r\n") {
		t.Errorf("got %q", reply)
	}
}

// Heartbeats are empty events, which both clients ignore.
func TestAppsHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, appsMock(), withApps, func(o *Options, _ *streams.Options) { o.Heartbeat = 3 * time.Second })
		for _, r := range []request{uiChat("/stall hi"), agentRun("/stall hi")} {
			a := server.serve(t.Context(), t, r)
			if n := len(slices.DeleteFunc(a.chunks, func(c chunk) bool { return c.data != "\n\n" })); n != 5 {
				t.Errorf("%s: got %d heartbeats", r.url, n)
			}
		}
	})
}
