package handler

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/testenv"

	"github.com/tidwall/gjson"

	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
	"sse-typewriter/typewriter"
)

// times returns the time of flush and the text of each delta.
func times(t *testing.T, a answer) []string {
	t.Helper()
	var got []string
	for _, c := range a.chunks {
		for _, block := range strings.SplitAfter(c.data, "\n\n") {
			if !strings.Contains(block, "data:") {
				continue
			}
			_, data, _ := strings.Cut(block, "data:")
			what := strings.TrimSpace(data)
			if content := gjson.Get(data, "content"); content.Exists() {
				what = content.Str
			}
			got = append(got, fmt.Sprintf("%d %s", c.at.Milliseconds(), what))
		}
	}
	return got
}

// The article's stream in typewriter mode. The deltas arrive every 80 ms, the pauses are
// 100 ms (200 after the comma), and the backlog stays too short for catching up.
var articleTimes = []string{
	"0 你", "100 好", "200 ，", "400 这", "500 是", "600  ", "700 C", "800 o", "900 z", "1000 e",
	"1100  ", "1200 S", "1300 S", "1400 E", `1400 {"status":"completed"}`, "1400 [DONE]",
}

func TestArticleIsTyped(t *testing.T) {
	tests := []struct {
		name string
		request
	}{
		{"POST without a body", request{method: "POST", url: "/v3/chat"}},
		{"GET without a query", request{method: "GET", url: "/v3/chat"}},
		{"GET with a message", request{method: "GET", url: "/v3/chat?message=" + cozemock.ArticleMessage}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, cozemock.New()))
				a := server.serve(context.Background(), t, test.request)
				if got := times(t, a); !reflect.DeepEqual(got, articleTimes) {
					t.Errorf("got  %q\nwant %q", got, articleTimes)
				}
				for _, field := range []string{"id", "role", "type", "content", "created_at"} {
					_, data, _ := strings.Cut(a.text(), "data:")
					if !gjson.Get(data, field).Exists() {
						t.Errorf("%s is missing in %s", field, data)
					}
				}
			})
		})
	}
}

func TestStreamHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, cozemock.New()))
		a := server.serve(context.Background(), t, question("hello"))
		want := map[string]string{
			"Content-Type":      "text/event-stream; charset=utf-8",
			"Cache-Control":     "no-cache, no-store, must-revalidate",
			"Pragma":            "no-cache",
			"Connection":        "keep-alive",
			"X-Accel-Buffering": "no",
		}
		for name, value := range want {
			if got := a.header(name); got != value {
				t.Errorf("%s is %q, want %q", name, got, value)
			}
		}
		if len(a.header("Typewriter-Stream")) != 26 || a.header("X-Tt-Logid") == "" {
			t.Errorf("stream id %q, logid %q", a.header("Typewriter-Stream"), a.header("X-Tt-Logid"))
		}
	})
}

// Each event is a chunk, except for events due at the same time.
func TestOneEventOneFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, cozemock.New()))
		a := server.serve(context.Background(), t, question("hello"))
		last := time.Duration(-1)
		for _, c := range a.chunks {
			if c.at == last || !strings.HasSuffix(c.data, "\n\n") {
				t.Errorf("at %v: %q", c.at, c.data)
			}
			last = c.at
		}
	})
}

func TestGetHasIDsAndRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, cozemock.New()))
		for _, r := range []request{
			{method: "GET", url: "/v3/chat?message=hello"},
			{method: "POST", url: "/v3/chat?event_ids=on", body: question("hello").body},
			{method: "POST", url: "/v3/chat", header: map[string]string{"Typewriter-Event-Ids": "on"}},
		} {
			a := server.serve(context.Background(), t, r)
			blocks := strings.Split(strings.TrimSuffix(a.text(), "\n\n"), "\n\n")
			if r.method == "GET" {
				// Whoever is cut off now comes back to this stream.
				if want := "id:" + a.header("Typewriter-Stream") + ":0.0"; blocks[0] != want {
					t.Errorf("begins with %q, want %q", blocks[0], want)
				}
				blocks = blocks[1:]
			}
			for i, block := range blocks {
				if !strings.HasPrefix(block, "id:"+a.header("Typewriter-Stream")+":") {
					t.Errorf("%s: no id in %q", r.url, block)
				}
				if got := strings.Contains(block, "\nretry:1000\n"); got != (i == 0) {
					t.Errorf("%s: retry in event %d: %v", r.url, i, got)
				}
			}
		}
	})
}

// A reconnecting browser gets the status 204, not a second chat.
func TestReconnectStartsNoChat(t *testing.T) {
	_, server := newTestHandler(t, testenv.RoundTripFunc(func(*http.Request) (*http.Response, error) {
		t.Error("a chat was started")
		return nil, io.EOF
	}))
	a := server.serve(context.Background(), t, request{
		method: "GET", url: "/v3/chat", header: map[string]string{"Last-Event-ID": strings.Repeat("a", 26) + ":1.0"},
	})
	if a.status != http.StatusNoContent || a.header("Typewriter-Resume") != "gone" {
		t.Errorf("got %d, Typewriter-Resume %q", a.status, a.header("Typewriter-Resume"))
	}
}

