package responses

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/openai"
)

func TestRoute(t *testing.T) {
	for _, test := range []struct{ method, path, query, want string }{
		{http.MethodPost, "/v1/responses", "", "*/responses"},
		{http.MethodPost, "/responses", "", "*/responses"},
		{http.MethodPost, "/compatible-mode/v1/responses", "", "*/responses"},
		{http.MethodPost, "/openai/responses", "api-version=2025-04-01-preview", "*/responses"},
		{http.MethodPost, "/v1/responses/", "", ""},
		{http.MethodPost, "/v1/responses/resp_1/cancel", "", ""},
		{http.MethodPost, "/v1/responses/compact", "", ""},
		{http.MethodPost, "/v1/responses/resp_1", "stream=true", ""},
		{http.MethodGet, "/v1/responses/resp_1", "stream=true", "*/responses/:id"},
		{http.MethodGet, "/v1/responses/resp_1", "stream=true&starting_after=4", "*/responses/:id"},
		{http.MethodGet, "/v1/responses/resp_1", "stream=false", ""},
		{http.MethodGet, "/v1/responses/resp_1", "", ""},
		{http.MethodGet, "/v1/responses/resp_1/input_items", "stream=true", ""},
		{http.MethodGet, "/v1/responses", "stream=true", ""},
		{http.MethodDelete, "/v1/responses/resp_1", "stream=true", ""},
	} {
		query, err := url.ParseQuery(test.query)
		if err != nil {
			t.Fatal(err)
		}
		if got := route(upstream.RequestHead{Method: test.method, Path: test.path, Query: query.Get}); got != test.want {
			t.Errorf("%s %s?%s: got %q, want %q", test.method, test.path, test.query, got, test.want)
		}
	}
}

func TestAsk(t *testing.T) {
	req, err := New(openai.Options{Model: "m", SystemPrompt: "be brief", BaseURL: "https://h/v1"}).Ask(upstream.Question{
		Messages: []upstream.Message{{Role: "user", Text: "a"}, {Role: "assistant", Text: "b"}, {Role: "user", Text: "c"}},
	})
	want := `{"model":"m","input":[{"role":"system","content":"be brief"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}],"stream":true}`
	if err != nil || req.Method != http.MethodPost || req.Path != "/responses" || string(req.Body) != want || req.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %s %s %s, %v", req.Method, req.Path, req.Body, err)
	}
	if _, err := New(openai.Options{}).Ask(upstream.Question{}); !errors.Is(err, upstream.ErrNoModel) {
		t.Errorf("got %v without a model", err)
	}
}

// The note has all that a later request about a stored response needs, and no credential.
func TestNote(t *testing.T) {
	for _, test := range []struct {
		name string
		req  upstream.Request
		want string
	}{
		{"a stored response", upstream.Request{Method: http.MethodPost, Path: "/v1/responses", Body: []byte(`{"background":true}`)}, "/v1/responses?"},
		{"another response", upstream.Request{Method: http.MethodPost, Path: "/v1/responses", Body: []byte(`{"background":false}`)}, ""},
		{"no JSON", upstream.Request{Method: http.MethodPost, Path: "/v1/responses", Body: []byte(`{`)}, ""},
		{
			"Azure",
			upstream.Request{Method: http.MethodPost, Path: "/openai/responses", Query: "key=secret&api-version=2025-04-01", Body: []byte(`{"background":true}`)},
			"/openai/responses?api-version=2025-04-01",
		},
		{"a stream again", upstream.Request{Method: http.MethodGet, Path: "/v1/responses/r", Query: "stream=true&starting_after=7"}, "/v1/responses/r?starting_after=7"},
	} {
		if got := note(test.req); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// A stored response is cancelled with the credential of its request. Any other ends with the
// connection.
func TestCancel(t *testing.T) {
	for _, test := range []struct {
		name, note, want string
		status           int
		fails            bool
	}{
		{"a stored response", "/v1/responses?", "POST /v1/responses/r%2F1/cancel", 200, false},
		{"Azure", "/openai/responses?api-version=1", "POST /openai/responses/r%2F1/cancel?api-version=1", 200, false},
		{"a stream again", "/v1/responses/r?starting_after=3", "POST /v1/responses/r/cancel", 200, false},
		{"a response that has ended", "/v1/responses?", "POST /v1/responses/r%2F1/cancel", 400, true},
		{"another response", "", "", 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			client := upstream.NewClient("http://upstream.invalid", testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
				got = r.Method + " " + r.URL.RequestURI()
				if r.Header.Get("Authorization") != "Bearer k" || r.Header.Get("Openai-Project") != "p" || r.Header.Get("Cookie") != "" {
					t.Errorf("got header %v", r.Header)
				}
				return &http.Response{StatusCode: test.status, Body: io.NopCloser(strings.NewReader("{}")), Request: r}, nil
			}))
			header := http.Header{"Authorization": {"Bearer k"}, "Openai-Project": {"p"}, "Cookie": {"c"}}
			_, err := cancel(t.Context(), client, upstream.Opening{Header: header, Note: test.note}, upstream.Chat{ID: "r/1"})
			if got != test.want || (err != nil) != test.fails {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}
