package handler

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/testenv"
	"sse-typewriter/mock"
	geminimock "sse-typewriter/mock/gemini"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream/gemini"
)

// withGemini adds the format to those of a handler, and leaves the minimum interval to it.
func withGemini(o *Options, _ *streams.Options) {
	u := o.Upstreams[0]
	u.Formats = append(slices.Clone(u.Formats), gemini.New(gemini.Options{}))
	for mode, pace := range u.Paces {
		pace.MinInterval = typewriter.Auto
		u.Paces[mode] = pace
	}
}

// generation is a request for streamed content of a model.
func generation(model string) request {
	return request{
		method: "POST", url: "/v1beta/models/" + model + ":streamGenerateContent?alt=sse",
		header: map[string]string{"x-goog-api-key": "k"},
		body:   `{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}`,
	}
}

// joinedParts joins the texts of a stream's chunks, as an SDK does. Other parts and fields
// are kept as they are. Each chunk must have the role.
func joinedParts(t *testing.T, chunks []string) string {
	t.Helper()
	var out, last strings.Builder
	kind := ""
	for _, data := range chunks {
		candidate := gjson.Get(data, "candidates.0")
		if candidate.Exists() && candidate.Get("content.role").Str != "model" {
			t.Errorf("got a chunk without role: %s", data)
		}
		for _, part := range candidate.Get("content.parts").Array() {
			if text := part.Get("text").Str; text != "" {
				if k := "\nthought " + part.Get("thought").Raw + ": "; k != kind {
					out.WriteString(k)
					kind = k
				}
				out.WriteString(text)
				continue
			}
			kind = ""
			out.WriteString("\n" + part.Raw)
		}
		for _, field := range []string{"finishReason", "groundingMetadata"} {
			if v := candidate.Get(field); v.Exists() {
				out.WriteString("\n" + field + v.Raw)
			}
		}
		if v := gjson.Get(data, "usageMetadata"); v.Exists() {
			last.Reset()
			last.WriteString("\n" + v.Raw)
		}
	}
	return out.String() + last.String()
}

// Content is typed in pieces of several characters, and otherwise passes unchanged.
func TestGeneration(t *testing.T) {
	for _, model := range []string{"gemini-flash", "gemini-thinking", "gemini-lumps", "code-execution", "function-call", "grounding", "blocked"} {
		t.Run(model, func(t *testing.T) {
			var raw string
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, geminimock.Dialect{}), withGemini)
				r := generation(model)
				r.url += "&mode=raw"
				raw = joinedParts(t, dataOf(t, server.serve(context.Background(), t, r).text()))
			})
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, geminimock.Dialect{}), withGemini)
				a := server.serve(context.Background(), t, generation(model))
				if a.status != http.StatusOK || !a.complete || a.header("X-Gemini-Service-Tier") != "standard" {
					t.Fatalf("got status %d, complete %t, %v", a.status, a.complete, a.fields)
				}
				if got := joinedParts(t, dataOf(t, a.text())); got != raw || len(got) < 20 {
					t.Errorf("got  %s\nwant %s", got, raw)
				}
				var last time.Duration
				for i, c := range a.chunks {
					if text := gjson.Get(c.data, "candidates.0.content.parts.0.text").Str; len([]rune(text)) > 30 { // lumps are typed fast
						t.Errorf("got %q in one event", text)
					}
					isText := regexp.MustCompile(`^data: .*"text":"[^"]`).MatchString(c.data)
					if i > 0 && isText && c.at-last < 50*time.Millisecond && c.at < a.chunks[len(a.chunks)-1].at-time.Second {
						t.Errorf("got %q only %v after the event before", c.data, c.at-last)
					}
					last = c.at
				}
			})
		})
	}
}

// A stream resumes behind any event, for its client and for another viewer, and repeats
// nothing.
func TestGenerationResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, geminimock.Dialect{}), withGemini)
		r := generation("code-execution")
		r.header["Typewriter-Event-Ids"] = "on"
		first := server.serve(t.Context(), t, r)
		ids, full := withoutIDs(first.text())
		viewer := request{method: "GET", url: "/typewriter/streams/" + first.header("Typewriter-Stream"), header: map[string]string{"x-goog-api-key": "k"}}
		_, watched, _ := strings.Cut(server.serve(t.Context(), t, viewer).text(), "\n\n") // the first event only has an id
		_, chunks := withoutIDs(watched)
		if got, want := joinedParts(t, chunks), joinedParts(t, full); got != want {
			t.Errorf("a viewer got\n%s\nwant\n%s", got, want)
		}
		for i := 0; i < len(full)-1; i += 5 {
			r.header["Last-Event-ID"] = ids[i]
			_, rest := withoutIDs(server.serve(t.Context(), t, r).text())
			if got, want := joinedParts(t, rest), joinedParts(t, full[i+1:]); got != want {
				t.Fatalf("after %s:\ngot  %s\nwant %s", full[i], got, want)
			}
		}
	})
}

// withoutIDs returns the ids of the events of a stream, and their data.
func withoutIDs(stream string) (ids, data []string) {
	for block := range strings.SplitSeq(strings.TrimSuffix(stream, "\n\n"), "\n\n") {
		id, d, _ := strings.Cut(block, "data: ")
		id, _, _ = strings.Cut(strings.TrimPrefix(id, "id: "), "\n")
		ids, data = append(ids, id), append(data, d)
	}
	return ids, data
}

