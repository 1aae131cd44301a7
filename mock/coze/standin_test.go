package coze

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"sse-typewriter/mock"
	"sse-typewriter/mock/texts"

	"github.com/tidwall/gjson"
)

const wantBare = "event:conversation.message.delta\ndata:{\"content\":\"你\"}\n\n" +
	"event:conversation.message.delta\ndata:{\"content\":\"好\"}\n\n" +
	"event:conversation.message.delta\ndata:{\"content\":\"，\"}\n\n" +
	"event:conversation.message.delta\ndata:{\"content\":\"这\"}\n\n" +
	"event:conversation.message.delta\ndata:{\"content\":\"是\"}\n\n" +
	"event:conversation.message.delta\ndata:{\"content\":\" Coze\"}\n\n" +
	"event:conversation.message.delta\ndata:{\"content\":\" SSE\"}\n\n" +
	"event:conversation.message.completed\ndata:{}\n\n" +
	"data: [DONE]\n\n"

func TestBareStream(t *testing.T) {
	tests := []struct {
		name string
		get  func(client) *recording
	}{
		{"mount", func(c client) *recording { return c.record(c.t.Context(), http.MethodGet, "/upstream", "") }},
		{"slash", func(c client) *recording { return c.record(c.t.Context(), http.MethodGet, "/", "") }},
		{"message", func(c client) *recording { return c.ask(ArticleMessage) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := test.get(client{t, newStandIn(1)})
				if string(r.raw) != wantBare || r.err != nil {
					t.Errorf("got %q, error %v", r.raw, r.err)
				}
				for i, w := range r.writes {
					if want := time.Duration(min(i, 7)) * 80 * time.Millisecond; i < 8 && w.at != want {
						t.Errorf("write %d at %v, want %v", i, w.at, want)
					}
				}
				if len(r.writes) != 9 {
					t.Errorf("%d writes, want 9", len(r.writes))
				}
			})
		})
	}
}

// rhythm is how the text of a stream came.
type rhythm struct {
	size  float64 // mean characters of a delta
	most  int     // and the most
	speed float64 // characters a second
	first time.Duration
	joint int // writes with more than one delta
}

func (r *recording) pace() rhythm {
	var out rhythm
	var last time.Duration
	characters, deltas := 0, 0
	for _, w := range r.writes {
		part := &recording{raw: w.data}
		in := 0
		for _, e := range part.events() {
			if e.name == eventMessageDelta {
				n := utf8.RuneCountInString(gjson.Get(e.data, "content").Str)
				characters += n
				out.most = max(out.most, n)
				in++
			}
		}
		if in == 0 {
			continue
		}
		if deltas == 0 {
			out.first = w.at
		}
		if in > 1 {
			out.joint++
		}
		deltas += in
		last = w.at
	}
	out.size = float64(characters) / float64(deltas)
	out.speed = float64(characters) / (last - out.first).Seconds()
	return out
}

// TestRhythm holds the long articles to the recording of the real service.
func TestRhythm(t *testing.T) {
	for seed := range uint64(4) {
		for _, message := range []string{askArticle, "Write an article, please"} {
			t.Run(fmt.Sprint(seed+1, message), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := client{t, newStandIn(seed + 1)}.ask(message).pace()
					if p.size < 2.3 || p.size > 3.1 || p.most > 12 {
						t.Errorf("deltas of %.2f characters, at most %d", p.size, p.most)
					}
					if p.speed < 27 || p.speed > 39 {
						t.Errorf("%.1f characters a second", p.speed)
					}
					if p.first < 250*time.Millisecond || p.first > time.Second {
						t.Errorf("first delta after %v", p.first)
					}
					if p.joint == 0 {
						t.Error("no write has several deltas")
					}
				})
			})
		}
	}
}

func TestWhatIsAnswered(t *testing.T) {
	tests := []struct{ message, answer, followUp string }{
		{"写一首诗", texts.Poem, "能再详细一点吗？"},
		{"A Poem about autumn", texts.Poem, "Can you"},
		{"写一篇文章", texts.ArticleChinese, "能再详细一点吗？"},
		{"Write some Markdown", texts.ArticleEnglish, "Can you"},
		{"今天<天气>&如何", "你说的是：今天<天气>&如何\n", "能再详细一点吗？"},
		{"how are you", "You said: how are you\n", "Can you"},
		{"/nonsense hello", "You said: /nonsense hello\n", "Can you"},
		{"/fast how are you", "You said: how are you\n", "Can you"},
		{"/fast\nhow are you", "You said: how are you\n", "Can you"},
		{"", "你好！", "能再详细一点吗？"},
	}
	for _, test := range tests {
		t.Run(test.message, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := client{t, newStandIn(1)}.ask(test.message)
				if got := r.text("content"); !strings.HasPrefix(got, test.answer) {
					t.Errorf("answer %q", got)
				}
				if got := r.completed("follow_up")[0].Get("content").Str; !strings.HasPrefix(got, test.followUp) {
					t.Errorf("follow-up %q", got)
				}
			})
		})
	}
}

