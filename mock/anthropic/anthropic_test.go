package anthropic

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
	req.Header.Set("Anthropic-Version", "2023-06-01")
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

// ask asks a model and returns the names and the data of the events.
func ask(t *testing.T, model, fields string) (names, data []string, err error) {
	t.Helper()
	body := `{"model":"` + model + `","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hello"}]` + fields + `}`
	reply := send(t, http.MethodPost, "/upstream/v1/messages", body)
	for block := range strings.SplitSeq(reply.body, "\n\n") {
		if name, d, ok := strings.Cut(strings.TrimPrefix(block, "event: "), "\ndata: "); ok {
			names, data = append(names, name), append(data, d)
		}
	}
	return names, data, reply.err
}

// Each model ends as its description says.
func TestModels(t *testing.T) {
	for _, m := range Models() {
		if m.refuse != nil || m.Name == "hang" {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				names, data, err := ask(t, m.Name, "")
				if m.Name == "cut" || m.Name == "cut-early" {
					if !errors.Is(err, io.ErrUnexpectedEOF) {
						t.Errorf("got error %v, want a broken connection", err)
					}
					return
				}
				text, thinking := "", ""
				for i, d := range data {
					if got := gjson.Get(d, "type").Str; got != names[i] || !gjson.Valid(d) {
						t.Errorf("got event %s with %s", names[i], d)
					}
					text += gjson.Get(d, "delta.text").Str
					thinking += gjson.Get(d, "delta.thinking").Str
				}
				if err != nil || text == "" || (thinking != "") != (m.Name == "claude-thinking") {
					t.Errorf("got error %v, text %q and thinking %q", err, text, thinking)
				}
				complete := m.Name != "no-stop" && m.Name != "error-event"
				if slices.Contains(names, "message_stop") != complete || slices.Contains(names, "message_delta") != complete {
					t.Errorf("got events %q", names)
				}
			})
		})
	}
}

// A model calls the tool that it is offered, and answers with its result.
func TestTools(t *testing.T) {
	const tools = `,"tools":[{"name":"f","input_schema":{}}]`
	synctest.Test(t, func(t *testing.T) {
		_, data, _ := ask(t, "claude-sonnet", tools)
		name, input, reason := "", "", ""
		for _, d := range data {
			name += gjson.Get(d, "content_block.name").Str
			input += gjson.Get(d, "delta.partial_json").Str
			reason += gjson.Get(d, "delta.stop_reason").Str
		}
		if name != "f" || !gjson.Valid(input) || reason != "tool_use" {
			t.Errorf("got %s(%s) and %s", name, input, reason)
		}
		text := send(t, http.MethodPost, "/v1/messages",
			`{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"tool_result","content":"sunny"}]}]`+tools+`}`).body
		if content := gjson.Get(text, "content.0.text").Str; !strings.Contains(content, "sunny") {
			t.Errorf("got %s", text)
		}
	})
}

func TestReplies(t *testing.T) {
	const body = `{"model":"x","max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"hello"}]}]}`
	const vertex = "/v1/projects/p/locations/l/publishers/anthropic/models/error-529:streamRawPredict"
	for _, test := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		field, want              string
	}{
		{"a whole reply", "POST", "/v1/messages", body, nil, 200, "stop_reason", "end_turn"},
		{"its text", "POST", "/anthropic/v1/messages", body, nil, 200, "content.0.text", "You said: hello\n\nThis is the stand-in: no model is thinking here, but every character is typed for you with care. For a longer answer, ask for an article."},
		{"tokens", "POST", "/v1/messages/count_tokens", body, nil, 200, "input_tokens", "25"},
		{"a model by header", "POST", "/v1/messages", body, []string{mock.ScenarioHeader, "error-500"}, 500, "error.type", "api_error"},
		{"a model by message", "POST", "/v1/messages", strings.ReplaceAll(body, "hello", "/error-429"), nil, 429, "error.type", "rate_limit_error"},
		{"a model by path", "POST", vertex, body, []string{"Anthropic-Version", ""}, 529, "error.type", "overloaded_error"},
		{"no messages", "POST", "/v1/messages", `{"model":"x","max_tokens":9}`, nil, 400, "error.type", "invalid_request_error"},
		{"no max_tokens", "POST", "/v1/messages", `{"model":"x","messages":[{}]}`, nil, 400, "error.message", "max_tokens: Field required"},
		{"no model", "POST", "/v1/messages", `{"max_tokens":9,"messages":[{}]}`, nil, 400, "error.message", "model: Field required"},
		{"no version", "POST", "/v1/messages", body, []string{"Anthropic-Version", ""}, 400, "error.message", "anthropic-version: header is required"},
		{"no JSON", "POST", "/v1/messages", `{`, nil, 400, "error.type", "invalid_request_error"},
		{"another method", "GET", "/v1/messages", "", nil, 405, "error.type", "invalid_request_error"},
		{"a bad key", "POST", "/v1/messages", body, []string{"X-Api-Key", "bad"}, 401, "error.type", "authentication_error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			reply := send(t, test.method, test.path, test.body, test.header...)
			if got := gjson.Get(reply.body, test.field).String(); reply.err != nil || reply.status != test.status || got != test.want {
				t.Errorf("got %d %s, %v; want %d with %s %q", reply.status, reply.body, reply.err, test.status, test.field, test.want)
			}
			if id := reply.header.Get("Request-Id"); !strings.HasPrefix(id, "req_") {
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
