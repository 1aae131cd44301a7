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
	"sse-typewriter/mock"
	declarativemock "sse-typewriter/mock/declarative"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/declarative"
	"sse-typewriter/upstream/house"
)

// withDescribed adds the described formats to those of a handler.
func withDescribed(o *Options, _ *streams.Options) {
	o.Upstreams[0].Formats = append(slices.Clone(o.Upstreams[0].Formats), declarative.Builtin(declarative.Options{})...)
}

// dashScope is a request to DashScope, for snapshots or increments.
func dashScope(scenario, incremental string) request {
	body := `{"model":"` + scenario + `","input":{"messages":[{"role":"user","content":"hi"}]},"parameters":{"result_format":"message"` + incremental + `}}`
	return request{method: "POST", url: "/api/v1/services/aigc/text-generation/generation", body: body, header: map[string]string{"X-DashScope-SSE": "enable"}}
}

// described are requests to services whose formats are described, and where events have their
// text.
var described = map[string]struct {
	request
	text    string
	repeats bool
}{
	"DashScope, snapshots":  {dashScope("qwen", `,"incremental_output":false`), "output.choices.0.message.content", true},
	"DashScope, unknown":    {dashScope("qwen", ""), "output.choices.0.message.content", true},
	"DashScope, increments": {dashScope("qwen", `,"incremental_output":true`), "output.choices.0.message.content", false},
	"multimodal": {
		request{method: "POST", url: "/api/v1/services/aigc/multimodal-generation/generation", header: map[string]string{"X-DashScope-SSE": "enable"}, body: `{"input":{"messages":[{"role":"user","content":[{"text":"hi"}]}]}}`},
		"output.choices.0.message.content.0.text", true,
	},
	"Bailian": {
		request{method: "POST", url: "/api/v1/apps/7/completion", header: map[string]string{"X-DashScope-SSE": "enable"}, body: `{"input":{"prompt":"hi"},"parameters":{"incremental_output":false}}`},
		"output.text", true,
	},
	"LKE":        {request{method: "POST", url: "/v1/qbot/chat/sse", body: `{"content":"hi"}`}, "payload.content", true},
	"AppBuilder": {request{method: "POST", url: "/v2/app/conversation/runs", body: `{"query":"hi","stream":true}`}, "answer", false},
	"Wenxin":     {request{method: "POST", url: "/rpc/2.0/ai_custom/v1/wenxinworkshop/chat/eb", body: `{"stream":true,"messages":[{"role":"user","content":"hi"}]}`}, "result", false},
}

// eventData returns the data of each event in a stream.
func eventData(stream string) []string {
	var all []string
	for line := range strings.SplitSeq(stream, "\n") {
		if data, ok := strings.CutPrefix(line, "data:"); ok {
			all = append(all, strings.TrimPrefix(data, " "))
		}
	}
	return all
}

// A described format is typed in small pieces, each with all text so far where the service
// repeats the text.
func TestDescribedFormats(t *testing.T) {
	for name, test := range described {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, declarativemock.Dialect{}), withDescribed)
				a := server.serve(context.Background(), t, test.request)
				shown, longest := "", 0
				for _, data := range eventData(a.text()) {
					text := gjson.Get(data, test.text).Str
					piece := text
					if test.repeats {
						if !strings.HasPrefix(text, shown) {
							t.Errorf("got %q after %q", text, shown)
						}
						piece, shown = text[len(shown):], text
					} else {
						shown += text
					}
					longest = max(longest, len([]rune(piece)))
				}
				if a.status != http.StatusOK || !a.complete || !strings.HasPrefix(shown, "You said: hi") || !strings.HasSuffix(shown, "an article.") {
					t.Errorf("got status %d, complete %t, %q", a.status, a.complete, shown)
				}
				if most := map[bool]int{true: 20, false: 4}[strings.Contains(name, "unknown") || name == "multimodal" || name == "LKE"]; longest > most {
					t.Errorf("got %d characters in one event, want at most %d", longest, most)
				}
			})
		})
	}
}

