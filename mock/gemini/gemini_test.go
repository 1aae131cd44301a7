package gemini

import (
	"errors"
	"io"
	"net/http"
	"os"
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
	reply := send(t, http.MethodPost, "/upstream/v1beta/models/"+model+":streamGenerateContent?alt=sse", `{"contents":[{"parts":[{"text":"hello"}]}]`+fields+`}`)
	var data []string
	for block := range strings.SplitSeq(reply.body, "\r\n\r\n") {
		if d, ok := strings.CutPrefix(block, "data: "); ok {
			data = append(data, d)
		}
	}
	return data, reply.err
}

// Each model ends as its description says.
func TestModels(t *testing.T) {
	for _, m := range Models() {
		if m.refuse != nil || m.Name == "hang" || m.Name == "blocked" {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				data, err := ask(t, m.Name, "")
				if m.Name == "cut" || m.Name == "cut-early" {
					if !errors.Is(err, io.ErrUnexpectedEOF) {
						t.Errorf("got error %v, want a broken connection", err)
					}
					return
				}
				text, thought, finished := "", "", 0
				for i, d := range data {
					candidate := gjson.Get(d, "candidates.0")
					for _, part := range candidate.Get("content.parts").Array() {
						if part.Get("thought").Bool() {
							thought += part.Get("text").Str
						} else {
							text += part.Get("text").Str
						}
					}
					if candidate.Get("finishReason").Str != "" {
						finished++
					}
					if isError := gjson.Get(d, "error").Exists(); isError != (m.Name == "error-event" && i == len(data)-1) {
						t.Errorf("got %s", d)
					}
				}
				complete := m.Name != "no-finish" && m.Name != "error-event"
				if err != nil || text == "" || (thought != "") != (m.Name == "gemini-thinking") || (finished == 1) != complete {
					t.Errorf("got error %v, text %q, thought %q, %d ends", err, text, thought, finished)
				}
			})
		})
	}
}

// A model calls the function that it is offered, and answers with its result.
func TestFunctions(t *testing.T) {
	const tools = `,"tools":[{"functionDeclarations":[{"name":"f"}]}]`
	synctest.Test(t, func(t *testing.T) {
		data, _ := ask(t, "gemini-flash", tools)
		if call := gjson.Get(data[0], "candidates.0.content.parts.0.functionCall"); call.Get("name").Str != "f" || !call.Get("args").IsObject() {
			t.Errorf("got %s", data)
		}
		text := send(t, http.MethodPost, "/v1beta/models/m:generateContent",
			`{"contents":[{"parts":[{"functionResponse":{"response":{"weather":"sunny"}}}]}]`+tools+`}`).body
		if content := gjson.Get(text, "candidates.0.content.parts.0.text").Str; !strings.Contains(content, "sunny") {
			t.Errorf("got %s", text)
		}
	})
}

func TestReplies(t *testing.T) {
	const (
		body  = `{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}`
		whole = "/v1beta/models/m:generateContent"
		list  = "/v1/projects/p/locations/l/publishers/google/models/m:streamGenerateContent"
	)
	for _, test := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		field, want              string
	}{
		{"a whole reply", "POST", whole, body, nil, 200, "candidates.0.finishReason", "STOP"},
		{"its text", "POST", whole, body, nil, 200, "candidates.0.content.parts.0.text", "You said: hello\n\nThis is the stand-in: no model is thinking here, but every character is typed for you with care. For a longer answer, ask for an article."},
		{"a list", "POST", list, body, nil, 200, "0.candidates.0.content.role", "model"},
		{"a blocked prompt", "POST", "/v1beta/models/blocked:streamGenerateContent", body, nil, 200, "0.promptFeedback.blockReason", "SAFETY"},
		{"tokens", "POST", "/v1beta/models/m:countTokens", body, nil, 200, "totalTokens", "14"},
		{"a model by header", "POST", whole, body, []string{mock.ScenarioHeader, "error-500"}, 500, "error.status", "INTERNAL"},
		{"a model by message", "POST", whole, strings.ReplaceAll(body, "hello", "/error-429"), nil, 429, "error.status", "RESOURCE_EXHAUSTED"},
		{"a model by path", "POST", "/v1beta/models/error-503:generateContent", body, nil, 503, "error.code", "503"},
		{"no contents", "POST", whole, `{}`, nil, 400, "error.status", "INVALID_ARGUMENT"},
		{"no JSON", "POST", whole, `{`, nil, 400, "error.message", "Invalid JSON payload received."},
		{"another method", "GET", whole, "", nil, 405, "error.code", "405"},
		{"a bad key", "POST", whole + "?key=bad", body, nil, 400, "error.message", "API key not valid. Please pass a valid API key."},
	} {
		t.Run(test.name, func(t *testing.T) {
			reply := send(t, test.method, test.path, test.body, test.header...)
			if got := gjson.Get(reply.body, test.field).String(); reply.err != nil || reply.status != test.status || got != test.want {
				t.Errorf("got %d %s, %v; want %d with %s %q", reply.status, reply.body, reply.err, test.status, test.field, test.want)
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
