package summary

import (
	"context"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// silent returns a chat of some events, followed by silence.
func silent(said ...upstream.Event) func(context.Context) (iter.Seq[upstream.Event], func(), error) {
	return func(ctx context.Context) (iter.Seq[upstream.Event], func(), error) {
		return func(yield func(upstream.Event) bool) {
			for _, e := range said {
				if !yield(e) {
					return
				}
			}
			<-ctx.Done()
		}, func() {}, nil
	}
}

func chatEvent(kind upstream.Kind) upstream.Event {
	return upstream.Pass("chat", "{}", &upstream.Meaning{Kind: kind, Chat: upstream.Chat{ID: "1", Conversation: "2"}})
}

func text(s string) upstream.Event {
	return upstream.Event{
		Event:   typewriter.Event{Frame: &typewriter.Frame{Channel: "content 1"}, Text: s},
		Meaning: &upstream.Meaning{Kind: upstream.KindText},
	}
}

// At each stage and with each timeout, the progress never stops for 2 s, and never reaches
// the end by waiting.
func TestProgressNeverStandsStill(t *testing.T) {
	created, working := chatEvent(upstream.KindCreated), chatEvent(upstream.KindWorking)
	for name, said := range map[string][]upstream.Event{
		"waiting":   nil,
		"created":   {created},
		"working":   {created, working},
		"answering": {created, working, text(strings.Repeat("字", 10))},
		"long":      {text(strings.Repeat("字", 100_000))},
	} {
		for _, timeout := range []time.Duration{3 * time.Second, time.Minute, MaxTimeout} {
			t.Run(name+" "+timeout.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					j := &Job{Open: silent(said...), Cancel: func(context.Context, upstream.Chat) {}, Timeout: timeout}
					began, last, lastAt := time.Now(), 0.0, time.Now()
					for e := range j.Events(t.Context()) {
						u := gjson.Parse(e.Frame.Head)
						if time.Since(began) == timeout {
							break
						}
						if got := u.Get("progress").Num; got <= last || got >= 100 || time.Since(lastAt) > 2*time.Second {
							t.Errorf("%v at %v, after %v", got, time.Since(began), last)
						}
						last, lastAt = u.Get("progress").Num, time.Now()
					}
					if waited := time.Since(lastAt); waited > 2*time.Second {
						t.Errorf("stood still for %v at the end", waited)
					}
					j.Close(t.Context())
				})
			})
		}
	}
}

// An answer without an end is cut off.
func TestEndlessAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endless := func(ctx context.Context) (iter.Seq[upstream.Event], func(), error) {
			return func(yield func(upstream.Event) bool) {
				for ctx.Err() == nil && yield(text(strings.Repeat("a", 1000))) { //nolint:revive // it yields
				}
			}, func() {}, nil
		}
		j := &Job{Open: endless, Timeout: time.Minute}
		last := ""
		for e := range j.Events(t.Context()) {
			last = e.Frame.Head
		}
		j.Close(t.Context())
		if j.Failure() != apierror.TooLarge || !strings.Contains(last, `"The AI's answer is too large."`) {
			t.Errorf("ended with %s", last)
		}
	})
}

// Only the events of a running job can be resumed.
func TestResume(t *testing.T) {
	unnamed := func(data string) typewriter.Event {
		return typewriter.Event{Frame: &typewriter.Frame{Head: data}}
	}
	named := unnamed(`{"status":"processing","progress":1,"message":"已收到，正在等待 AI"}`)
	named.Frame.Name = NamedEvent
	created := unnamed(`{"status":"processing","progress":9,"message":"x","chat_id":"1","conversation_id":"2"}`)
	tests := []struct {
		name   string
		seen   []typewriter.Event
		ok     bool
		chatID string
		next   string // the next event
	}{
		{"a chat", []typewriter.Event{unnamed(`{"id":"1","conversation_id":"2"}`)}, false, "", ""},
		{"its text", []typewriter.Event{text("x").Event}, false, "", ""},
		{"nothing", nil, false, "", ""},
		{"the end", []typewriter.Event{created, unnamed(`{"status":"done","progress":100}`)}, false, "", ""},
		{"the beginning", []typewriter.Event{named}, true, "", `{"status":"processing","progress":1,"message":"已收到，正在等待 AI"}`},
		{
			"the middle",
			[]typewriter.Event{created, unnamed(`{"status":"processing","progress":44.5,"message":"x"}`)},
			true, "1",
			`{"status":"processing","progress":44.5,"message":"The chat has been created","chat_id":"1","conversation_id":"2"}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := &Job{Open: silent(), Timeout: time.Minute}
				chat, ok := j.Resume(slices.Values(test.seen))
				if ok != test.ok || chat.ID != test.chatID || (chat.Conversation == "2") != (test.chatID != "") {
					t.Fatalf("got %+v, %v", chat, ok)
				}
				if !ok {
					return
				}
				for e := range j.Events(t.Context()) {
					if e.Frame.Head != test.next || e.Frame.Name != test.seen[0].Frame.Name {
						t.Errorf("got  %s %s\nwant %s", e.Frame.Name, e.Frame.Head, test.next)
					}
					break
				}
				j.Close(t.Context())
			})
		})
	}
}

// A panic in reading the chat fails the job, and nothing else.
func TestPanic(t *testing.T) {
	closed := 0
	j := &Job{Timeout: time.Minute, Open: func(context.Context) (iter.Seq[upstream.Event], func(), error) {
		return func(yield func(upstream.Event) bool) {
			yield(text("x"))
			panic("boom")
		}, func() { closed++ }, nil
	}}
	var last string
	for e := range j.Events(t.Context()) {
		last = e.Frame.Head
	}
	j.Close(t.Context())
	if got := gjson.Get(last, "status").Str; got != "error" || strings.Contains(last, "boom") {
		t.Errorf("ends with %s", last)
	}
	if f := j.Failure(); f == nil || f.Reason != "internal" || !strings.Contains(f.Err.Error(), "boom") {
		t.Errorf("failed with %v", f)
	}
	if closed != 1 {
		t.Errorf("closed %d times", closed)
	}
}

func TestChooseLang(t *testing.T) {
	tests := []struct {
		accept, text string
		want         Lang
	}{
		{"", "hello", English},
		{"", "hello 世界", Chinese},
		{"en", "世界", English},
		{"zh", "hello", Chinese},
		{"en;q=0.5, zh-Hant;q=0.9", "hello", Chinese},
		{"fr, de", "世界", Chinese},
		{"fr, en;q=0.1", "世界", English},
		{"*", "世界", Chinese},
		{"no such;;", "hello", English},
	}
	for _, test := range tests {
		if got := ChooseLang(test.accept, test.text); got != test.want {
			t.Errorf("%q %q: got %d", test.accept, test.text, got)
		}
	}
}
