package handler

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/testenv"
	"sse-typewriter/mock"
	ollamamock "sse-typewriter/mock/ollama"
	"sse-typewriter/upstream/ollama"
)

// withOllama adds the format to those of a handler.
func withOllama(o *Options, _ *streams.Options) {
	o.Upstreams[0].Formats = append(slices.Clone(o.Upstreams[0].Formats), ollama.New(ollama.Options{}))
}

// ollamaChat is a request for a streamed chat of a model.
func ollamaChat(model string) request {
	return request{method: "POST", url: "/ollama/api/chat", body: `{"model":"` + model + `","messages":[{"role":"user","content":"hi"}]}`}
}

// A chat and a completion are typed character by character, and end with one last line.
func TestOllama(t *testing.T) {
	for _, test := range []struct {
		name, content, thinking string
		request
	}{
		{"chat", "message.content", "", ollamaChat("llama3.2")},
		{"reasoning", "message.content", "message.thinking", ollamaChat("qwen3")},
		{"the end in the last text", "message.content", "", ollamaChat("ends-with-text")},
		{"completion", "response", "thinking", request{method: "POST", url: "/api/generate", body: `{"model":"qwen3","prompt":"hi"}`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, ollamamock.Dialect{}), withOllama)
				a := server.serve(t.Context(), t, test.request)
				content, thinking, ends := "", "", 0
				lines := strings.Split(strings.TrimSuffix(a.text(), "\n"), "\n")
				for i, line := range lines {
					text := gjson.Get(line, test.content).Str
					content += text
					thinking += gjson.Get(line, test.thinking).Str
					if len([]rune(text)) > 1 && i < len(lines)-2 { // the tail is faster
						t.Errorf("got %q in one line", text)
					}
					if gjson.Get(line, "done").Bool() && gjson.Get(line, "eval_count").Int() > 0 {
						ends++
					}
				}
				if a.status != http.StatusOK || !a.complete || !strings.HasPrefix(content, "You said: hi") || (thinking != "") != (test.thinking != "") || ends != 1 {
					t.Errorf("got %d, complete %t, %q, %q and %d ends", a.status, a.complete, content, thinking, ends)
				}
			})
		})
	}
}

// A failed stream ends with an error in a line and a broken body.
func TestOllamaFails(t *testing.T) {
	for _, test := range []struct {
		model, want string
		complete    bool
	}{
		{"cut", "upstream ended mid-stream", false},
		{"cut-early", "upstream ended mid-stream", false},
		{"no-done", "upstream ended mid-stream", false},
		{"hang", "upstream stalled mid-stream", false},
		{"error-event", "the model runner has crashed", true},
		{"llama3.2", "", true},
	} {
		t.Run(test.model, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, ollamamock.Dialect{}), withOllama)
				a := server.serve(t.Context(), t, ollamaChat(test.model))
				lines := strings.Split(strings.TrimSpace(a.text()), "\n")
				if got := gjson.Get(lines[len(lines)-1], "error").Str; got != test.want || a.complete != test.complete {
					t.Errorf("got %q, complete %t, want %q, %t", got, a.complete, test.want, test.complete)
				}
			})
		})
	}
}

// A chat resumes behind any event, as events, and from the beginning, as lines.
func TestOllamaResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, ollamamock.Dialect{}), withOllama)
		r := ollamaChat("ends-with-text")
		r.header = map[string]string{"Typewriter-Event-Ids": "on"}
		a := server.serve(t.Context(), t, r)
		lines := contentOf(strings.Split(a.text(), "\n"))
		get := request{method: "GET", url: streamsPath + a.header("Typewriter-Stream"), header: map[string]string{}}
		if got := contentOf(strings.Split(server.serve(t.Context(), t, get).text(), "\n")); got != lines {
			t.Errorf("got %q, want %q", got, lines)
		}
		get.header["Accept"] = "text/event-stream"
		full := strings.Split(strings.TrimSuffix(server.serve(t.Context(), t, get).text(), "\n\n"), "\n\n")
		for i := 1; i < len(full)-1; i += 7 {
			id, _, _ := strings.Cut(strings.TrimPrefix(full[i], "id: "), "\n")
			get.header["Last-Event-ID"] = id
			rest := strings.Split(strings.TrimSuffix(server.serve(t.Context(), t, get).text(), "\n\n"), "\n\n")
			if got, want := contentOf(rest), contentOf(full[i+1:]); got != want {
				t.Fatalf("after %s:\ngot  %s\nwant %s", full[i], got, want)
			}
		}
	})
}

// contentOf joins the content of chats in lines or events, and their ends.
func contentOf(all []string) string {
	var content strings.Builder
	for _, one := range all {
		_, data, isEvent := strings.Cut(one, "data: ")
		if !isEvent {
			data = one
		}
		content.WriteString(gjson.Get(data, "message.content").Str + gjson.Get(data, "done_reason").Str)
	}
	return content.String()
}

// A stopped chat ends in order for its reader.
func TestOllamaStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, ollamamock.Dialect{}), withOllama)
		r := ollamaChat("slow")
		stopped := false
		r.received = func(a answer) {
			if !stopped && len(a.chunks) > 3 {
				stopped = true
				server.serve(t.Context(), t, request{method: "DELETE", url: streamsPath + a.header("Typewriter-Stream")})
			}
		}
		a := server.serve(t.Context(), t, r)
		lines := strings.Split(strings.TrimSpace(a.text()), "\n")
		if last := lines[len(lines)-1]; !a.complete || !gjson.Get(last, "done").Bool() || gjson.Get(last, "done_reason").Str != "stop" {
			t.Errorf("got %q, complete %t", last, a.complete)
		}
	})
}

// Refusals have the form of Ollama's, and replies without a stream pass.
func TestOllamaIsRefused(t *testing.T) {
	unreachable := testenv.RoundTripFunc(func(*http.Request) (*http.Response, error) { return nil, http.ErrServerClosed })
	for _, test := range []struct {
		name      string
		transport http.RoundTripper
		request
		set    option
		status int
		want   string
	}{
		{"no key", unreachable, ollamaChat("m"), withKeys, 401, `{"error":"a valid key is needed: Authorization: Bearer KEY","code":"unauthorized"}`},
		{"rate limit", unreachable, ollamaChat("m"), withoutRate, 429, `{"error":"too many requests","code":"rate_limit"}`},
		{"unreachable", unreachable, ollamaChat("m"), nil, 502, `{"error":"upstream cannot be reached","code":"unreachable"}`},
		{"by the service", mock.New(1, ollamamock.Dialect{}), ollamaChat("error-404"), nil, 404, `{"error":"model \"error-404\" not found"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			options := []option{withOllama}
			if test.set != nil {
				options = append(options, test.set)
			}
			_, server := newTestHandler(t, test.transport, options...)
			if a := server.serve(t.Context(), t, test.request); a.status != test.status || a.text() != test.want {
				t.Errorf("got %d %s, want %d %s", a.status, a.text(), test.status, test.want)
			}
		})
	}
}

// During silence the client gets spaces, which its JSON parser skips.
func TestOllamaHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, ollamamock.Dialect{}), withOllama, func(o *Options, _ *streams.Options) { o.Heartbeat = 3 * time.Second })
		a := server.serve(t.Context(), t, ollamaChat("stall"))
		beats := 0
		for _, c := range a.chunks {
			if c.data == " " {
				beats++
			}
		}
		if beats != 5 || strings.Contains(a.text(), "\n\n") {
			t.Errorf("got %d heartbeats in 20 seconds of silence", beats)
		}
	})
}
