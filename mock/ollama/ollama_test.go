package ollama

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidwall/gjson"

	"sse-typewriter/mock"
)

// send sends a request to a stand-in and returns the status, the body, and the error of reading
// the body.
func send(t *testing.T, method, path, body string, header ...string) (int, string, error) {
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
	return res.StatusCode, string(text), err
}

const chat = `"messages":[{"role":"user","content":"hello"}]`

// Each model ends as its description says, as a chat and as a completion.
func TestModels(t *testing.T) {
	for _, m := range Models() {
		if m.refuse != nil || m.Name == "hang" {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for path, fields := range map[string]string{"/api/chat": chat, "/api/generate": `"prompt":"hello"`} {
					_, body, err := send(t, "POST", path, `{"model":"`+m.Name+`",`+fields+`}`)
					lines := strings.Split(strings.TrimSpace(body), "\n")
					content, thinking, ends := "", "", 0
					for _, line := range lines {
						content += gjson.Get(line, "message.content").Str + gjson.Get(line, "response").Str
						thinking += gjson.Get(line, "message.thinking").Str + gjson.Get(line, "thinking").Str
						if gjson.Get(line, "done").Bool() {
							ends++
						}
					}
					isCut := strings.HasPrefix(m.Name, "cut")
					if errors.Is(err, io.ErrUnexpectedEOF) != isCut || (thinking != "") != m.thinks {
						t.Errorf("%s: got error %v and reasoning %q", path, err, thinking)
					}
					isComplete := !isCut && m.Name != "no-done" && m.Name != "error-event"
					last := lines[len(lines)-1]
					if (ends == 1) != isComplete || isComplete && (content == "" || gjson.Get(last, "eval_count").Int() == 0) {
						t.Errorf("%s: got %q, %d ends, last %s", path, content, ends, last)
					}
					if (gjson.Get(last, "error").Str != "") != (m.Name == "error-event") {
						t.Errorf("%s: got last line %s", path, last)
					}
				}
			})
		})
	}
}

// A reply without a stream has the whole answer.
func TestWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, body, err := send(t, "POST", "/api/chat", `{"model":"qwen3","stream":false,`+chat+`}`)
		message := gjson.Get(body, "message")
		if err != nil || !strings.HasPrefix(message.Get("content").Str, "You said: hello") || message.Get("thinking").Str == "" || !gjson.Get(body, "done").Bool() {
			t.Errorf("got %s, %v", body, err)
		}
		_, body, _ = send(t, "POST", "/api/chat", `{"model":"qwen3","think":false,"stream":false,`+chat+`}`)
		if gjson.Get(body, "message.thinking").Exists() {
			t.Errorf("got a reasoning in %s", body)
		}
	})
}

// A model calls the first tool, and answers when it gets the result.
func TestTools(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const tools = `"stream":false,"tools":[{"type":"function","function":{"name":"f"}}],"messages":[{"role":"user","content":"hello"}`
		_, body, _ := send(t, "POST", "/api/chat", `{"model":"llama3.2",`+tools+`]}`)
		if name := gjson.Get(body, "message.tool_calls.0.function.name").Str; name != "f" {
			t.Errorf("got a call of %q in %s", name, body)
		}
		_, body, _ = send(t, "POST", "/api/chat", `{"model":"llama3.2",`+tools+`,{"role":"tool","content":"7"}]}`)
		if content := gjson.Get(body, "message.content").Str; !strings.HasPrefix(content, "You said: The tool said: 7") {
			t.Errorf("got %q", content)
		}
	})
}

// Other requests.
func TestReplies(t *testing.T) {
	for _, test := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		want                     string
	}{
		{"models", "GET", "/api/tags", "", nil, 200, `{"models":[{"name":"llama3.2"`},
		{"version", "GET", "/upstream/api/version", "", nil, 200, `{"version":"`},
		{"load a model", "POST", "/api/chat", `{"model":"x","messages":[]}`, nil, 200, `{"model":"x","created_at":"`},
		{"a command", "POST", "/api/generate", `{"model":"x","stream":false,"prompt":"/error-500 hello"}`, nil, 500, `{"error":"model runner has unexpectedly stopped"}`},
		{"a header", "POST", "/api/generate", `{"model":"x","prompt":"hello"}`, []string{mock.ScenarioHeader, "error-404"}, 404, `{"error":"model \"error-404\" not found"}`},
		{"no model", "POST", "/api/chat", `{}`, nil, 400, `{"error":"model is required"}`},
		{"no JSON", "POST", "/api/chat", `{`, nil, 400, `{"error":"invalid character`},
		{"a bad key", "POST", "/api/chat", `{}`, []string{"Authorization", "Bearer bad"}, 401, `{"error":"unauthorized"}`},
		{"another method", "GET", "/api/chat", "", nil, 405, `{"error":"method not allowed"}`},
		{"another path", "GET", "/other", "", nil, 404, `{"error":"not found"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if status, body, err := send(t, test.method, test.path, test.body, test.header...); status != test.status || !strings.HasPrefix(body, test.want) || err != nil {
					t.Errorf("got %d %s, %v, want %d %s", status, body, err, test.status, test.want)
				}
			})
		})
	}
}
