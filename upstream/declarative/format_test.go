package declarative

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/testenv"
	"sse-typewriter/upstream"
)

func TestRoute(t *testing.T) {
	for _, test := range []struct {
		pattern, path string
		want          bool
	}{
		{"/v1/chat", "/v1/chat", true},
		{"/v1/chat", "/v1/chat/", false},
		{"/v1/chat", "/x/v1/chat", false},
		{"*/v1/chat", "/v1/chat", true},
		{"*/v1/chat", "/x/y/v1/chat", true},
		{"*/v1/chat", "/xv1/chat", false},
		{"*/v1/chat", "/chat", false},
		{"/apps/*/chat", "/apps/7/chat", true},
		{"/apps/*/chat", "/apps//chat", false},
		{"/apps/*/chat", "/apps/7/8/chat", false},
		{"*/apps/*", "/v1/apps/7", true},
		{"*/apps/*", "/v1/apps/7/8", false},
	} {
		d := parse(t, "paths: ['"+test.pattern+"']\nheader: X-Stream\ntexts: [{path: a}]")
		header := http.Header{"X-Stream": {"1"}}
		if got := d.New("n", Options{}).Route(upstream.RequestHead{Method: "POST", Path: test.path, Header: header.Get}); (got == test.pattern) != test.want {
			t.Errorf("%s: %s: got %q", test.pattern, test.path, got)
		}
		for name, head := range map[string]upstream.RequestHead{
			"GET":            {Method: "GET", Path: test.path, Header: header.Get},
			"without header": {Method: "POST", Path: test.path, Header: http.Header{}.Get},
		} {
			if got := d.New("n", Options{}).Route(head); got != "" {
				t.Errorf("%s %s: got %q", name, test.path, got)
			}
		}
	}
}