// A stopped stream ends as streams of the service do, without a last event.
func TestGenerationStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, geminimock.Dialect{}), withGemini)
		r := generation("slow")
		r.header["Prefer"] = "respond-async"
		id := gjson.Get(server.serve(t.Context(), t, r).text(), "stream").Str
		time.Sleep(6 * time.Second)
		stream := request{method: "DELETE", url: "/typewriter/streams/" + id, header: map[string]string{"x-goog-api-key": "k"}}
		if a := server.serve(t.Context(), t, stream); a.status != http.StatusNoContent && a.status != http.StatusOK {
			t.Fatalf("got status %d", a.status)
		}
		stream.method = "GET"
		a := server.serve(t.Context(), t, stream)
		_, text, _ := strings.Cut(a.text(), "\n\n")
		if _, chunks := withoutIDs(text); !a.complete || !strings.Contains(joinedParts(t, chunks), ": You") || strings.Contains(text, "finishReason") {
			t.Errorf("got complete %t, %s", a.complete, text)
		}
	})
}

// A failed stream ends with an error and a broken body, a complete stream does not.
func TestGenerationFails(t *testing.T) {
	for _, test := range []struct {
		model, status, reason string
		code                  int64
		complete              bool
	}{
		{"cut", "UNAVAILABLE", "cut", 502, false},
		{"cut-early", "UNAVAILABLE", "cut", 502, false},
		{"no-finish", "UNAVAILABLE", "cut", 502, false},
		{"hang", "DEADLINE_EXCEEDED", "idle_timeout", 504, false},
		{"error-event", "UNAVAILABLE", "", 503, true}, // as the service ends it
		{"gemini-flash", "", "", 0, true},
		{"blocked", "", "", 0, true},
	} {
		t.Run(test.model, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, geminimock.Dialect{}), withGemini)
				a := server.serve(context.Background(), t, generation(test.model))
				stream := strings.ReplaceAll(a.text(), "\n\n\n\n", "\n\n") // without heartbeats
				for strings.Contains(stream, "\n\n\n") {
					stream = strings.ReplaceAll(stream, "\n\n\n", "\n\n")
				}
				chunks := dataOf(t, stream)
				failure := gjson.Get(chunks[len(chunks)-1], "error")
				if failure.Get("status").Str != test.status || failure.Get("code").Int() != test.code || failure.Get("details.0.reason").Str != test.reason || a.complete != test.complete {
					t.Errorf("got %s, complete %t, want %s, %d, %s, %t", failure.Raw, a.complete, test.status, test.code, test.reason, test.complete)
				}
			})
		})
	}
}

// Silence is filled with empty lines between whole events, and with nothing else.
func TestGenerationHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, geminimock.Dialect{}), withGemini)
		a := server.serve(context.Background(), t, generation("stall"))
		beats := 0
		for _, c := range a.chunks {
			switch {
			case c.data == "\n\n":
				beats++
			case !regexp.MustCompile(`^(data: \{[^\n]*\}\n\n)+$`).MatchString(c.data):
				t.Errorf("got %q", c.data)
			}
		}
		if beats != 1 { // in 20 seconds
			t.Errorf("got %d heartbeats, want 1", beats)
		}
	})
}

// Refusals have the form of Google's.
func TestGenerationIsRefused(t *testing.T) {
	unreachable := testenv.RoundTripFunc(func(*http.Request) (*http.Response, error) { return nil, http.ErrServerClosed })
	for _, test := range []struct {
		name, query, body string
		set               option
		code              int
		status, waits     string
	}{
		{"no key", "", "{}", withKeys, 401, "UNAUTHENTICATED", ""},
		{"a bad parameter", "&mode=x", "{}", nil, 400, "INVALID_ARGUMENT", ""},
		{"too large", "", strings.Repeat("x", 2<<20), nil, 413, "INVALID_ARGUMENT", ""},
		{"full", "", "{}", func(o *Options, _ *streams.Options) { o.MaxStreams = 0 }, 503, "UNAVAILABLE", "1"},
		{"rate limit", "", "{}", withoutRate, 429, "RESOURCE_EXHAUSTED", "60"},
		{"unreachable", "", "{}", nil, 502, "UNAVAILABLE", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			options := []option{withGemini}
			if test.set != nil {
				options = append(options, test.set)
			}
			_, server := newTestHandler(t, unreachable, options...)
			r := generation("m")
			r.url, r.body = r.url+test.query, test.body
			a := server.serve(t.Context(), t, r)
			failure := gjson.Get(a.text(), "error")
			if a.status != test.code || failure.Get("code").Int() != int64(test.code) || failure.Get("status").Str != test.status || failure.Get("message").Str == "" {
				t.Errorf("got %d %s, want %d %s", a.status, a.text(), test.code, test.status)
			}
			if got := a.header("Retry-After"); got != test.waits {
				t.Errorf("got retry-after %q, want %q", got, test.waits)
			}
		})
	}
}

// Replies without the parameter alt=sse, and to other methods, pass byte for byte.
func TestGenerationWithoutStream(t *testing.T) {
	_, server := newTestHandler(t, mock.New(1, geminimock.Dialect{}), withGemini)
	for _, test := range []struct {
		url    string
		status int
		want   string
	}{
		{"/v1beta/models/at-once:streamGenerateContent", 200, `[{"candidates":[{"content":{"parts":[{"text":`},
		{"/v1beta/models/m:generateContent", 200, `{"candidates":[{"content":{"parts":[{"text":"You said`},
		{"/v1beta/models/error-503:streamGenerateContent?alt=sse", 503, `{"error":{"code":503,"message":"The model is overloaded.`},
	} {
		r := generation("m")
		r.url = test.url
		if a := server.serve(t.Context(), t, r); a.status != test.status || !strings.HasPrefix(a.text(), test.want) || !a.complete {
			t.Errorf("%s: got %d %s, want %d %s", test.url, a.status, a.text(), test.status, test.want)
		}
	}
}
