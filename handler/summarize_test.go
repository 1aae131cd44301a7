package handler

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/testenv"

	"github.com/tidwall/gjson"

	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
)

func getSummary(text, query string) request {
	return request{method: "GET", url: "/ai/summarize?text=" + url.QueryEscape(text) + query}
}

// updates returns the time and the fields of each update of a progress stream.
func updates(t *testing.T, a answer) (out []string) {
	t.Helper()
	for _, c := range a.chunks {
		for block := range strings.SplitSeq(c.data, "\n\n") {
			if _, data, ok := strings.Cut(block, "data:"); ok {
				u := gjson.Parse(data)
				out = append(out, strings.TrimSpace(fmt.Sprintf("%d %s %s %s %s", c.at.Milliseconds(),
					u.Get("status").Str, u.Get("progress").Raw, u.Get("message").Str, u.Get("result").Str)))
			}
		}
	}
	return out
}

const (
	chatCreated   = "event:conversation.chat.created\ndata:{\"id\":\"7\",\"conversation_id\":\"8\",\"status\":\"created\"}\n\n"
	chatWorking   = "event:conversation.chat.in_progress\ndata:{\"id\":\"7\",\"conversation_id\":\"8\"}\n\n"
	chatCompleted = "event:conversation.chat.completed\ndata:{\"id\":\"7\",\"conversation_id\":\"8\",\"status\":\"completed\"}\n\n"
	deltaThought  = "event:conversation.message.delta\ndata:{\"id\":\"9\",\"type\":\"answer\",\"content\":\"\",\"reasoning_content\":\"hm\"}\n\n"
	deltaText     = "event:conversation.message.delta\ndata:{\"id\":\"9\",\"type\":\"answer\",\"content_type\":\"text\",\"content\":\"It is short.\"}\n\n"
)

