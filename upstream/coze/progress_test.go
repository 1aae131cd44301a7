package coze

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// follow returns the progress after events.
func follow(events ...event) *progress {
	p, d := &progress{}, decoder{}
	for _, e := range events {
		decoded := d.Decode(e.name, e.data)
		p.add(decoded)
	}
	return p
}

// find returns the missing events of a stream.
func find(p *progress, chat, messages string) (got []event) {
	for e := range remainder(p, gjson.Parse(chat), gjson.Parse(messages)) {
		got = append(got, event{e.Frame.Name, payload(e)})
	}
	return got
}

// inChat is a message or a delta of the chat c, whose other fields are given.
func inChat(fields string) string { return `{` + fields + `,"chat_id":"c","conversation_id":"v"}` }

func delta(fields string) event     { return event{eventDelta, inChat(fields)} }
func completed(fields string) event { return event{eventCompleted, inChat(fields)} }

var (
	created = event{eventChatCreated, `{"id":"c","conversation_id":"v"}`}
	end     = []event{{eventChatCompleted, completedChat}, {eventDone, doneData}}
)

// answerFields are the fields of an answer without the text; half and thought are deltas.
const answerFields = `"id":"1","type":"answer","content_type":"text"`

var (
	half    = delta(answerFields + `,"content":"half"`)
	thought = delta(answerFields + `,"content":"","reasoning_content":"hm"`)
)

var missingTests = []struct {
	name string
	seen []event
	list []string // the fields of the messages
	want []event  // before end
}{
	{"nothing", nil, nil, nil},
	{"rest", []event{half}, []string{answerFields + `,"content":"half, whole"`}, []event{
		delta(answerFields + `,"content":", whole"`), completed(answerFields + `,"content":"half, whole"`),
	}},
	{"rest is escaped anew", []event{half}, []string{answerFields + `,"content":"half \u4f60\/\"\n\u2028\u0001<"`}, []event{
		delta(answerFields + `,"content":" 你/\"\n\u2028\u0001<"`), completed(answerFields + `,"content":"half \u4f60\/\"\n\u2028\u0001<"`),
	}},
	{"all had come", []event{half}, []string{answerFields + `,"content":"half"`}, []event{completed(answerFields + `,"content":"half"`)}},
	{"no prefix", []event{half}, []string{answerFields + `,"content":"halb und halb"`}, []event{completed(answerFields + `,"content":"halb und halb"`)}},
	{"less than had come", []event{half}, []string{answerFields + `,"content":"hal"`}, []event{completed(answerFields + `,"content":"hal"`)}},
	{"no text", []event{half}, []string{answerFields + `,"content":null`}, []event{completed(answerFields + `,"content":null`)}},
	{"text twice", []event{half}, []string{answerFields + `,"content":"half one","content":"half two"`}, []event{
		completed(answerFields + `,"content":"half one","content":"half two"`),
	}},
	{"half of the thoughts", []event{thought}, []string{answerFields + `,"content":"whole","reasoning_content":"hmmm"`}, []event{
		delta(answerFields + `,"content":"","reasoning_content":"mm"`),
		delta(answerFields + `,"content":"whole"`),
		completed(answerFields + `,"content":"whole","reasoning_content":"hmmm"`),
	}},
	{"thoughts are not listed", []event{thought, half}, []string{answerFields + `,"content":"half, whole"`}, []event{
		delta(answerFields + `,"content":", whole"`), completed(answerFields + `,"content":"half, whole"`),
	}},
	{"other thoughts", []event{thought, half}, []string{answerFields + `,"content":"half, whole","reasoning_content":"aha"`}, []event{
		delta(answerFields + `,"content":", whole"`), completed(answerFields + `,"content":"half, whole","reasoning_content":"aha"`),
	}},
	{"no delta had come", nil, []string{`"id":"1", "content" : "whole","meta_data":{"a":[1.0]},"reasoning_content":"hm","type":"answer","created_at":7,"updated_at":8`}, []event{
		delta(`"id":"1","content":"","meta_data":{"a":[1.0]},"reasoning_content":"hm","type":"answer"`),
		delta(`"id":"1","content":"whole","meta_data":{"a":[1.0]},"type":"answer"`),
		completed(`"id":"1", "content" : "whole","meta_data":{"a":[1.0]},"reasoning_content":"hm","type":"answer","created_at":7,"updated_at":8`),
	}},
	{"lines in the list", nil, []string{"\"id\":\"1\",\r\n\"content\":\"a\u2028\""}, []event{
		delta(`"id":"1","content":"a\u2028"`), completed(`"id":"1",  "content":"a\u2028"`),
	}},
	{"a card", nil, []string{`"id":"1","type":"answer","content_type":"card","content":"{}","reasoning_content":"hm"`}, []event{
		delta(`"id":"1","type":"answer","content_type":"card","content":"","reasoning_content":"hm"`),
		completed(`"id":"1","type":"answer","content_type":"card","content":"{}","reasoning_content":"hm"`),
	}},
	{"others", []event{completed(`"id":"2","type":"verbose","content":"{}"`)}, []string{
		`"id":"1","type":"function_call","content":"f()"`, `"id":"2","type":"verbose","content":"{}"`, `"id":"3","type":"follow_up","content":"why?"`,
	}, []event{completed(`"id":"1","type":"function_call","content":"f()"`), completed(`"id":"3","type":"follow_up","content":"why?"`)}},
	{"completed with less", []event{half, completed(answerFields + `,"content":"half"`)}, []string{answerFields + `,"content":"half, whole"`}, nil},
	{"the question", nil, []string{`"id":"0","type":"question","content":"?"`, `"id":"1","role":"user","content":"?"`}, nil},
	{"several", []event{half}, []string{answerFields + `,"content":"half!"`, `"id":"2","type":"answer","content":"two"`}, []event{
		delta(answerFields + `,"content":"!"`),
		completed(answerFields + `,"content":"half!"`),
		delta(`"id":"2","type":"answer","content":"two"`),
		completed(`"id":"2","type":"answer","content":"two"`),
	}},
	{"the last frame is used", []event{half, delta(answerFields + `,"content":"-","x":1`)}, []string{answerFields + `,"content":"half-way"`}, []event{
		delta(answerFields + `,"content":"way","x":1`), completed(answerFields + `,"content":"half-way"`),
	}},

	{"both in one delta", []event{delta(answerFields + `,"content":"half","reasoning_content":"hm"`)}, []string{answerFields + `,"content":"half!","reasoning_content":"hm?"`}, []event{
		delta(answerFields + `,"content":"","reasoning_content":"?"`),
		delta(answerFields + `,"content":"!"`),
		completed(answerFields + `,"content":"half!","reasoning_content":"hm?"`),
	}},
	{"twice in one delta", []event{delta(answerFields + `,"content":"a","content":"b"`)}, []string{answerFields + `,"content":"b!"`}, []event{completed(answerFields + `,"content":"b!"`)}},
	{"deltas without text", []event{delta(answerFields), {eventDelta, `{}`}, {eventDelta, `{"id":`}, delta(answerFields + `,"content":""`)}, []string{answerFields + `,"content":"a"`}, []event{
		delta(answerFields + `,"content":"a"`), completed(answerFields + `,"content":"a"`),
	}},
	{"text of no message", []event{{eventDelta, `{"content":"a"}`}}, []string{answerFields + `,"content":"a!"`}, []event{completed(answerFields + `,"content":"a!"`)}},
	{"card of no message", []event{{eventDelta, `{"content":"a","content_type":"card"}`}}, []string{answerFields + `,"content":"a!"`}, []event{completed(answerFields + `,"content":"a!"`)}},
	{"text of a message that is not listed", []event{half}, []string{`"id":"2","type":"answer","content":"half, whole"`}, []event{
		completed(`"id":"2","type":"answer","content":"half, whole"`),
	}},
}

