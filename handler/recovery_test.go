package handler

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"sse-typewriter/internal/testenv"

	"github.com/tidwall/gjson"

	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
)

// When the upstream's stream is cut, the client sees a pause and then the rest of the
// answer, as if nothing had happened.
func TestCutAnswersAreCompleted(t *testing.T) {
	for _, scenario := range []string{"cut", "cut-early", "no-done"} {
		t.Run(scenario, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(7, cozemock.New()))
				a := server.serve(t.Context(), t, question("/"+scenario))
				var names []string
				text, answer := "", ""
				for _, e := range readStrict(t, a.text()) {
					if e.name == "conversation.message.delta" {
						text += gjson.Get(e.data, "content").Str
						continue
					}
					if gjson.Get(e.data, "type").Str == "answer" {
						answer = gjson.Get(e.data, "content").Str
					}
					names = append(names, strings.TrimPrefix(e.name, "conversation."))
				}
				if text == "" || text != answer {
					t.Errorf("typed  %q\nanswer %q", text, answer)
				}
				const want = "chat.created chat.in_progress message.completed message.completed message.completed" +
					" message.completed message.completed chat.completed done"
				if got := strings.Join(names, " "); got != want {
					t.Errorf("events are %s\nwant       %s", got, want)
				}
			})
		})
	}
}

// When the rest cannot be had either, the client is told.
func TestCutForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		standIn := mock.New(7, cozemock.New())
		_, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/v3/chat" {
				return standIn.RoundTrip(r)
			}
			return &http.Response{StatusCode: http.StatusBadGateway, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		}))
		a := server.serve(t.Context(), t, question("/cut"))
		events := readStrict(t, a.text())
		want := event{"error", `{"code":5023,"msg":"upstream ended mid-stream"}`}
		if last := events[len(events)-1]; last != want {
			t.Errorf("ends with %q", last)
		}
	})
}
