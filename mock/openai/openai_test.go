package openai

import (
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"sse-typewriter/mock"

	"github.com/tidwall/gjson"
)

// reply is a reply of a stand-in; err is the error of reading the body.
type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

// send sends a request to a stand-in.
func send(t *testing.T, method, path, body string, header ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://stand-in"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := mock.New(1, Dialect{}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(text), err}
}

// ask asks a model and returns the data of the events.
func ask(t *testing.T, model, fields string) ([]string, error) {
	t.Helper()
	body := `{"model":"` + model + `","stream":true,"messages":[{"role":"user","content":"hello"}]` + fields + `}`
	reply := send(t, http.MethodPost, "/upstream/v1/chat/completions", body)
	var data []string
	for block := range strings.SplitSeq(reply.body, "\n\n") {
		if _, d, ok := strings.Cut(block, "data: "); ok {
			data = append(data, d)
		}
	}
	return data, reply.err
}

// Each model ends as its description says.
func TestModels(t *testing.T) {
	for _, m := range Models() {
		if m.refuse != nil || m.Name == "hang" {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				data, err := ask(t, m.Name, `,"stream_options":{"include_usage":true}`)
				if m.Name == "cut" || m.Name == "cut-early" {
					if !errors.Is(err, io.ErrUnexpectedEOF) {
						t.Errorf("got error %v, want a broken connection", err)
					}
					return
				}
				content, reasoning, finished, usages := "", "", 0, 0
				for _, d := range data {
					if choices := gjson.Get(d, "choices"); choices.Exists() && !choices.IsArray() {
						t.Errorf("got choices %s", choices.Raw)
					}
					delta := gjson.Get(d, "choices.0.delta")
					content += delta.Get("content").Str
					reasoning += delta.Get("reasoning_content").Str + delta.Get("reasoning").Str
					if gjson.Get(d, "choices.0.finish_reason").Str != "" {
						finished++
					}
					if gjson.Get(d, "usage").IsObject() {
						usages++
					}
				}
				if err != nil || content == "" || (reasoning != "") != (m.style.reasoning != "") {
					t.Errorf("got error %v, content %q and reasoning %q", err, content, reasoning)
				}
				failed := m.Name == "no-done" || strings.HasPrefix(m.Name, "error-")
				if !failed && (finished != 1 || usages != 1 || !slices.Contains(data, "[DONE]")) {
					t.Errorf("got %d ends, %d usages and %q", finished, usages, data[len(data)-1])
				}
				if failed && finished+usages > 0 {
					t.Errorf("got %d ends and %d usages", finished, usages)
				}
			})
		})
	}
}

func TestOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data, _ := ask(t, "gpt-4o", `,"n":2,"logprobs":true`)
		texts := map[int64]string{}
		probable := ""
		for _, d := range data {
			index := gjson.Get(d, "choices.0.index").Int()
			texts[index] += gjson.Get(d, "choices.0.delta.content").Str
			if index == 1 {
				probable += gjson.Get(d, "choices.0.logprobs.content.0.token").Str
			}
		}
		if texts[0] == "" || texts[0] != texts[1] || probable != texts[1] {
			t.Errorf("got %v, tokens %q", texts, probable)
		}
	})
}

// A model calls the tool that it is offered, and answers with its result.
func TestTools(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data, _ := ask(t, "gpt-4o", `,"tools":[{"type":"function","function":{"name":"f"}}]`)
		name, arguments := "", ""
		for _, d := range data {
			call := gjson.Get(d, "choices.0.delta.tool_calls.0.function")
			name += call.Get("name").Str
			arguments += call.Get("arguments").Str
		}
		if name != "f" || !gjson.Valid(arguments) || gjson.Get(data[len(data)-2], "choices.0.finish_reason").Str != "tool_calls" {
			t.Errorf("got %s(%s) and %s", name, arguments, data[len(data)-2])
		}
		text := send(t, http.MethodPost, "/v1/chat/completions",
			`{"model":"gpt-4o","messages":[{"role":"tool","content":"sunny"}],"tools":[{"type":"function","function":{"name":"f"}}]}`).body
		if content := gjson.Get(text, "choices.0.message.content").Str; !strings.Contains(content, "sunny") {
			t.Errorf("got %s", text)
		}
	})
}

func TestReplies(t *testing.T) {
	const body = `{"model":"x","messages":[{"role":"user","content":[{"type":"text","text":"hello"}]}]}`
	for _, test := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		field, want              string
	}{
		{"a whole reply", "POST", "/v1/chat/completions", body, nil, 200, "object", "chat.completion"},
		{"its text", "POST", "/chat/completions", body, nil, 200, "choices.0.message.content", "You said: hello\n\nThis is the stand-in: no model is thinking here, but every character is typed for you with care. For a longer answer, ask for an article."},
		{"a legacy completion", "POST", "/v1/completions", `{"model":"x","prompt":"hello"}`, nil, 200, "object", "text_completion"},
		{"models", "GET", "/v1/models", "", nil, 200, "data.0.id", "gpt-4o"},
		{"a model by header", "POST", "/v1/chat/completions", body, []string{mock.ScenarioHeader, "error-500"}, 500, "error.type", "server_error"},
		{"a model by message", "POST", "/v1/completions", `{"model":"x","prompt":"/error-429"}`, nil, 429, "error.code", "rate_limit_exceeded"},
		{"no messages", "POST", "/v1/chat/completions", `{"model":"x"}`, nil, 400, "error.type", "invalid_request_error"},
		{"no model", "POST", "/v1/chat/completions", `{"messages":[{}]}`, nil, 400, "error.message", "you must provide a model parameter"},
		{"no JSON", "POST", "/v1/chat/completions", `{`, nil, 400, "error.type", "invalid_request_error"},
		{"another method", "GET", "/v1/chat/completions", "", nil, 405, "error.code", "method_not_supported"},
		{"a bad key", "POST", "/v1/chat/completions", body, []string{"Authorization", "Bearer bad"}, 401, "error.code", "invalid_api_key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			reply := send(t, test.method, test.path, test.body, test.header...)
			if got := gjson.Get(reply.body, test.field).String(); reply.err != nil || reply.status != test.status || got != test.want {
				t.Errorf("got %d %s, %v; want %d with %s %q", reply.status, reply.body, reply.err, test.status, test.field, test.want)
			}
			if id := reply.header.Get("X-Request-Id"); !strings.HasPrefix(id, "req_") {
				t.Errorf("got request id %q", id)
			}
		})
	}
}

func TestModelsAreDocumented(t *testing.T) {
	docs, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range Models() {
		if !strings.Contains(string(docs), "`"+m.Name+"`") {
			t.Errorf("docs/formats.md does not have %s", m.Name)
		}
	}
}