// A stream resumes behind any event. The next event of a snapshot stream has all text so far.
func TestDescribedFormatsResume(t *testing.T) {
	for name := range described {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, declarativemock.Dialect{}), withDescribed)
				r := described[name].request
				r.header = map[string]string{"X-DashScope-SSE": "enable", "Typewriter-Event-Ids": "on"}
				full := strings.Split(strings.TrimSuffix(server.serve(t.Context(), t, r).text(), "\n\n"), "\n\n")
				for i := 0; i < len(full)-1; i += 7 {
					id, _, _ := strings.Cut(strings.TrimPrefix(full[i], "id:"), "\n")
					r.header["Last-Event-ID"] = strings.TrimSpace(id)
					rest := server.serve(t.Context(), t, r).text()
					got, want := eventData(rest), eventData(strings.Join(full[i+1:], "\n\n")+"\n\n")
					text := func(data []string) (joined string) {
						for _, d := range data {
							if described[name].repeats {
								joined = ""
							}
							joined += gjson.Get(d, described[name].text).Str
						}
						return joined
					}
					if len(got) == 0 || text(got) != text(want) {
						t.Fatalf("after %s:\ngot  %s\nwant %s", full[i], text(got), text(want))
					}
					if first := gjson.Get(got[0], described[name].text).Str; described[name].repeats && i > 0 && !strings.HasPrefix(first, gjson.Get(eventData(full[i])[0], described[name].text).Str) {
						t.Fatalf("after %s: got %s", full[i], got[0])
					}
				}
			})
		})
	}
}

// A failed stream ends with an error of the service's form and a broken body.
func TestDescribedFormatsFail(t *testing.T) {
	for _, test := range []struct {
		scenario, message string
		complete          bool
	}{
		{"cut", "upstream ended mid-stream", false},
		{"no-done", "upstream ended mid-stream", false},
		{"hang", "upstream stalled mid-stream", false},
		{"error-event", "The model failed.", true}, // as the service ends it
		{"replaced", "", true},
	} {
		for name, fields := range map[string][2]string{
			"DashScope, snapshots": {"message", "event:error\n"}, "DashScope, increments": {"message", "event:error\n"},
			"LKE": {"error.message", "event:error\n"}, "AppBuilder": {"message", "data: "}, "Wenxin": {"error_msg", "data: "},
		} {
			t.Run(test.scenario+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					_, server := newTestHandler(t, mock.New(1, declarativemock.Dialect{}), withDescribed)
					r := described[name].request
					r.header = map[string]string{"X-DashScope-SSE": "enable", mock.ScenarioHeader: test.scenario}
					a := server.serve(context.Background(), t, r)
					data := eventData(a.text())
					if got := gjson.Get(data[len(data)-1], fields[0]).Str; got != test.message || a.complete != test.complete {
						t.Errorf("got %q in %s, complete %t", got, data[len(data)-1], a.complete)
					}
					if test.message != "" && !strings.Contains(a.text(), fields[1]) {
						t.Errorf("got no %q", fields[1])
					}
				})
			})
		}
	}
}

// Refusals have the service's form, and replies without a stream pass.
func TestDescribedFormatsRefuse(t *testing.T) {
	for name, want := range map[string][2]string{
		"DashScope, snapshots": {"code", "unauthorized"}, "LKE": {"code", "4100"}, "AppBuilder": {"code", "unauthorized"}, "Wenxin": {"error_code", "4100"},
	} {
		_, server := newTestHandler(t, mock.New(1, declarativemock.Dialect{}), withDescribed, withKeys)
		a := server.serve(t.Context(), t, described[name].request)
		if got := gjson.Get(a.text(), want[0]).String(); a.status != 401 || got != want[1] {
			t.Errorf("%s: got %d %s, want %s", name, a.status, a.text(), want[1])
		}
	}
	_, server := newTestHandler(t, mock.New(1, declarativemock.Dialect{}), withDescribed)
	r := dashScope("qwen", "")
	r.header = nil
	if a := server.serve(t.Context(), t, r); a.status != 200 || !strings.HasPrefix(gjson.Get(a.text(), "output.choices.0.message.content").Str, "You said") {
		t.Errorf("got %d %s of a request without a stream", a.status, a.text())
	}
	r = dashScope("error-429", "")
	if a := server.serve(t.Context(), t, r); a.status != 429 || gjson.Get(a.text(), "code").Str != "error-429" {
		t.Errorf("got %d %s", a.status, a.text())
	}
}