// The built-in formats recognize their services' paths, and no format of another package.
func TestBuiltinRoutes(t *testing.T) {
	formats := Builtin(Options{})
	for path, want := range map[string]string{
		"/api/v1/services/aigc/text-generation/generation":          "dashscope",
		"/api/v1/services/aigc/multimodal-generation/generation":    "dashscope",
		"/api/v1/apps/1a2b/completion":                              "dashscope",
		"/v1/qbot/chat/sse":                                         "lke",
		"/v2/app/conversation/runs":                                 "appbuilder",
		"/rpc/2.0/ai_custom/v1/wenxinworkshop/chat/ernie-speed-8k":  "wenxin",
		"/v1/chat/completions":                                      "",
		"/v1/completions":                                           "",
		"/v3/chat":                                                  "",
		"/api/v1/services/aigc/text2image/image-synthesis":          "",
		"/rpc/2.0/ai_custom/v1/wenxinworkshop/embeddings/embedding": "",
	} {
		got := ""
		if f := formats.OfPath(path); f != nil {
			got = f.Name
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

func TestAsk(t *testing.T) {
	conversation := []upstream.Message{{Role: "user", Text: "a <b>"}, {Role: "assistant", Text: "c"}, {Role: "user", Text: `"d"`}}
	random := regexp.MustCompile(`"[a-z2-7]{26}"`)
	for _, test := range []struct {
		format string
		ask    upstream.Question
		path   string
		body   string
	}{
		{
			"dashscope",
			upstream.Question{Messages: conversation},
			"/api/v1/services/aigc/text-generation/generation",
			`{"model":"m","input":{"messages":[{"role":"user","content":"a <b>"},{"role":"assistant","content":"c"},{"role":"user","content":"\"d\""}]},"parameters":{"result_format":"message","incremental_output":true}}`,
		},
		{
			"lke",
			upstream.Question{Messages: conversation, User: "you"},
			"/v1/qbot/chat/sse",
			`{"content":"\"d\"","bot_app_key":"b","visitor_biz_id":"you","session_id":"…","incremental":true}`,
		},
		{
			"wenxin",
			upstream.Question{},
			"/rpc/2.0/ai_custom/v1/wenxinworkshop/chat/m",
			`{"messages":[{"role":"user","content":"你好，请介绍一下 SSE"}],"stream":true}`,
		},
	} {
		t.Run(test.format, func(t *testing.T) {
			req, err := builtinFormat(t, test.format).Ask(test.ask)
			body := random.ReplaceAllString(string(req.Body), `"…"`)
			if err != nil || req.Method != http.MethodPost || req.Path != test.path || body != test.body || req.Header.Get("Content-Type") != "application/json" {
				t.Errorf("got %s %s %v, %v", req.Path, body, req.Header, err)
			}
		})
	}
	if _, err := Builtin(Options{}).Find("dashscope").Ask(upstream.Question{}); err == nil {
		t.Error("got no error without a model")
	}
	if req, err := Builtin(Options{Model: "m", SystemPrompt: "s"}).Find("dashscope").Ask(upstream.Question{}); err != nil || !strings.Contains(string(req.Body), `[{"role":"system","content":"s"},`) {
		t.Errorf("got %s, %v, want the system prompt", req.Body, err)
	}
	if f := builtinFormat(t, "appbuilder"); f.Ask != nil {
		t.Error("got a question of a format without one")
	}
}

// A stop names the chat, with the credential of the chat's request.
func TestStop(t *testing.T) {
	f := parse(t, "paths: [/a]\ntexts: [{path: t}]\nchat: id\nstop: {path: '/stop/{chat}', headers: {X-A: b}, body: '{\"id\":\"{chat}\"}'}").New("n", Options{})
	got := ""
	client := upstream.NewClient("http://h", testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		got = r.Method + " " + r.URL.RequestURI() + " " + r.Header.Get("Authorization") + " " + r.Header.Get("X-A") + " " + string(body)
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, err
	}))
	opening := upstream.Opening{Header: http.Header{"Authorization": {"Bearer k"}}}
	if _, err := f.Cancel(context.Background(), client, opening, upstream.Chat{ID: "a/b"}); err != nil {
		t.Fatal(err)
	}
	if want := `POST /stop/a%2Fb Bearer k b {"id":"a/b"}`; got != want || len(opening.Header) != 1 {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Errors have the service's form, and are understood by the format itself.
func TestErrors(t *testing.T) {
	custom := parse(t, "paths: [/a]\ntexts: [{path: t}]\nerror: {signs: [{path: error}]}").New("custom", Options{})
	for _, test := range []struct {
		format      *upstream.Format
		event, body string
		name        string
	}{
		{custom, `{"error":{"code":"cut","message":"upstream ended mid-stream"}}`, `{"error":{"code":"cut","message":"upstream ended mid-stream"}}`, ""},
		{builtinFormat(t, "dashscope"), `{"code":"cut","message":"upstream ended mid-stream","request_id":""}`, `{"code":"cut","message":"upstream ended mid-stream","request_id":"7"}`, "error"},
		{builtinFormat(t, "lke"), `{"type":"error","error":{"code":5023,"message":"upstream ended mid-stream"}}`, `{"code":5023,"message":"upstream ended mid-stream"}`, "error"},
		{builtinFormat(t, "appbuilder"), `{"code":"cut","message":"upstream ended mid-stream","request_id":""}`, `{"code":"cut","message":"upstream ended mid-stream","request_id":"7"}`, ""},
		{builtinFormat(t, "wenxin"), `{"error_code":5023,"error_msg":"upstream ended mid-stream"}`, `{"error_code":5023,"error_msg":"upstream ended mid-stream"}`, ""},
	} {
		events := test.format.ErrorEvents(apierror.Cut, upstream.Sent{})
		if len(events) != 1 || events[0].Frame.Name != test.name || events[0].Payload() != test.event {
			t.Fatalf("%s: got %v, want %s", test.format.Name, events, test.event)
		}
		if got := string(test.format.ErrorBody(apierror.Cut, "7")); got != test.body {
			t.Errorf("%s: got %s, want %s", test.format.Name, got, test.body)
		}
		if m := test.format.NewDecoder().Decode(test.name, test.event).Meaning; m.Failure == nil || m.Failure.Msg != apierror.Cut.Msg {
			t.Errorf("%s: got %+v, want a failure", test.format.Name, m)
		}
		if got := test.format.ReadError(502, []byte(test.body)); got.Msg != apierror.Cut.Msg {
			t.Errorf("%s: got %q from the body", test.format.Name, got.Msg)
		}
		for _, body := range []string{"<html>", "{}", ""} {
			if got := test.format.ReadError(418, []byte(body)); got.Msg != "status 418 without a message" {
				t.Errorf("%s: got %q from %q", test.format.Name, got.Msg, body)
			}
		}
	}
}

// What a description leaves out has a default.
func TestDefaults(t *testing.T) {
	plain := parse(t, "paths: [/a]\ntexts: [{path: t}]").New("n", Options{})
	if plain.Heartbeat != "\n\n" || plain.Framing != upstream.SSE || plain.Done.Frame != nil || plain.Ask != nil || plain.Cancel != nil || plain.Credentials != nil || !plain.BreaksOff || plain.RequestIDHeader != "X-Request-Id" {
		t.Errorf("got %+v", plain)
	}
	full := parse(t, `
paths: [/a]
framing: ndjson
texts: [{path: t, types: [a]}]
type: k
done: [{type: end}, {data: bye}]
credentials: [{header: X-Key}, {query: key}]
request-id: X-Id
`).New("n", Options{})
	if full.Heartbeat != " " || full.Framing != upstream.NDJSON || full.Done.Payload() != "bye" || full.RequestIDHeader != "X-Id" ||
		!slices.Equal(full.Credentials, []upstream.Credential{{Header: "X-Key"}, {Query: "key"}}) || full.EventNames != nil {
		t.Errorf("got %+v", full)
	}
	named := parse(t, "paths: [/a]\nheartbeat: \": hi\\n\\n\"\ntexts: [{path: t, types: [b, a]}]\ndone: [{type: end}]\nerror: {signs: [{type: fail}], event: fail}").New("n", Options{})
	if !slices.Equal(named.EventNames, []string{"a", "b", "end", "fail"}) || named.Heartbeat != ": hi\n\n" {
		t.Errorf("got %q, heartbeat %q", named.EventNames, named.Heartbeat)
	}
}
