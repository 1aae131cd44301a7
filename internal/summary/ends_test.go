package summary

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/upstream"
)

// The last event, and no other, reports the end of a job, in the job's language.
func TestEnds(t *testing.T) {
	created, completed := chatEvent(upstream.KindCreated), chatEvent(upstream.KindCompleted)
	failed := chatEvent(upstream.KindFailed)
	failed.Meaning.Failure = &upstream.Error{Reason: "refused", Code: 7, Msg: "no"}
	unreachable := &upstream.Error{Reason: "unreachable"}
	tests := []struct {
		name   string
		said   []upstream.Event
		opened error
		lang   Lang
		want   string // the status, and the message or the result
		reason string
	}{
		{"done", []upstream.Event{created, text("It is <short>."), completed}, nil, English, "done It is <short>.", ""},
		{"done, without a chat", []upstream.Event{text("短")}, nil, Chinese, "done 短", ""},
		{"empty", []upstream.Event{created, completed}, nil, Chinese, "error AI 没有给出内容，请重试。", "empty"},
		{"stopped at the service", []upstream.Event{created, text("It")}, nil, English, "error The AI service stopped the chat.", "stopped"},
		{"failed", []upstream.Event{created, failed}, nil, English, "error The AI service says: no (code 7)", "refused"},
		{"not opened", nil, unreachable, English, "error The AI service cannot be reached. Please try again later.", "unreachable"},
		{"not opened, who knows why", nil, errors.New("secret"), English, "error Something went wrong. Please try again.", "internal"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := &Job{Timeout: time.Minute, Lang: test.lang, EventName: NamedEvent}
				j.Open = func(context.Context) (iter.Seq[upstream.Event], func(), error) {
					return slices.Values(test.said), func() {}, test.opened
				}
				var last gjson.Result
				for e := range j.Events(t.Context()) {
					if last.Get("status").Str == "done" || last.Get("status").Str == "error" || e.Frame.Name != NamedEvent {
						t.Errorf("after %s came %s %s", last, e.Frame.Name, e.Frame.Head)
					}
					last = gjson.Parse(e.Frame.Head)
				}
				j.Close(t.Context())
				got := last.Get("status").Str + " " + last.Get("message").Str
				if result := last.Get("result"); result.Exists() {
					got = last.Get("status").Str + " " + result.Str
				}
				reason := ""
				if j.Failure() != nil {
					reason = j.Failure().Reason
				}
				if got != test.want || reason != test.reason {
					t.Errorf("got %q for %q, want %q for %q", got, reason, test.want, test.reason)
				}
			})
		})
	}
}

// A timeout cancels the chat. The end of the context does not: the caller cancels the chat.
func TestCancels(t *testing.T) {
	for _, test := range []struct {
		name    string
		givenUp time.Duration
		want    string
		cancels string
	}{
		{"too long", time.Hour, "Not finished within 1m0s, so it was stopped. A shorter text may help.", "1 2"},
		{"given up", time.Second, "The server gave the job up. Please try again.", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cancelled := ""
				j := &Job{
					Open: silent(chatEvent(upstream.KindCreated)), Timeout: time.Minute,
					Cancel: func(_ context.Context, chat upstream.Chat) { cancelled = chat.ID + " " + chat.Conversation },
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				defer time.AfterFunc(test.givenUp, cancel).Stop()
				last := ""
				for e := range j.Events(ctx) {
					last = gjson.Get(e.Frame.Head, "message").Str
				}
				j.Close(t.Context())
				if last != test.want || cancelled != test.cancels {
					t.Errorf("got %q, cancelled %q", last, cancelled)
				}
			})
		})
	}
}

func TestLang(t *testing.T) {
	for _, test := range []struct {
		name string
		want Lang
		ok   bool
	}{{"en-GB", English, true}, {"zh", Chinese, true}, {"zh-TW", Chinese, true}, {"fr", 0, false}, {"?", 0, false}} {
		if got, err := ParseLang(test.name); got != test.want || (err == nil) != test.ok {
			t.Errorf("%s: got %v, %v", test.name, got, err)
		}
	}
	for lang, want := range map[Lang]string{English: "Summarize the following text", Chinese: "请总结下面的文字"} {
		if got := lang.Prompt("THE TEXT"); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "\n\nTHE TEXT") {
			t.Errorf("got %q", got)
		}
	}
}
