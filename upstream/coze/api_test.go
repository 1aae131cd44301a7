package coze

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"sse-typewriter/internal/testenv"

	"sse-typewriter/upstream"
)

// A reply's chat is available during the reading of events.
func TestChatIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := testenv.PipeBody(t.Context())
		reply := openStream(t.Context(), t, func(context.Context) io.ReadCloser { return r }, nil)
		go func() { _, _ = readAll(reply) }() // ends when the reply is closed
		check := func(id, conversation string) {
			t.Helper()
			synctest.Wait()
			if got, want := reply.Chat()(), (upstream.Chat{ID: id, Conversation: conversation}); got != want {
				t.Errorf("got chat %+v, want %+v", got, want)
			}
		}
		check("", "")
		_, _ = io.WriteString(w, aDelta)
		check("", "")
		_, _ = io.WriteString(w, begun)
		check("c", "v")
		_, _ = io.WriteString(w, strings.ReplaceAll(begun, `"c"`, `"d"`))
		check("c", "v")
		_ = w.Close()
	})
}

func TestCancel(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{"canceled", 200, reply(`{"status":"canceled"}`), ""},
		{"no data", 200, `{"code":0,"msg":""}`, ""},
		{"refused", 200, `{"code":4000}`, "cannot cancel chat: upstream answered with status 200 and code 4000"},
		{"fails", 500, "x", "cannot cancel chat: upstream answered with status 500"},
		{"network", 0, "", "cannot cancel chat: upstream cannot be reached: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &service{answer: func(*http.Request) (int, string) { return test.status, test.body }}
			header := http.Header{"Authorization": {"Bearer pat_x"}, "Content-Length": {"7"}}
			client := upstream.NewClient("http://upstream.test", s)
			_, err := format.Cancel(t.Context(), client, upstream.Opening{Header: header}, upstream.Chat{ID: `c"`, Conversation: "v"})
			if got := fmt.Sprint(err); (err == nil) != (test.want == "") || err != nil && !strings.HasPrefix(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			const want = `POST /v3/chat/cancel {"conversation_id":"v","chat_id":"c\""}`
			got := s.asked[0]
			if got.what != want || got.header.Get("Content-Type") != "application/json" || got.header.Get("Authorization") != "Bearer pat_x" {
				t.Errorf("got %s with %v, want %s", got.what, got.header, want)
			}
			if len(header) != 2 || header.Get("Content-Length") != "7" {
				t.Errorf("the caller's header became %v", header)
			}
		})
	}
}

// A canceled chat does not keep an incomplete message; the delivered part is all.
func TestCanceledChat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{stream: begun, answer: func(r *http.Request) (int, string) {
			if r.URL.Path == pathRetrieve {
				return 200, reply(`{"status":"canceled"}`)
			}
			return 200, reply(`[]`)
		}}
		got, failure := readAll(s.open(t.Context(), t, nil))
		if d := differ(got, append(slices.Clone(beginning), event{eventDone, doneData})); failure != nil || d != "" {
			t.Errorf("got %v: %s", failure, d)
		}
	})
}
