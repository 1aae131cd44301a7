package sdk

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// difyRunners are the runners of Dify's SDKs; there is none for Go.
var difyRunners = newRunners("dify", []string{"dify-client"}, []string{"dify-client"}, nil)[:2]

// difyEvents returns a stream of events of a chat, with a heartbeat after each.
func difyEvents(events ...string) replayed {
	var body strings.Builder
	for _, e := range events {
		fmt.Fprintf(&body, "data: {%s,\"conversation_id\":\"c\",\"message_id\":\"m\",\"created_at\":1,\"task_id\":\"t\"}\n\nevent: ping\n\n", e)
	}
	return replayed{body: body.String()}
}

func difyAnswer(text string) string { return `"event":"message","id":"m","answer":"` + text + `"` }

// difyStreams are streams of Dify with what the stand-in does not send.
func difyStreams() map[string]replayed {
	const end = `"event":"message_end","id":"m","metadata":{"usage":{"total_tokens":3},"retriever_resources":[{"position":1}]}`
	text := []string{difyAnswer(`Hello, wörld! 👩‍👩‍👧 `), difyAnswer(`\ud83d\ude00 and \"quoted\" ` + "\u2028" + ` text\n`)}
	out := map[string]replayed{
		"text":       difyEvents(append(text, end)...),
		"completion": difyEvents(append(text, end)...),
		"selectors":  difyEvents(difyAnswer("Hello")+`,"from_variable_selector":["1","text"]`, difyAnswer("world")+`,"from_variable_selector":["2","text"]`, end),
		"reasoning":  difyEvents(`"event":"reasoning_chunk","data":{"reasoning":"Let me","is_final":false}`, `"event":"reasoning_chunk","data":{"reasoning":" think","is_final":true}`, text[0], end),
		"empty":      difyEvents(difyAnswer(""), end),
		"workflow": difyEvents(`"event":"workflow_started","workflow_run_id":"r","data":{"id":"r"}`, `"event":"text_chunk","data":{"text":"Hello there","from_variable_selector":["1","text"]}`,
			`"event":"text_replace","data":{"text":"Hello"}`, `"event":"workflow_finished","workflow_run_id":"r","data":{"status":"succeeded","outputs":{"a":"Hello"}}`),
		"error event": {fails: true, body: difyEvents(text[0], `"event":"error","status":400,"code":"x","message":"`+sorry+`"`).body},
	}
	begun := difyEvents(text...).body
	out["cut"] = replayed{broken: true, body: begun + `data: {"event":"mess`}
	out["cut between events"] = replayed{broken: true, body: begun}
	return out
}

// serveDify replays the stream that the inputs of a request name.
func serveDify(t *testing.T, all map[string]replayed) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Inputs struct{ Model string }
			Model  string // of the request of spend
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("%s: cannot read the body: %v", r.URL, err)
		}
		name := cmp.Or(body.Inputs.Model, body.Model)
		reply, ok := all[name]
		if !ok {
			t.Errorf("a request is for stream %q", name)
		}
		writeReplay(w, "text/event-stream; charset=utf-8", reply)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// difyRequests are the requests for streams of the stand-in.
func difyRequests(t *testing.T) map[string]*http.Request {
	t.Helper()
	base := start(t).Base + "/upstream/v1"
	out := make(map[string]*http.Request)
	for _, scenario := range []string{"chatflow", "agent", "replace", "tts", "ping", "failed", "paused", "workflow"} {
		path, body := "/chat-messages", fmt.Sprintf(`{"query":"/%s hi","inputs":{},"user":"me","response_mode":"streaming"}`, scenario)
		if scenario == "workflow" {
			path, body = "/workflows/run", `{"inputs":{"q":"hi"},"user":"me","response_mode":"streaming"}`
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		out[scenario+" of the stand-in"] = req
	}
	return out
}

// The final results of Dify's SDKs are the same straight and through the program, and a
// truncated answer or an error within a stream is an error in each.
func TestDify(t *testing.T) {
	t.Parallel()
	streams := difyStreams()
	maps.Copy(streams, recordedOf(t, "dify", func(data string) string { return data }))
	maps.Copy(streams, ofMock(t, difyRequests(t)))
	comparison{difyRunners, streams, serveDify(t, streams), "/v1"}.compare(t)
}

// A refusal of the server is an error with its message and its code in each SDK of Dify.
func TestDifyRefused(t *testing.T) {
	t.Parallel()
	codes := map[int64]string{401: "unauthorized", 429: "too_many_requests", 502: "unreachable"}
	comparison{runners: difyRunners, upstream: serveDify(t, difyStreams()), path: "/v1"}.
		refuse(t, func(status int64) string { return codes[status] })
}

// A chatflow and a workflow whose stream is cut are complete in each SDK.
func TestDifyRecovers(t *testing.T) {
	t.Parallel()
	base := start(t, "--upstream="+start(t).Base+"/upstream", "--speed=20").Base + "/v1"
	for _, r := range difyRunners {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			var jobs []job
			for _, question := range []string{"/cut-chatflow 写一首诗", "/cut workflow 写一首诗", "/no-done workflow 写一首诗"} {
				jobs = append(jobs, job{Case: question, Base: base, Model: question, Key: "k"})
			}
			all := r.run(t, jobs)
			for _, j := range jobs {
				result, said := gjson.ParseBytes(all[j.Case]["dify-client"]), ""
				result.Get("texts").ForEach(func(_, text gjson.Result) bool {
					said += text.Get("text").Str
					return true
				})
				last := result.Get("events.@reverse.0")
				want := cmp.Or(last.Get("data.outputs.answer").Str, last.Get("data.outputs.result").Str)
				if last.Get("event").Str != "workflow_finished" || said == "" || said != want {
					t.Errorf("%s: got %q, want %q; last %s, error %s", j.Case, said, want, last.Raw, result.Get("error").Raw)
				}
			}
		})
	}
}