func TestMissing(t *testing.T) {
	for _, test := range missingTests {
		t.Run(test.name, func(t *testing.T) {
			var list []string
			for _, fields := range test.list {
				list = append(list, inChat(fields))
			}
			got := find(follow(append([]event{created}, test.seen...)...), completedChat, "["+strings.Join(list, ",")+"]")
			if d := differ(got, append(slices.Clone(test.want), end...)); d != "" {
				t.Error(d)
			}
		})
	}
}

// A stream that continues a chat, after a tool call, does not get the beginning.
func TestMissingOfTheSecondStream(t *testing.T) {
	list := "[" + strings.Join([]string{
		inChat(`"id":"1","type":"answer","content":"wait"`),
		inChat(`"id":"2","type":"function_call","content":"f()"`),
		inChat(`"id":"3","type":"answer","content":"sunny"`),
	}, ",") + "]"
	last := []event{delta(`"id":"3","type":"answer","content":"ny"`), completed(`"id":"3","type":"answer","content":"sunny"`)}
	p := follow(event{"conversation.chat.in_progress", created.data}, delta(`"id":"3","type":"answer","content":"sun"`))
	if d := differ(find(p, completedChat, list), append(last, end...)); d != "" {
		t.Error(d)
	}
}

func TestMissingEnd(t *testing.T) {
	for _, test := range []struct {
		status string
		want   []event
	}{
		{"completed", []event{{eventChatCompleted, `{"id":"c", "status":"completed"}`}}},
		{"failed", []event{{eventChatFailed, `{"id":"c", "status":"failed"}`}}},
		{"requires_action", []event{{eventRequiresAction, `{"id":"c", "status":"requires_action"}`}}},
		{"canceled", nil},
	} {
		got := find(follow(created), `{"id":"c", "status":"`+test.status+`"}`, `[]`)
		if d := differ(got, append(test.want, event{eventDone, doneData})); d != "" {
			t.Errorf("%s: %s", test.status, d)
		}
	}
}