func TestTempoIsAskedFor(t *testing.T) {
	raw := func(a answer) bool { return len(a.chunks) > 0 && strings.Contains(a.text(), `" Coze"`) }
	tests := []struct {
		name   string
		url    string
		header [2]string
		want   func(answer) bool
	}{
		{"mode in the query", "?mode=raw", [2]string{}, raw},
		{"mode in a header", "", [2]string{"Typewriter-Mode", "raw"}, raw},
		{"header before query", "?mode=typewriter", [2]string{"Typewriter-Mode", "raw"}, raw},
		{"speed", "?speed=2", [2]string{}, func(a answer) bool { return a.chunks[3].at == 260*time.Millisecond }},
		{"max lag", "?max_lag=30ms&speed=0.1", [2]string{}, func(a answer) bool {
			return a.chunks[1].at <= 110*time.Millisecond
		}},
		{"unit", "?unit=word", [2]string{}, func(a answer) bool { return strings.Contains(a.text(), `"Coze "`) }},
		{"unit in a header", "", [2]string{"Typewriter-Unit", "word"}, func(a answer) bool { return strings.Contains(a.text(), `"Coze "`) }},
		{"min interval", "?min_interval=1s&max_tail=0", [2]string{}, func(a answer) bool { return a.chunks[1].at == time.Second }},
		{"min interval in a header", "?max_tail=0", [2]string{"Typewriter-Min-Interval", "1s"}, func(a answer) bool {
			return a.chunks[1].at == time.Second
		}},
		{"max tail", "?max_tail=50ms&speed=0.1", [2]string{}, endsWithin(50 * time.Millisecond)},
		{"max tail in a header", "?speed=0.1", [2]string{"Typewriter-Max-Tail", "20ms"}, endsWithin(20 * time.Millisecond)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, cozemock.New()))
				r := request{method: "POST", url: "/v3/chat" + test.url}
				if test.header[0] != "" {
					r.header = map[string]string{test.header[0]: test.header[1]}
				}
				if a := server.serve(context.Background(), t, r); !test.want(a) {
					t.Errorf("got %q", times(t, a))
				}
			})
		})
	}
}

// endsWithin reports whether an answer of the mock's bare stream, with a duration of 640
// ms, ends the tail later, or at most the min interval before.
func endsWithin(tail time.Duration) func(answer) bool {
	return func(a answer) bool {
		early := 640*time.Millisecond + tail - a.chunks[len(a.chunks)-1].at
		return early >= 0 && early <= typewriter.DefaultMinInterval
	}
}

func TestBadRequestsAreNamed(t *testing.T) {
	tests := []struct {
		name   string
		url    string
		body   string
		status int
		msg    string
	}{
		{"mode", "/v3/chat?mode=fast", "", 400, `mode \"fast\" is unknown: want typewriter, smooth or raw`},
		{"speed", "/v3/chat?speed=x", "", 400, `speed \"x\" is not a number`},
		{"speed out of bounds", "/v3/chat?speed=0", "", 400, `speed 0 is out of bounds: want 0.1 to 100`},
		{"speed not a number", "/v3/chat?speed=NaN", "", 400, `speed NaN is out of bounds: want 0.1 to 100`},
		{"max lag", "/v3/chat?max_lag=3", "", 400, `max_lag \"3\" is not a duration like 3s, 400ms or 0`},
		{"negative max lag", "/v3/chat?max_lag=-1ns", "", 400, `max_lag \"-1ns\" is not a duration like 3s, 400ms or 0`},
		{"max tail", "/v3/chat?max_tail=soon", "", 400, `max_tail \"soon\" is not a duration like 3s, 400ms or 0`},
		{"reasoning", "/v3/chat?reasoning=fast", "", 400, `reasoning \"fast\" is unknown: want typewriter, smooth or raw`},
		{"unit", "/v3/chat?unit=line", "", 400, `unit \"line\" is unknown: want grapheme or word`},
		{"min interval", "/v3/chat?min_interval=x", "", 400, `min_interval \"x\" is not a duration like 3s, 400ms or 0`},
		{"min interval out of bounds", "/v3/chat?min_interval=2s", "", 400, `min interval 2s is out of bounds: want 0 to 1s`},
		{"Markdown", "/v3/chat?markdown=yes", "", 400, `markdown \"yes\" is neither on nor off`},
		{"max tail out of bounds", "/v3/chat?max_tail=2h", "", 400, `max tail 2h0m0s is out of bounds: want 0 to 1m0s`},
		{"max lag out of bounds", "/v3/chat?max_lag=2h", "", 400, `max lag 2h0m0s is out of bounds: want 0 to 1m0s`},
		{"smooth without lag", "/v3/chat?mode=smooth&max_lag=0", "", 400, `smooth needs one`},
		{"event ids", "/v3/chat?event_ids=yes", "", 400, `event_ids \"yes\" is neither on nor off`},
		{"too large", "/v3/chat", strings.Repeat("x", 1<<20+1), 413, `request body is too large: want at most 1048576 bytes`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, server := newTestHandler(t, mock.New(1, cozemock.New()))
			a := server.serve(context.Background(), t, request{method: "POST", url: test.url, body: test.body})
			if a.status != test.status || !strings.Contains(a.body, test.msg) {
				t.Errorf("got %d %s", a.status, a.body)
			}
			if !gjson.Get(a.body, "code").Exists() || gjson.Get(a.body, "detail.logid").Str == "" ||
				!strings.HasSuffix(a.body, "}") || a.header("Content-Type") != "application/json" {
				t.Errorf("not an error in Coze's shape: %q", a.body)
			}
		})
	}
}

