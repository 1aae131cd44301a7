package docs

import (
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"

	"github.com/tidwall/gjson"
)

// request is a request whose reply must have the described form.
type request struct {
	operation, status string
	base              string
	target            string // "": the path of the operation
	header            http.Header
	body              string
}

// send sends a request and compares the reply with the description.
func (a *api) send(t *testing.T, r request) (header http.Header, body string) {
	t.Helper()
	method, path, _ := strings.Cut(r.operation, " ")
	if r.target == "" {
		r.target = path
	}
	req, err := http.NewRequestWithContext(t.Context(), method, r.base+r.target, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Stand-In-Scenario", "fast")
	maps.Copy(req.Header, r.header)
	status, header, body := readReply(t, req)
	if got := fmt.Sprint(status); got != r.status {
		t.Fatalf("%s: got status %s, want %s: %.300s", r.operation, got, r.status, body)
	}
	reply, at := a.node(t, "paths", path, strings.ToLower(method), "responses", r.status)
	a.checkHeader(t, header, reply, at)
	a.checkBody(t, header.Get("Content-Type"), body, reply, at)
	return header, body
}

func (a *api) checkHeader(t *testing.T, header http.Header, reply map[string]any, at []string) {
	t.Helper()
	described, _ := reply["headers"].(map[string]any)
	isStream := strings.HasPrefix(header.Get("Content-Type"), "text/event-stream")
	for name := range described {
		is, path := a.node(t, append(slices.Clone(at), "headers", name)...)
		switch value := header.Get(name); {
		case value != "":
			a.check(t, value, append(slices.Clone(path), "schema")...)
		case is["required"] == true && (isStream || at[2] != "Chat"): // the upstream's JSON lacks them
			t.Errorf("%s: the header %s is missing: %v", strings.Join(at, " "), name, header)
		}
	}
}

func (a *api) checkBody(t *testing.T, contentType, body string, reply map[string]any, at []string) {
	t.Helper()
	content, _ := reply["content"].(map[string]any)
	if len(content) == 0 {
		if body != "" {
			t.Errorf("%s: a body that is not described: %q", strings.Join(at, " "), body)
		}
		return
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || content[media] == nil {
		t.Errorf("%s: content type %q is not described", strings.Join(at, " "), contentType)
		return
	}
	at = append(slices.Clone(at), "content", media)
	switch media {
	case "application/json":
		a.checkJSON(t, body, append(at, "schema")...)
	case "text/event-stream":
		a.checkEvents(t, body, append(at, "x-events"))
	default:
		a.check(t, body, append(at, "schema")...)
	}
}

// checkEvents compares the data of events with the schemas for their names. At least one
// event must have a schema.
func (a *api) checkEvents(t *testing.T, stream string, at []string) {
	t.Helper()
	names, _ := a.node(t, at...)
	checked := 0
	for block := range strings.SplitSeq(stream, "\n\n") {
		name, data := "", ""
		for line := range strings.SplitSeq(block, "\n") {
			field, value, _ := strings.Cut(line, ":")
			value = strings.TrimPrefix(value, " ")
			switch field {
			case "event":
				name = value
			case "data":
				data = value
			}
		}
		if data != "" && names[name] != nil {
			checked++
			_, path := a.node(t, append(slices.Clone(at), name)...)
			a.checkJSON(t, data, path...)
		}
	}
	if checked == 0 {
		t.Errorf("no event of %s in %.300s", strings.Join(at, " "), stream)
	}
}

// Each described status of each operation can be provoked, and the reply has the
// described form.
func TestOpenAPIReplies(t *testing.T) {
	t.Parallel()
	a := readAPI(t)
	requests := provoke(t, a)
	provoked := map[string]bool{}
	for _, r := range requests {
		provoked[r.operation+" "+r.status] = true
		t.Run(strings.ReplaceAll(r.operation+" "+r.status, "/", "_"), func(t *testing.T) {
			if !strings.HasPrefix(r.target, "/typewriter/streams/") { // which build on each other
				t.Parallel()
			}
			a.send(t, r)
		})
	}
	for _, operation := range a.operations(t) {
		method, path, _ := strings.Cut(operation, " ")
		replies, _ := a.node(t, "paths", path, strings.ToLower(method), "responses")
		for status := range replies {
			if !provoked[operation+" "+status] && notProvoked[status] == "" && notProvoked[operation+" "+status] == "" {
				t.Errorf("%s: no request here provokes the described status %s", operation, status)
			}
		}
	}
}

// withIDs returns a header that asks for event ids and has one more field.
func withIDs(name, value string) http.Header {
	return http.Header{"Typewriter-Event-Ids": {"on"}, "Content-Type": {"application/json"}, name: {value}}
}

// provoke returns requests that provoke all described replies.
func provoke(t *testing.T, a *api) []request {
	base := testenv.Start(t, "--speed=100", "--max-body-bytes=300").Base
	const large = 4 << 10
	tooLarge := fmt.Sprintf(`{"text":%q}`, strings.Repeat("x", large))
	async := withIDs("Prefer", "respond-async")

	// A stream to resume, and a chat that waits for a tool.
	_, started := a.send(t, request{"POST /v3/chat", "202", base, "/v3/chat?message=hi&conversation_id=c", async, ""})
	id := gjson.Get(started, "stream").String()
	stream := "/typewriter/streams/" + id
	_, tools := a.send(t, request{"POST /v3/chat", "200", base, "/v3/chat?message=hi", http.Header{"Stand-In-Scenario": {"tool"}}, ""})
	chat := gjson.Get(regexp.MustCompile(`(?m)requires_action\ndata:(.*)$`).FindStringSubmatch(tools)[1], "@this")
	outputs := fmt.Sprintf(`{"stream":true,"tool_outputs":[{"tool_call_id":%q,"output":"rain"}]}`,
		chat.Get("required_action.submit_tool_outputs.tool_calls.0.id").String())
	submit := fmt.Sprintf("/v3/chat/submit_tool_outputs?conversation_id=%s&chat_id=%s", chat.Get("conversation_id"), chat.Get("id"))

	const workflow = `{"workflow_id":"1","additional_messages":[{"role":"user","content":"hi","content_type":"text"}]}`
	const run = `{"workflow_id":"1","parameters":{"input":"/error-event hi"}}`
	const resume = `{"workflow_id":"1","event_id":"7404830425073352713/1","interrupt_type":2,"resume_data":"hi"}`

	// Keys that belong to other requests.
	keyed := func(key string) http.Header { return http.Header{"Idempotency-Key": {key}} }
	a.send(t, request{"POST /v3/chat", "200", base, "/v3/chat?message=hi", keyed("chat"), ""})
	a.send(t, request{"POST /v3/chat/submit_tool_outputs", "200", base, submit, keyed("tools"), outputs})
	a.send(t, request{"POST /v1/workflows/chat", "200", base, "", keyed("workflow"), workflow})
	a.send(t, request{"POST /v1/workflow/stream_run", "200", base, "", keyed("run"), run})
	a.send(t, request{"POST /v1/workflow/stream_resume", "200", base, "", keyed("resume"), resume})
	a.send(t, request{"POST /ai/summarize", "200", base, "", keyed("summary"), `{"text":"hi"}`})

	unknown := strings.Repeat("a", 26)
	gone := "lastEventId=" + unknown + ":0.0"
	goneHeader := withIDs("Last-Event-Id", unknown+":0.0")
	all := []request{
		{"GET /v3/chat", "200", base, "/v3/chat?message=hi", nil, ""},
		{"GET /v3/chat", "204", base, "/v3/chat?" + gone, nil, ""},
		{"GET /v3/chat", "400", base, "/v3/chat?mode=no", nil, ""},
		{"POST /v3/chat", "200", base, "", nil, ""},
		{"POST /v3/chat", "200", base, "/v3/chat?message=hi", http.Header{"Stand-In-Scenario": {"error-event"}}, ""},
		{"POST /v3/chat", "200", base, "", http.Header{"Stand-In-Scenario": {"error-json"}}, ""},
		{"POST /v3/chat", "202", base, "", async, ""},
		{"POST /v3/chat", "204", base, "", goneHeader, ""},
		{"POST /v3/chat", "413", base, "", nil, tooLarge},
		{"POST /v3/chat/submit_tool_outputs", "200", base, submit, nil, outputs},
		{"POST /v3/chat/submit_tool_outputs", "400", base, "/v3/chat/submit_tool_outputs?speed=0", nil, "{}"},
		{"POST /v3/chat", "422", base, "", keyed("chat"), "{}"},
		{"POST /v3/chat/submit_tool_outputs", "422", base, "", keyed("tools"), "{}"},
		{"POST /v1/workflows/chat", "422", base, "", keyed("workflow"), "{}"},
		{"POST /v1/workflow/stream_run", "422", base, "", keyed("run"), "{}"},
		{"POST /v1/workflow/stream_resume", "422", base, "", keyed("resume"), "{}"},
		{"POST /ai/summarize", "422", base, "", keyed("summary"), `{"text":"hello"}`},
		{"POST /v3/chat/submit_tool_outputs", "413", base, "", nil, tooLarge},
		{"POST /v1/workflows/chat", "200", base, "", nil, workflow},
		{"POST /v1/workflows/chat", "400", base, "/v1/workflows/chat?max_lag=soon", nil, workflow},
		{"POST /v1/workflows/chat", "413", base, "", nil, tooLarge},
		{"POST /v1/workflow/stream_run", "200", base, "", http.Header{"Stand-In-Scenario": nil}, run},
		{"POST /v1/workflow/stream_run", "400", base, "/v1/workflow/stream_run?max_lag=soon", nil, run},
		{"POST /v1/workflow/stream_run", "413", base, "", nil, tooLarge},
		{"POST /v1/workflow/stream_resume", "200", base, "", nil, resume},
		{"POST /v1/workflow/stream_resume", "400", base, "/v1/workflow/stream_resume?max_lag=soon", nil, resume},
		{"POST /v1/workflow/stream_resume", "413", base, "", nil, tooLarge},
		{"GET /ai/summarize", "200", base, "/ai/summarize?text=hi&lang=en", nil, ""},
		{"GET /ai/summarize", "200", base, "/ai/summarize?text=hi&event=progress", http.Header{"Stand-In-Scenario": {"error-event"}}, ""},
		{"GET /ai/summarize", "204", base, "/ai/summarize?" + gone, nil, ""},
		{"GET /ai/summarize", "400", base, "", nil, ""},
		{"POST /ai/summarize", "200", base, "", nil, `{"text":"hi"}`},
		{"POST /ai/summarize", "202", base, "", async, `{"text":"hi"}`},
		{"POST /ai/summarize", "204", base, "", goneHeader, ""},
		{"POST /ai/summarize", "400", base, "", nil, "text"},
		{"POST /ai/summarize", "413", base, "", nil, tooLarge},
		{"GET /typewriter/streams/{id}", "200", base, stream, nil, ""},
		{"GET /typewriter/streams/{id}", "204", base, "/typewriter/streams/" + unknown, nil, ""},
		{"GET /typewriter/streams/{id}", "400", base, stream + "?" + gone, nil, ""},
		{"GET /typewriter/streams", "200", base, "/typewriter/streams?conversation_id=c", nil, ""},
		{"GET /typewriter/streams", "400", base, "", nil, ""},
		{"POST /typewriter/markdown", "200", base, "", nil, "**hi**"},
		{"POST /typewriter/markdown", "413", base, "", nil, tooLarge},
		{"POST /typewriter/streams/{id}/skip", "204", base, stream + "/skip", nil, ""},
		{"POST /typewriter/streams/{id}/skip", "404", base, "/typewriter/streams/" + unknown + "/skip", nil, ""},
		{"POST /typewriter/streams/{id}/links", "201", base, stream + "/links", nil, `{"ttl":"1m","may":"stop"}`},
		{"POST /typewriter/streams/{id}/links", "400", base, stream + "/links", nil, `{"may":"write"}`},
		{"POST /typewriter/streams/{id}/links", "404", base, "/typewriter/streams/" + unknown + "/links", nil, ""},
		{"POST /typewriter/streams/{id}/links", "413", base, stream + "/links", nil, tooLarge},
		{"DELETE /typewriter/streams/{id}", "400", base, stream + "?at=" + unknown + ":0.0", nil, ""},
		{"DELETE /typewriter/streams/{id}", "200", base, stream + "?at=" + id + ":0.0", nil, ""},
		{"DELETE /typewriter/streams/{id}", "204", base, stream, nil, ""},
		{"DELETE /typewriter/streams/{id}", "404", base, "/typewriter/streams/" + unknown, nil, ""},
	}
	for _, name := range []string{"Typewriter-Mode", "Typewriter-Speed", "Typewriter-Max-Lag", "Typewriter-Max-Tail", "Typewriter-Reasoning", "Typewriter-Unit", "Typewriter-Min-Interval", "Typewriter-Markdown", "Typewriter-Event-Ids"} {
		all = append(all, request{"POST /v3/chat", "400", base, "", http.Header{name: {"no"}}, ""})
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		all = append(all, request{"GET " + path, "200", base, "", nil, ""})
	}
	all = append(all, provokeReloads(t)...)
	all = append(all, provokeRefusals(t, a)...)
	return append(all, provokeFailures(t)...)
}

var adminAddress = regexp.MustCompile(`admin server started" address=(\S+)`)

// provokeReloads returns requests to the admin address, one with a changed setting and one
// with a mistake in the settings.
func provokeReloads(t *testing.T) []request {
	var all []request
	for status, changed := range map[string]string{"200": "heartbeat: 1s\n", "422": "max_streams: 1\n"} {
		file := filepath.Join(t.TempDir(), "settings.yaml")
		write := func(settings string) {
			if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("")
		server := testenv.Start(t, "--admin-addr=127.0.0.1:0", "--config="+file)
		write(changed)
		var started []string
		testenv.Eventually(t, "the admin address is in the log", func() bool {
			started = adminAddress.FindStringSubmatch(server.Log.String())
			return started != nil
		})
		all = append(all, request{"POST /reload", status, started[1], "", nil, ""})
	}
	return all
}

// provokeRefusals returns requests without a key, from pages of other sites, and over the
// rate limit.
func provokeRefusals(t *testing.T, a *api) []request {
	keyed := testenv.Start(t, "--api-keys=a-key-of-the-servers").Base
	open := testenv.Start(t).Base
	limited := testenv.Start(t, "--rate-limit=1/m", "--speed=100").Base
	a.send(t, request{"POST /v3/chat", "200", limited, "", nil, ""}) // the one request of the minute
	var all []request
	for _, operation := range a.operations(t) {
		method, path, _ := strings.Cut(operation, " ")
		replies, _ := a.node(t, "paths", path, strings.ToLower(method), "responses")
		if replies["401"] != nil {
			all = append(all, request{operation, "401", keyed, "", nil, ""})
		}
		if replies["403"] != nil {
			all = append(all, request{operation, "403", open, "", http.Header{"Sec-Fetch-Site": {"cross-site"}}, ""})
		}
		if replies["429"] != nil && notProvoked[operation+" 429"] == "" {
			all = append(all, request{operation, "429", limited, "", nil, `{"text":"hi"}`})
		}
	}
	for i := range all {
		if all[i].operation == "GET /ai/summarize" && all[i].status == "429" {
			all[i].target = "/ai/summarize?text=hi"
		}
	}
	return all
}

// provokeFailures returns requests whose upstream is unreachable or silent.
func provokeFailures(t *testing.T) []request {
	release := make(chan struct{})
	dead := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(dead.Close)
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(silent.Close)
	t.Cleanup(func() { close(release) })
	atDead := testenv.Start(t, "--bot-id=1", "--upstream="+dead.URL).Base
	atSilent := testenv.Start(t, "--bot-id=1", "--upstream-header-timeout=10ms", "--upstream="+silent.URL).Base
	var all []request
	for _, operation := range []string{"GET /v3/chat", "POST /v3/chat", "POST /v3/chat/submit_tool_outputs", "POST /v1/workflows/chat", "POST /v1/workflow/stream_run", "POST /v1/workflow/stream_resume"} {
		all = append(all, request{operation, "502", atDead, "", nil, ""}, request{operation, "504", atSilent, "", nil, ""})
	}
	return append(all, request{"GET /ai/summarize", "200", atDead, "/ai/summarize?text=hi", nil, ""})
}