func TestNaming(t *testing.T) {
	for _, test := range []struct {
		name   string
		events []event
		want   upstream.Chat
	}{
		{"nothing", nil, upstream.Chat{}},
		{"created", []event{created}, upstream.Chat{ID: "c", Conversation: "v"}},
		{"another chat event", []event{{"conversation.chat.in_progress", created.data}}, upstream.Chat{ID: "c", Conversation: "v"}},
		{"delta", []event{delta(`"id":"1","content":"a"`)}, upstream.Chat{ID: "c", Conversation: "v"}},
		{"delta that is no text", []event{delta(`"id":"1","content_type":"card"`)}, upstream.Chat{ID: "c", Conversation: "v"}},
		{"bare delta", []event{delta(`"content":"a"`)}, upstream.Chat{ID: "c", Conversation: "v"}},
		{"completed", []event{completed(`"id":"1"`)}, upstream.Chat{ID: "c", Conversation: "v"}},
		{"audio", []event{{"conversation.audio.delta", inChat(`"id":"1"`)}}, upstream.Chat{ID: "c", Conversation: "v"}},
		{"the first one counts", []event{created, {eventDelta, `{"id":"1","content":"a","chat_id":"d","conversation_id":"w"}`}}, upstream.Chat{ID: "c", Conversation: "v"}},
		{"half a name", []event{{eventChatCreated, `{"id":"d"}`}, {eventDelta, `{"conversation_id":"w","content":"a"}`}}, upstream.Chat{}},
		{"no JSON", []event{{eventChatCreated, created.data[1:]}}, upstream.Chat{}},
	} {
		p := follow(test.events...)
		if p.chat != test.want {
			t.Errorf("%s: got %v, want %v", test.name, p.chat, test.want)
		}
	}
}

// Progress takes bounded memory, and none for a stream without recovery.
func TestProgressIsBounded(t *testing.T) {
	p, d := &progress{}, decoder{}
	for i := range 3 * maxMessages {
		e := d.Decode(eventDelta, fmt.Sprintf(`{"id":"char_%d","content":"a"}`, i))
		p.add(e)
	}
	if len(p.messages) > 0 || !p.unattributed {
		t.Errorf("got %d messages of no chat, want none", len(p.messages))
	}
	p = follow(created, delta(`"content":"a"`))
	if len(p.messages) > 0 || !p.unattributed {
		t.Errorf("got %d messages of a text without an id, want none", len(p.messages))
	}
	p = follow(created)
	for i := range maxMessages + 1 {
		if !p.canRecover() {
			t.Fatalf("with %d messages: cannot be recovered", i)
		}
		e := d.Decode(eventDelta, inChat(fmt.Sprintf(`"id":"%d","content":"a"`, i)))
		p.add(e)
	}
	if len(p.messages) != maxMessages || p.canRecover() {
		t.Errorf("got %d messages and %t, want %d and false", len(p.messages), p.canRecover(), maxMessages)
	}
	e := d.Decode(eventDelta, inChat(`"id":"0","content":"a"`))
	p.add(e)
	if rest, ok := p.messages["0"].texts[typewriter.Answer].Rest([]byte("aab")); rest != "b" || !ok {
		t.Errorf("got rest %q, %t of a known message, want b", rest, ok)
	}
}

func TestCredentials(t *testing.T) {
	header := http.Header{
		"Authorization": {"Bearer a"}, "X-Coze-Region": {"a", "b"}, "x-coze-lower": {"c"},
		"Cookie": {"a"}, "X-Cozen": {"a"}, "Content-Type": {"a"},
	}
	got := credentials(header)
	want := http.Header{"Authorization": {"Bearer a"}, "X-Coze-Region": {"a", "b"}, "X-Coze-Lower": {"c"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got["X-Coze-Region"][0] = "x"; header["X-Coze-Region"][0] != "a" {
		t.Error("the values are shared")
	}
	if got := credentials(nil); got == nil || len(got) > 0 {
		t.Errorf("got %v of none, want none", got)
	}
}

func TestDoneEvent(t *testing.T) {
	if e := format.Done; !reflect.DeepEqual(e, typewriter.Event{Frame: &typewriter.Frame{Name: "done", Head: `"[DONE]"`}}) {
		t.Errorf("got %+v", e)
	}
}