func TestHugeMessageIsNotRepeatedInFull(t *testing.T) {
	body := chatBody(strings.Repeat("长", 1<<20), true)
	reply := newStandIn(1).Answer(mock.Request{Method: http.MethodPost, Path: "/v3/chat", Body: []byte(body)})
	if n := len(reply.Body()); reply.Status != http.StatusOK || n > 256<<10 {
		t.Errorf("status %d, %d bytes", reply.Status, n)
	}
}

func TestArticlesHaveEverything(t *testing.T) {
	for name, text := range map[string]string{"Chinese": texts.ArticleChinese, "English": texts.ArticleEnglish} {
		for _, part := range []string{"\n## ", "```go\n", "\n|:-", "\n- ", "\n1. ", "👨‍👩‍👧‍👦", "🇨🇳", "1️⃣", "👋🏽"} {
			if !strings.Contains(text, part) {
				t.Errorf("the %s article has no %q", name, part)
			}
		}
	}
}

func TestBodyIsReadLeniently(t *testing.T) {
	tests := []struct {
		name, body, answer string
	}{
		{"last user message", `{"bot_id":"1","user_id":"u","stream":true,"additional_messages":[{"role":"user","content":"one"},{"role":"user","content":"two"},{"role":"assistant","content":"three"}]}`, "You said: two"},
		{"object string", `{"bot_id":"1","user_id":"u","stream":true,"additional_messages":[{"role":"user","content_type":"object_string","content":"[{\"type\":\"image\",\"file_id\":\"7\"},{\"type\":\"text\",\"text\":\"what is it\"}]"}]}`, "You said: what is it"},
		{"no messages", `{"bot_id":"1","user_id":"u","stream":true}`, "你好！"},
		{"numbers and strangers", `{"bot_id":1,"user_id":2,"stream":true,"new_field":[1e400],"additional_messages":[{"role":"user","content":"hi"}]}`, "You said: hi"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := client{t, newStandIn(1)}
				r := c.record(t.Context(), http.MethodPost, "//v3/chat/?conversation_id=", test.body)
				if got := r.text("content"); !strings.HasPrefix(got, test.answer) {
					t.Errorf("answer %q in %q", got, r.raw)
				}
			})
		})
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name, method, target, body, token string
		status                            int
		code                              int64
		msg                               string
	}{
		{"not JSON", "POST", "/v3/chat", `{"bot_id":`, "", 200, codeBadRequest, "not valid JSON"},
		{"no body", "POST", "/v3/chat", "", "", 200, codeBadRequest, "not valid JSON"},
		{"no bot", "POST", "/v3/chat", `{"user_id":"u"}`, "", 200, codeBadRequest, "bot_id"},
		{"no user", "POST", "/v3/chat", `{"bot_id":"b"}`, "", 200, codeBadRequest, "user_id"},
		{"not an object", "POST", "/v3/chat", `[1]`, "", 200, codeBadRequest, "bot_id"},
		{"bad token", "POST", "/v3/chat", chatBody("hi", true), "Bearer bad", 200, codeBadToken, "authentication"},
		{"wrong method", "GET", "/v3/chat", "", "", 405, codeBadRequest, "GET"},
		{"unknown path", "GET", "/v1/bots", "", "", 404, codeNotFound, "/v1/bots"},
		{"unknown path below the mount", "GET", "/upstream/v1/bots", "", "", 404, codeNotFound, ": /v1/bots"},
		{"unknown chat", "GET", "/v3/chat/retrieve?conversation_id=1&chat_id=2", "", "", 200, codeNotFound, "2"},
		{"list of unknown chat", "POST", "/v3/chat/message/list", "", "", 200, codeNotFound, ""},
		{"cancel of unknown chat", "POST", "/v3/chat/cancel", `{"chat_id":"2"}`, "", 200, codeNotFound, "2"},
		{"tools of unknown chat", "POST", "/v3/chat/submit_tool_outputs", "", "", 200, codeNotFound, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := client{t, newStandIn(1)}.record(t.Context(), test.method, test.target, test.body, "Authorization", test.token)
			got := gjson.ParseBytes(r.raw)
			if r.status != test.status || got.Get("code").Int() != test.code || !strings.Contains(got.Get("msg").Str, test.msg) {
				t.Errorf("got %d %s", r.status, r.raw)
			}
			if id := got.Get("detail.logid").Str; id == "" || id != r.header.Get("x-tt-logid") {
				t.Errorf("logid %q, header %q", id, r.header.Get("x-tt-logid"))
			}
			if bytes.HasSuffix(r.raw, []byte("\n")) {
				t.Error("the error ends with a newline, on which a Coze client breaks")
			}
		})
	}
}

func TestSeed(t *testing.T) {
	play := func(t *testing.T, seed uint64) (out string) {
		synctest.Test(t, func(t *testing.T) {
			c := client{t, newStandIn(seed)}
			for range 2 {
				r := c.ask("写一首诗")
				out += string(r.raw) + fmt.Sprint(r.writes)
			}
		})
		return out
	}
	tests := []struct {
		name          string
		first, second uint64
		same          bool
	}{
		{"the same seed", 7, 7, true},
		{"different seeds", 7, 8, false},
		{"random seeds", 0, 0, false},
	}
	for _, test := range tests {
		if got := play(t, test.first) == play(t, test.second); got != test.same {
			t.Errorf("%s: the same stream is %v", test.name, got)
		}
	}
}