// Every stage is reported when reached. Between stages the progress is extrapolated.
func TestSummary(t *testing.T) {
	parts := []part{
		{100 * time.Millisecond, chatCreated},
		{100 * time.Millisecond, chatWorking},
		{3200 * time.Millisecond, deltaThought},
		{100 * time.Millisecond, deltaText},
		{100 * time.Millisecond, deltaText},
		{100 * time.Millisecond, chatCompleted},
		{100 * time.Millisecond, done},
	}
	want := []string{
		"0 processing 1 Accepted, waiting for the AI",
		"100 processing 9 The chat has been created",
		"200 processing 15 The AI is reading the text",
		"1700 processing 15.26 The AI is reading the text",
		"3200 processing 15.52 The AI is reading the text",
		"3400 processing 25 The AI is thinking",
		"3500 processing 39 Writing the summary: 12 characters so far",
		"3600 processing 43 Writing the summary: 24 characters so far",
		"3700 processing 95 Finishing",
		"3800 done 100 Done It is short.It is short.",
	}
	for name, r := range map[string]request{
		"GET":  getSummary("a text", ""),
		"POST": {method: "POST", url: "/ai/summarize", body: `{"text":"a text"}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, streaming(nil, parts...))
				a := server.serve(t.Context(), t, r)
				if got := updates(t, a); !slices.Equal(got, want) {
					t.Errorf("got  %q\nwant %q", got, want)
				}
			})
		})
	}
}

// The request to the upstream is a chat whose message contains the text.
func TestSummaryAsksTheBot(t *testing.T) {
	tests := []struct {
		name, query, accept string
		want                string // how the question begins
	}{
		{"English text", "", "", "Summarize"},
		{"English text, Chinese reader", "", "zh-CN,zh;q=0.9,en;q=0.8", "请总结"},
		{"lang wins", "&lang=en", "zh-CN", "Summarize"},
		{"a language that is not spoken", "", "fr", "Summarize"},
		{"lang of a country", "&lang=zh-TW", "", "请总结"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked []string
				_, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
					body, err := io.ReadAll(r.Body)
					asked = append(asked, string(body))
					return nil, errors.Join(err, errors.New("that is all"))
				}))
				r := getSummary("the text", "&bot_id=theirs"+test.query)
				r.header = map[string]string{"Accept-Language": test.accept, "Authorization": "Bearer mine"}
				server.serve(t.Context(), t, r)
				if len(asked) != 1 {
					t.Fatalf("asked %q", asked)
				}
				body := gjson.Parse(asked[0])
				question := body.Get("additional_messages.0.content").Str
				if !strings.HasPrefix(question, test.want) || !strings.HasSuffix(question, "\n\nthe text") {
					t.Errorf("question is %q", question)
				}
				if body.Get("bot_id").Str != "theirs" || body.Get("user_id").Str != "user" || !body.Get("stream").Bool() {
					t.Errorf("asked %s", body)
				}
			})
		})
	}
}

// Whatever goes wrong is told in words, and then the stream ends.
func TestSummaryFails(t *testing.T) {
	refuse := func(status int, contentType, body string) http.RoundTripper {
		return testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: status, Header: http.Header{"Content-Type": {contentType}},
				Body: io.NopCloser(strings.NewReader(body)), Request: r,
			}, nil
		})
	}
	begun := func(parts ...part) http.RoundTripper {
		chat := streaming(nil, append([]part{{0, chatCreated}}, parts...)...)
		others := refuse(http.StatusBadGateway, "text/html", "")
		return testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == chatPath {
				return chat.RoundTrip(r)
			}
			return others.RoundTrip(r)
		})
	}
	tests := []struct {
		name     string
		upstream http.RoundTripper
		want     string
	}{
		{"a refusal", refuse(200, "application/json", `{"code":4101,"msg":"bad token"}`), "0 error 1 The AI service says: bad token (code 4101)"},
		{"no JSON", refuse(502, "text/html", "<html>"), "0 error 1 The AI service says: status 502 without a message"},
		{"unreachable", testenv.RoundTripFunc(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }), "0 error 1 The AI service cannot be reached. Please try again later."},
		{"error event", begun(part{0, "event:error\ndata:{\"code\":5000,\"msg\":\"busy\"}\n\n"}, part{time.Hour, done}), "0 error 9 The AI service says: busy (code 5000)"},
		{"chat failed", begun(part{0, "event:conversation.chat.failed\ndata:{\"id\":\"7\",\"last_error\":{\"code\":1,\"msg\":\"bad\"}}\n\n"}), "0 error 9 The AI service says: bad (code 1)"},
		{"wants a tool", begun(part{0, "event:conversation.chat.requires_action\ndata:{\"id\":\"7\"}\n\n"}), "0 error 9 The AI service says: the bot waits for the result of a tool"},
		{"cut for good", begun(part{time.Second, deltaText}), "3375 error 40.67 The connection to the AI service was lost, and the rest of the answer could not be fetched. Please try again."},
		{"no answer", begun(part{0, chatCompleted}, part{0, done}), "0 error 95 The AI gave no answer. Please try again."},
		{"stopped elsewhere", begun(part{0, deltaText}, part{0, done}), "0 error 39 The AI service stopped the chat."},
		{"too slow", begun(part{time.Hour, done}), "50000 error 13.86 Not finished within 50s, so it was stopped. A shorter text may help."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, server := newTestHandler(t, test.upstream)
				a := server.serve(t.Context(), t, getSummary("x", ""))
				got := updates(t, a)
				if last := got[len(got)-1]; last != test.want {
					t.Errorf("ends with %q, want %q", got, test.want)
				}
				_ = h.lifecycle.inflight.Wait(t.Context())
			})
		})
	}
}

// A timed-out job is cancelled at the upstream.
func TestSummaryTimeoutCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var canceled []string
		chat := streaming(nil, part{0, chatCreated}, part{time.Hour, done})
		h, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == chatPath {
				return chat.RoundTrip(r)
			}
			body, _ := io.ReadAll(r.Body)
			canceled = append(canceled, r.URL.Path+" "+string(body))
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: r}, nil
		}))
		server.serve(t.Context(), t, getSummary("x", ""))
		_ = h.lifecycle.inflight.Wait(t.Context())
		if want := `/v3/chat/cancel {"conversation_id":"8","chat_id":"7"}`; !slices.Equal(canceled, []string{want}) {
			t.Errorf("canceled %q", canceled)
		}
	})
}

// Bad requests are refused before there is a stream.
func TestBadSummaries(t *testing.T) {
	post := func(body string) request { return request{method: "POST", url: "/ai/summarize", body: body} }
	tests := []struct {
		name string
		request
		want string
	}{
		{"no text", getSummary("", ""), "text is missing"},
		{"blank text", getSummary(" \n\t", ""), "text is missing"},
		{"no text in JSON", post(`{}`), "text is missing"},
		{"no JSON", post(`text=x`), `want JSON as {"text":"..."}`},
		{"no body", post(""), `want JSON as {"text":"..."}`},
		{"text is no string", post(`{"text":1}`), `want JSON as {"text":"..."}`},
		{"too long", getSummary(strings.Repeat("x", 1025), ""), "text is too long: want at most 1024 bytes"},
		{"unknown language", getSummary("x", "&lang=klingon"), `lang "klingon" is not known: want zh or en`},
		{"unknown event", getSummary("x", "&event=done"), `event "done" is unknown: want progress, or none`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, server := newTestHandler(t, testenv.RoundTripFunc(func(*http.Request) (*http.Response, error) {
				t.Error("the upstream was asked")
				return nil, io.EOF
			}))
			a := server.serve(t.Context(), t, test.request)
			if msg := gjson.Get(a.body, "msg").Str; a.status != http.StatusBadRequest || !strings.Contains(msg, test.want) {
				t.Errorf("got %d %s", a.status, a.body)
			}
		})
	}
}

func TestSummaryEventName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for query, want := range map[string]string{"": "", "&event=progress": "progress"} {
			_, server := newTestHandler(t, mock.New(1, cozemock.New()))
			a := server.serve(t.Context(), t, getSummary("x", query))
			for _, e := range readIDs(t, a.text()) {
				if e.name != want {
					t.Errorf("%q: event is named %q", query, e.name)
				}
			}
		}
	})
}

// The stand-in's job takes about 4 s, and the progress never decreases.
func TestStandInSummarizes(t *testing.T) {
	for _, text := range []string{"秋天来了，树叶黄了。小明去公园散步，看见很多人。", "Go is a language. It is small. It is fast."} {
		synctest.Test(t, func(t *testing.T) {
			_, server := newTestHandler(t, mock.New(1, cozemock.New()))
			a := server.serve(t.Context(), t, getSummary(text, ""))
			if took := a.chunks[len(a.chunks)-1].at; took < 3*time.Second || took > 6*time.Second {
				t.Errorf("took %v", took)
			}
			checkProgress(t, a)
		})
	}
}

// checkProgress checks that a progress stream never decreases and ends at 100 with a
// result.
func checkProgress(t *testing.T, a answer) {
	t.Helper()
	last, lastAt := 0.0, time.Duration(0)
	result := gjson.Result{}
	for _, c := range a.chunks {
		for block := range strings.SplitSeq(c.data, "\n\n") {
			_, data, ok := strings.Cut(block, "data:")
			if !ok {
				continue
			}
			progress := gjson.Get(data, "progress").Num
			if progress <= last || c.at-lastAt > 2*time.Second {
				t.Errorf("%v at %v after %v at %v", progress, c.at, last, lastAt)
			}
			last, lastAt = progress, c.at
			if result.Exists() {
				t.Errorf("%s follows the result", data)
			}
			result = gjson.Get(data, "result")
		}
	}
	if last != 100 || result.Str == "" {
		t.Errorf("ends at %v with %q", last, result.Str)
	}
}

// A summary recovers truncated chats, and ends with a result.
func TestSummaryOfACutChat(t *testing.T) {
	for _, scenario := range []string{"cut", "cut-early", "no-done", "reasoning", "messages", "studio", "slow"} {
		t.Run(scenario, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				standIn := mock.New(7, cozemock.New())
				_, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
					r.Header.Set(mock.ScenarioHeader, scenario)
					return standIn.RoundTrip(r)
				}))
				a := server.serve(t.Context(), t, getSummary("x", ""))
				checkProgress(t, a)
			})
		})
	}
}