// A reply other than a stream passes byte for byte.
func TestOtherRepliesPass(t *testing.T) {
	for _, scenario := range []string{"error-json", "error-400", "error-401", "error-429", "error-500", "html"} {
		t.Run(scenario, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				standIn := mock.New(1, cozemock.New())
				var want *http.Response
				var body []byte
				_, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
					res, err := standIn.RoundTrip(r)
					if err != nil {
						return nil, err
					}
					want = res
					body, err = io.ReadAll(res.Body)
					res.Body = io.NopCloser(strings.NewReader(string(body)))
					return res, err
				}))
				a := server.serve(context.Background(), t, question("/"+scenario))
				if a.status != want.StatusCode || a.text() != string(body) {
					t.Errorf("got %d %q\nwant %d %q", a.status, a.text(), want.StatusCode, body)
				}
				for name := range want.Header {
					if name != "Content-Length" && a.header(name) != want.Header.Get(name) {
						t.Errorf("%s is %q, want %q", name, a.header(name), want.Header.Get(name))
					}
				}
			})
		})
	}
}

// Reasoning has a separate mode, chosen by parameter or by header.
func TestReasoningMode(t *testing.T) {
	// counts returns the number of events of reasoning and of the answer.
	counts := func(query, header string) (reasoning, answer int) {
		synctest.Test(t, func(t *testing.T) {
			_, server := newTestHandler(t, mock.New(1, cozemock.New()))
			r := request{method: "POST", url: "/v3/chat" + query, body: question("/reasoning").body}
			r.header = map[string]string{"Content-Type": "application/json"}
			if header != "" {
				r.header["Typewriter-Reasoning"] = header
			}
			text := server.serve(t.Context(), t, r).text()
			deltas := strings.Count(text, "event:conversation.message.delta")
			reasoning = strings.Count(text, `"reasoning_content":"`) - strings.Count(text, `"reasoning_content":""`)
			answer = deltas - reasoning
		})
		return reasoning, answer
	}
	rawReasoning, rawAnswer := counts("?mode=raw", "")
	for _, test := range []struct {
		name, query, header string
		wantRaw             bool
	}{
		{"default", "?max_lag=0", "", false},
		{"smooth", "?reasoning=smooth", "", false},
		{"raw", "?reasoning=raw", "", true},
		{"raw in a header", "?reasoning=smooth", "raw", true},
		{"mode raw", "?mode=raw&reasoning=smooth", "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			reasoning, answer := counts(test.query, test.header)
			if (reasoning == rawReasoning) != test.wantRaw || reasoning < rawReasoning {
				t.Errorf("%d events of reasoning, raw ones are %d", reasoning, rawReasoning)
			}
			if !strings.Contains(test.query, "mode=raw") && answer <= rawAnswer {
				t.Errorf("%d events of the answer, raw ones are %d", answer, rawAnswer)
			}
		})
	}
}

// With Markdown, no event ends within a marker.
func TestMarkdownParameter(t *testing.T) {
	for _, test := range []struct {
		name, query, header string
		want                bool
	}{
		{"default", "?max_lag=0", "", false},
		{"off", "?max_lag=0&markdown=off", "", false},
		{"on", "?max_lag=0&markdown=on", "", true},
		{"on in a header", "?max_lag=0&markdown=off", "on", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, cozemock.New()))
				r := question("/at-once")
				r.url += test.query
				if test.header != "" {
					r.header = map[string]string{"Content-Type": "application/json", "Typewriter-Markdown": test.header}
				}
				text := server.serve(t.Context(), t, r).text()
				if whole := !strings.Contains(text, `"content":"#"`); whole != test.want || len(text) < 5000 {
					t.Errorf("the marks of headings stay together: %t, want %t, in %d bytes", whole, test.want, len(text))
				}
			})
		})
	}
}
