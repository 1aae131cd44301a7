package dify

import (
	"reflect"
	"testing"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split/splittest"
)

// head begins the events of a chat.
const head = `{"event":"message","conversation_id":"c","message_id":"m","created_at":1,"task_id":"t",`

func TestSplit(t *testing.T) {
	for _, test := range []struct {
		name, data string
		want       []string
	}{
		{"a message", head + `"id":"m","answer":"ab","from_variable_selector":["1","text"]}`, []string{
			head + `"id":"m","answer":"a","from_variable_selector":["1","text"]}`,
			head + `"id":"m","answer":"b","from_variable_selector":["1","text"]}`,
		}},
		{"an agent's message", `{"event":"agent_message","answer":"ab","task_id":"t"}`, []string{
			`{"event":"agent_message","answer":"a","task_id":"t"}`, `{"event":"agent_message","answer":"b","task_id":"t"}`,
		}},
		{"a chunk", `{"event":"text_chunk","workflow_run_id":"r","data":{"text":"ab","from_variable_selector":["1","text"]}}`, []string{
			`{"event":"text_chunk","workflow_run_id":"r","data":{"text":"a","from_variable_selector":["1","text"]}}`,
			`{"event":"text_chunk","workflow_run_id":"r","data":{"text":"b","from_variable_selector":["1","text"]}}`,
		}},
		{"a reasoning and its end", `{"event":"reasoning_chunk","data":{"is_final":true,"reasoning":"ab","node_id":"1"},"task_id":"t"}`, []string{
			`{"event":"reasoning_chunk","data":{"is_final":false,"reasoning":"a","node_id":"1"},"task_id":"t"}`,
			`{"event":"reasoning_chunk","data":{"is_final":true,"reasoning":"b","node_id":"1"},"task_id":"t"}`,
		}},
		{"unknown fields", `{"event":"message","metadata":{"a":1},"answer":"ab","files":[],"new":[1],"x":null,"n":1}`, []string{
			`{"event":"message","answer":"a","files":[],"x":null,"n":1}`, `{"event":"message","metadata":{"a":1},"answer":"b","files":[],"new":[1],"x":null,"n":1}`,
		}},
		{"escapes", `{"event":"message","answer":"\n\ud83d\ude00"}`, []string{`{"event":"message","answer":"\n"}`, `{"event":"message","answer":"\ud83d\ude00"}`}},
		{"no text", `{"event":"message","answer":"","task_id":"t"}`, []string{`{"event":"message","answer":"","task_id":"t"}`}},
		{"a repeated field", `{"event":"message","answer":"ab","answer":"cd"}`, []string{`{"event":"message","answer":"ab","answer":"cd"}`}},
		{"a repeated field in the data", `{"event":"text_chunk","data":{"text":"ab","text":"cd"}}`, []string{`{"event":"text_chunk","data":{"text":"ab","text":"cd"}}`}},
		{"a thought", `{"event":"agent_thought","thought":"ab","answer":"cd"}`, []string{`{"event":"agent_thought","thought":"ab","answer":"cd"}`}},
		{"a replacement", `{"event":"message_replace","answer":"ab"}`, []string{`{"event":"message_replace","answer":"ab"}`}},
		{"a replaced text", `{"event":"text_replace","data":{"text":"ab"}}`, []string{`{"event":"text_replace","data":{"text":"ab"}}`}},
		{"audio", `{"event":"tts_message","audio":"ab"}`, []string{`{"event":"tts_message","audio":"ab"}`}},
		{"an unknown event", `{"event":"new","answer":"ab"}`, []string{`{"event":"new","answer":"ab"}`}},
		{"another type", `{"event":"message","answer":["ab"]}`, []string{`{"event":"message","answer":["ab"]}`}},
		{"data of another type", `{"event":"text_chunk","data":"ab"}`, []string{`{"event":"text_chunk","data":"ab"}`}},
		{"not JSON", `{"event":"message","answer":"ab`, []string{`{"event":"message","answer":"ab`}},
		{"several lines", "{\"event\":\"message\",\n\"answer\":\"a\u2028\"}", []string{`{"event":"message", "answer":"a"}`, `{"event":"message", "answer":"\u2028"}`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := splittest.Pieces(t, (&decoder{}).Decode("", test.data)); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// Texts of different messages, nodes and events have different channels.
func TestChannels(t *testing.T) {
	d, channels := &decoder{}, map[string]bool{}
	all := []string{
		`{"event":"message","message_id":"m","answer":"a"}`,
		`{"event":"message","message_id":"n","answer":"a"}`,
		`{"event":"agent_message","message_id":"m","answer":"a"}`,
		`{"event":"message","message_id":"m","answer":"a","from_variable_selector":["1","text"]}`,
		`{"event":"text_chunk","data":{"text":"a"}}`,
		`{"event":"text_chunk","data":{"text":"a","from_variable_selector":["1","text"]}}`,
		`{"event":"reasoning_chunk","data":{"reasoning":"a","node_id":"1"}}`,
		`{"event":"reasoning_chunk","data":{"reasoning":"a","node_id":"2"}}`,
	}
	for _, data := range all {
		channels[d.Decode("", data).Frame.Channel] = true
	}
	if len(channels) != len(all) {
		t.Errorf("got channels %v", channels)
	}
}

func TestMeaning(t *testing.T) {
	type meaning struct {
		kind    upstream.Kind
		phase   upstream.Phase
		failure string
	}
	for _, test := range []struct {
		name, before, data string
		want               meaning
	}{
		{"text", "", `{"event":"message","answer":"a"}`, meaning{kind: upstream.KindText}},
		{"no text", "", `{"event":"message","answer":""}`, meaning{kind: upstream.KindWorking}},
		{"an ambiguous text", "", `{"event":"message","answer":"a","answer":"a"}`, meaning{kind: upstream.KindPiece}},
		{"a thought", "", `{"event":"agent_thought"}`, meaning{kind: upstream.KindOutput}},
		{"a node", "", `{"event":"node_started"}`, meaning{kind: upstream.KindWorking}},
		{"the begin of a workflow", "", `{"event":"workflow_started","workflow_run_id":"r","task_id":"t"}`, meaning{kind: upstream.KindCreated}},
		{"the end of a chat", "", `{"event":"message_end"}`, meaning{kind: upstream.KindCompleted, phase: upstream.MayClose}},
		{"the end of a message of a chatflow", `{"event":"workflow_started","workflow_run_id":"r","task_id":"t"}`, `{"event":"message_end"}`, meaning{kind: upstream.KindMessageDone}},
		{"the end of a workflow", "", `{"event":"workflow_finished","data":{"status":"succeeded"}}`, meaning{kind: upstream.KindCompleted, phase: upstream.MayClose}},
		{"a failed workflow", "", `{"event":"workflow_finished","data":{"status":"failed","error":"bad"}}`, meaning{upstream.KindFailed, upstream.MayClose, "bad"}},
		{"a paused workflow", "", `{"event":"workflow_paused"}`, meaning{upstream.KindNeedsTool, upstream.MayClose, "the workflow waits for a human"}},
		{"an error", "", `{"event":"error","status":400,"code":"x","message":"bad"}`, meaning{upstream.KindFailed, upstream.Ended, "bad"}},
		{"an error without a message", "", `{"event":"error"}`, meaning{upstream.KindFailed, upstream.Ended, "the app failed"}},
		{"an unknown event", "", `{"event":"new"}`, meaning{}},
		{"not JSON", "", `oops`, meaning{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := &decoder{}
			if test.before != "" {
				d.Decode("", test.before)
			}
			m := d.Decode("", test.data).Meaning
			got := meaning{kind: m.Kind, phase: m.Phase}
			if m.Failure != nil {
				got.failure = m.Failure.Msg
			}
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestIdentities(t *testing.T) {
	for _, test := range []struct {
		data    string
		chat    upstream.Chat
		message string
	}{
		{head + `"answer":"a"}`, upstream.Chat{ID: "t", Conversation: "c"}, "m"},
		{`{"event":"text_chunk","task_id":"t","workflow_run_id":"r","data":{"text":"a"}}`, upstream.Chat{ID: "t/r"}, ""},
		{`{"event":"workflow_started","workflow_run_id":"r"}`, upstream.Chat{}, ""},
	} {
		if m := (&decoder{}).Decode("", test.data).Meaning; m.Chat != test.chat || m.Message != test.message {
			t.Errorf("%s: got %v and %q", test.data, m.Chat, m.Message)
		}
	}
}

func TestUsage(t *testing.T) {
	d := &decoder{}
	for _, test := range []struct {
		data string
		want *upstream.Usage
	}{
		{`{"event":"message_end","metadata":{"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}}`, &upstream.Usage{Input: 1, Output: 2, Total: 3}},
		{`{"event":"message_end"}`, nil},
		{`{"event":"workflow_finished","data":{"total_tokens":3}}`, &upstream.Usage{Total: 3}},
	} {
		if got := d.Decode("", test.data).Meaning.Usage; !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.data, got, test.want)
		}
	}
}

// An error of this server within a stream has the ids of the last event, and is recognized as
// an error of a server of this kind.
func TestErrorEvents(t *testing.T) {
	var sent upstream.Sent
	if got, want := errorEvents(apierror.Cut, sent)[0].Payload(), `{"event":"error","task_id":"","message_id":"","status":502,"code":"cut","message":"upstream ended mid-stream"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	sent.Add((&decoder{}).Decode("", head+`"answer":"a"}`).Event)
	e := errorEvents(apierror.Cut, sent)[0]
	if got, want := e.Payload(), `{"event":"error","task_id":"t","message_id":"m","status":502,"code":"cut","message":"upstream ended mid-stream"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if m := (&decoder{}).Decode("", e.Payload()).Meaning; m.Failure.Reason != "cut" {
		t.Errorf("got reason %s", m.Failure.Reason)
	}
}

func TestErrorBodies(t *testing.T) {
	for _, test := range []struct {
		err  *upstream.Error
		want string
	}{
		{apierror.RateLimited, `{"code":"too_many_requests","message":"too many requests","status":429}`},
		{apierror.Unreachable, `{"code":"unreachable","message":"upstream cannot be reached","status":502}`},
		{apierror.BadRequest, `{"code":"invalid_param","message":"bad request","status":400}`},
	} {
		if got := string(errorBody(test.err, "1")); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
	for _, test := range []struct{ body, msg, reason string }{
		{`{"code":"unauthorized","message":"bad token","status":401}`, "bad token", "refused"},
		{`{"code":"cut","message":"upstream ended mid-stream","status":502}`, "upstream ended mid-stream", "cut"},
		{`oops`, "status 500 without a message", "refused"},
	} {
		if got := readError(500, []byte(test.body)); got.Msg != test.msg || got.Reason != test.reason {
			t.Errorf("%s: got %v", test.body, got)
		}
	}
}

// BenchmarkDecode decodes events alone.
func BenchmarkDecode(b *testing.B) {
	for name, data := range map[string]string{
		"message": `{"event":"message","conversation_id":"5c788d53-3148-4a04-9b2d-47f1e5cc274c","message_id":"d92e3d00-935c-46e7-bc33-4132729f35e2","created_at":1775993860,"task_id":"9d244c23-b6d2-4fb3-b9d1-1779e5fa965c","id":"d92e3d00-935c-46e7-bc33-4132729f35e2","answer":"你好","from_variable_selector":["1775993259991","text"]}`,
		"chunk":   `{"event":"text_chunk","workflow_run_id":"d92e3d00-935c-46e7-bc33-4132729f35e2","task_id":"9d244c23-b6d2-4fb3-b9d1-1779e5fa965c","data":{"text":"你好","from_variable_selector":["1775993259991","text"]}}`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			d := &decoder{}
			for b.Loop() {
				if e := d.Decode("", data); e.Frame.Kind != typewriter.Answer || !e.Frame.IsText() {
					b.Fatal("no text")
				}
			}
		})
	}
}
