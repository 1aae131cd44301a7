package dify

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/testenv"
	"sse-typewriter/upstream"
)

func TestRoute(t *testing.T) {
	for _, test := range []struct{ method, path, pattern, prefix string }{
		{"POST", "/v1/chat-messages", "*/chat-messages", "/v1"},
		{"POST", "/chat-messages", "*/chat-messages", ""},
		{"POST", "/api/completion-messages", "*/completion-messages", "/api"},
		{"POST", "/console/api/apps/1/chat-messages", "*/chat-messages", "/console/api/apps/1"},
		{"POST", "/v1/workflows/run", "*/workflows/run", "/v1"},
		{"POST", "/v1/workflows/77/run", "*/workflows/*/run", "/v1"},
		{"GET", "/v1/workflow/77/events", "*/workflow/*/events", "/v1"},
		{"GET", "/v1/chat-messages", "", ""},
		{"POST", "/v1/workflow/77/events", "", ""},
		{"POST", "/v1/chat-messages/1/stop", "", ""},
		{"POST", "/v1/workflows/run/77", "", ""},
		{"GET", "/v1/messages", "", ""},
	} {
		if got := route(upstream.RequestHead{Method: test.method, Path: test.path}); got != test.pattern {
			t.Errorf("%s %s: got %q, want %q", test.method, test.path, got, test.pattern)
		}
		if got, _ := matchPath(test.method, test.path); got != test.prefix {
			t.Errorf("%s %s: got prefix %q, want %q", test.method, test.path, got, test.prefix)
		}
	}
}

func TestAsk(t *testing.T) {
	for _, test := range []struct {
		name             string
		options          Options
		question         upstream.Question
		path, user, want string
	}{
		{"a question", Options{UserID: "u"}, upstream.Question{Messages: []upstream.Message{{Role: "user", Text: "hi <b>"}}}, "/v1/chat-messages", "u", "hi <b>"},
		{"a user", Options{UserID: "u", BaseURL: "https://api.dify.ai/v1/"}, upstream.Question{User: "me", Messages: []upstream.Message{{Role: "user", Text: "hi"}}}, "/chat-messages", "me", "hi"},
		{
			"a conversation",
			Options{SystemPrompt: "Be brief.", BaseURL: "http://dify.local"},
			upstream.Question{User: "u", Messages: []upstream.Message{{Role: "user", Text: "a"}, {Role: "assistant", Text: "b"}, {Role: "user", Text: "c"}}},
			"/v1/chat-messages", "u", "Be brief.\n\nuser: a\n\nassistant: b\n\nuser: c",
		},
		{"nothing", Options{UserID: "u"}, upstream.Question{}, "/v1/chat-messages", "u", upstream.DefaultQuestion},
	} {
		t.Run(test.name, func(t *testing.T) {
			req, err := New(test.options).Ask(test.question)
			if err != nil {
				t.Fatal(err)
			}
			body := gjson.ParseBytes(req.Body)
			if req.Method != http.MethodPost || req.Path != test.path || body.Get("query").Str != test.want || body.Get("user").Str != test.user ||
				body.Get("response_mode").Str != "streaming" || body.Get("inputs").Raw != "{}" || req.Header.Get("Content-Type") != "application/json" {
				t.Errorf("got %s %s with %s", req.Method, req.Path, req.Body)
			}
		})
	}
}

// A task is stopped at the path of its request, by the user of the request.
func TestCancel(t *testing.T) {
	for _, test := range []struct {
		name          string
		request       upstream.Request
		chat          upstream.Chat
		path, payload string
	}{
		{"a chat", upstream.Request{Method: "POST", Path: "/v1/chat-messages", Body: []byte(`{"query":"hi","user":"me & you"}`)}, upstream.Chat{ID: "t"}, "/v1/chat-messages/t/stop", `{"user":"me & you"}`},
		{"a chatflow", upstream.Request{Method: "POST", Path: "/v1/chat-messages", Body: []byte(`{"user":"u"}`)}, upstream.Chat{ID: "t/r"}, "/v1/chat-messages/t/stop", `{"user":"u"}`},
		{"a completion", upstream.Request{Method: "POST", Path: "/v1/completion-messages", Body: []byte(`{"user":"u"}`)}, upstream.Chat{ID: "t"}, "/v1/completion-messages/t/stop", `{"user":"u"}`},
		{"a workflow", upstream.Request{Method: "POST", Path: "/v1/workflows/run", Body: []byte(`{"user":"u"}`)}, upstream.Chat{ID: "t/r"}, "/v1/workflows/tasks/t/stop", `{"user":"u"}`},
		{"the events of a run", upstream.Request{Method: "GET", Path: "/v1/workflow/r/events", Query: "user=u+v"}, upstream.Chat{ID: "t/r"}, "/v1/workflows/tasks/t/stop", `{"user":"u v"}`},
		{"a web app", upstream.Request{Method: "POST", Path: "/api/chat-messages", Body: []byte(`{"query":"hi"}`)}, upstream.Chat{ID: "t"}, "/api/chat-messages/t/stop", `{}`},
		{"an id with a slash", upstream.Request{Method: "POST", Path: "/v1/chat-messages", Body: []byte(`{"user":"u"}`)}, upstream.Chat{ID: "..%2f"}, "/v1/chat-messages/..%252f/stop", `{"user":"u"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var path, body string
			var header http.Header
			c := upstream.NewClient("http://upstream.invalid", testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
				payload, err := io.ReadAll(r.Body)
				path, body, header = r.URL.EscapedPath(), string(payload), r.Header
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: r}, err
			}))
			test.request.Format = New(Options{})
			test.request.Header = http.Header{"Authorization": {"Bearer k"}, "Cookie": {"a=b"}, "X-App-Code": {"c"}, "Accept": {"x"}}
			if _, err := test.request.Format.Cancel(t.Context(), c, test.request.Opening(), test.chat); err != nil {
				t.Fatal(err)
			}
			if path != test.path || body != test.payload {
				t.Errorf("got %s %s, want %s %s", path, body, test.path, test.payload)
			}
			if want := []string{"Bearer k", "a=b", "c", ""}; !reflect.DeepEqual([]string{header.Get("Authorization"), header.Get("Cookie"), header.Get("X-App-Code"), header.Get("Accept")}, want) {
				t.Errorf("got header %v", header)
			}
		})
	}
}

func TestCancelFails(t *testing.T) {
	c := upstream.NewClient("http://upstream.invalid", testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	}))
	if _, err := cancel(context.Background(), c, upstream.Opening{}, upstream.Chat{ID: "t"}); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v", err)
	}
}