// Questions of the server's own chats are asked in a described format.
func TestDescribedFormatsAreAsked(t *testing.T) {
	for _, name := range []string{"dashscope", "lke", "wenxin"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, declarativemock.Dialect{}), func(o *Options, _ *streams.Options) {
					service := declarative.Builtin(declarative.Options{Model: "thinking", BotID: "b"}).Find(name)
					o.Upstreams[0].Formats = upstream.Formats{service, house.New(service)}
				})
				silent := server.serve(context.Background(), t, request{method: "GET", url: "/v3/chat?message=/hang+hi"})
				if beats := len(slices.DeleteFunc(silent.chunks, func(c chunk) bool { return c.data != "\n" })); beats != 7 { // in two minutes
					t.Errorf("got %d heartbeats, want 7", beats)
				}
				a := server.serve(context.Background(), t, request{method: "GET", url: "/v3/chat?message=hi"})
				answer := ""
				for _, data := range eventData(a.text()) {
					if message := gjson.Parse(data); message.Get("role").Exists() && !message.Get("reasoning_content").Exists() {
						answer = message.Get("content").Str
					}
				}
				last := eventData(a.text())
				whole := gjson.Get(last[len(last)-2], "content").Str
				if a.status != http.StatusOK || last[len(last)-1] != `"[DONE]"` || !strings.HasPrefix(whole, "You said: hi") || answer == "" {
					t.Errorf("got %d, %q", a.status, last)
				}
			})
		})
	}
}

// A stopped stream ends with what has come, without an error and without an end of the service.
func TestDescribedFormatsStop(t *testing.T) {
	for _, name := range []string{"DashScope, snapshots", "LKE", "AppBuilder", "Wenxin"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, declarativemock.Dialect{}), withDescribed)
				r := described[name].request
				r.header = map[string]string{"X-DashScope-SSE": "enable", mock.ScenarioHeader: "slow", "Typewriter-Event-Ids": "on"}
				stopped := false
				r.received = func(a answer) {
					if !stopped && len(a.chunks) > 5 {
						stopped = true
						server.serve(context.Background(), t, request{method: "DELETE", url: "/typewriter/streams/" + a.header("Typewriter-Stream")})
					}
				}
				began := time.Now()
				a := server.serve(t.Context(), t, r)
				data := eventData(a.text())
				if last := data[len(data)-1]; !a.complete || !strings.Contains(last, `"content":"`) && !strings.Contains(last, `"result":"`) && !strings.Contains(last, `"answer":"`) || strings.Contains(last, "upstream") {
					t.Errorf("got complete %t, last %q", a.complete, last)
				}
				if lasted := time.Since(began); lasted > 20*time.Second {
					t.Errorf("the stream lasted %v", lasted)
				}
			})
		})
	}
}

// Silence is filled with empty lines between whole events.
func TestDescribedFormatsHeartbeat(t *testing.T) {
	for _, name := range []string{"DashScope, snapshots", "LKE", "AppBuilder", "Wenxin"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, declarativemock.Dialect{}), withDescribed)
				r := described[name].request
				r.header = map[string]string{"X-DashScope-SSE": "enable", mock.ScenarioHeader: "hang"}
				checkBeats(t, server.serve(context.Background(), t, r))
			})
		})
	}
}

// checkBeats checks that a stream with two minutes of silence has heartbeats between its events.
func checkBeats(t *testing.T, a answer) {
	t.Helper()
	beats := 0
	for _, c := range a.chunks {
		if c.data == "\n\n" {
			beats++
		} else if !strings.HasSuffix(c.data, "\n\n") || strings.Contains(c.data, "\n\n\n") {
			t.Errorf("got %q", c.data)
		}
	}
	if beats != 7 { // in two minutes, every 15 seconds; the last one is due at the timeout
		t.Errorf("got %d heartbeats, want 7", beats)
	}
}
