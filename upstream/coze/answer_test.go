package coze

import (
	"strings"
	"testing"

	"sse-typewriter/upstream"
)

// An answer consists of the texts of all events, whatever their shape.
func TestAnswer(t *testing.T) {
	const created = `{"id":"7","conversation_id":"8"}`
	text := func(id, content string) event {
		return event{eventDelta, `{"id":"` + id + `","type":"answer","content_type":"text","content":"` + content + `"}`}
	}
	whole := func(kind, id, content string) event {
		return event{eventCompleted, `{"id":"` + id + `","type":"` + kind + `","content_type":"text","content":"` + content + `"}`}
	}
	tests := []struct {
		name   string
		events []event
		stage  upstream.Stage
		text   string
		length int
	}{
		{"nothing", nil, upstream.Waiting, "", 0},
		{"created", []event{{eventChatCreated, created}}, upstream.Created, "", 0},
		{"working", []event{{eventChatCreated, created}, {eventChatInProgress, created}}, upstream.Working, "", 0},
		{"reasoning is no answer", []event{{eventDelta, `{"id":"1","type":"answer","reasoning_content":"hm"}`}}, upstream.Thinking, "", 0},
		{"deltas", []event{text("1", "你好"), text("1", `\n\"x\"`)}, upstream.Answering, "你好\n\"x\"", 6},
		{"bare", []event{{eventDelta, `{"content":"a"}`}, {eventDelta, `{"content":"b"}`}, {eventCompleted, `{}`}}, upstream.Answering, "ab", 2},
		{"a pair of surrogates over two deltas", []event{text("1", `a\ud83d`), text("1", `\ude00b`)}, upstream.Answering, "a😀b", 3},
		{"half a pair", []event{text("1", `a\ud83d`)}, upstream.Answering, "a\uFFFD", 1},
		{"two messages, interleaved", []event{text("1", "a"), text("2", "b"), text("1", "c")}, upstream.Answering, "ac\n\nb", 3},
		{"completed after its deltas", []event{text("1", "a"), whole("answer", "1", "a")}, upstream.Answering, "a", 1},
		{"completed without deltas", []event{whole("answer", "1", "a"), whole("answer", "2", "b")}, upstream.Answering, "a\n\nb", 2},
		{"follow-ups are no answer", []event{whole("follow_up", "3", "more?"), whole("verbose", "4", "{}")}, upstream.Waiting, "", 0},
		{"completed", []event{text("1", "a"), {eventChatCompleted, created}, {eventChatInProgress, created}}, upstream.Completed, "a", 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := answerOf(test.events)
			if a.Stage != test.stage || a.Text() != test.text || a.Length != test.length || a.Failure != nil {
				t.Errorf("got stage %d %q of %d (%v), want %d %q of %d", a.Stage, a.Text(), a.Length, a.Failure, test.stage, test.text, test.length)
			}
			if named := strings.Contains(test.name, "created"); named && (a.Chat != upstream.Chat{ID: "7", Conversation: "8"}) {
				t.Errorf("got chat %+v", a.Chat)
			}
		})
	}
}

func answerOf(events []event) *upstream.Answer {
	a := &upstream.Answer{}
	decoder := decoder{}
	for _, e := range events {
		decoded := decoder.Decode(e.name, e.data)
		a.Add(decoded)
	}
	return a
}

// The first failure counts.
func TestAnswerFails(t *testing.T) {
	tests := []struct {
		name   string
		events []event
		reason string
		code   int
		msg    string
	}{
		{"an error", []event{{eventError, `{"code":5000,"msg":"busy"}`}}, "refused", 5000, "busy"},
		{"an error of ours", []event{{eventError, `{"code":5023,"msg":"cut"}`}}, "cut", 5023, "cut"},
		{"an error without words", []event{{eventError, `{}`}}, "refused", 0, "the chat failed"},
		{"a chat", []event{{eventChatFailed, `{"id":"1","last_error":{"code":2,"msg":"bad"}}`}, {eventError, `{"code":5023}`}}, "refused", 2, "bad"},
		{"a tool", []event{{eventRequiresAction, `{"id":"1"}`}}, "refused", 0, "the bot waits for the result of a tool"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := answerOf(test.events).Failure
			if got == nil || got.Reason != test.reason || got.Code != test.code || got.Msg != test.msg {
				t.Errorf("got %+v", got)
			}
		})
	}
}
