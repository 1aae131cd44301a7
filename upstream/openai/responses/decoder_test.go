package responses

import (
	"slices"
	"testing"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split/splittest"
)

// delta returns a delta of the answer.
func delta(text string) string {
	return `{"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_1","output_index":0,"content_index":0,"delta":"` + text + `","logprobs":[],"obfuscation":"aB3"}`
}

// Each piece of a text has the fields of the delta, except for those that SDKs would append.
func TestPieces(t *testing.T) {
	for _, test := range []struct {
		name, data string
		want       []string
	}{
		{"an answer", delta("ab"), []string{delta("a"), delta("b")}},
		{
			"probabilities", `{"type":"response.output_text.delta","logprobs":[{"token":"abc"}],"delta":"abc","sequence_number":4}`,
			[]string{
				`{"type":"response.output_text.delta","logprobs":[],"delta":"a","sequence_number":4}`,
				`{"type":"response.output_text.delta","logprobs":[],"delta":"b","sequence_number":4}`,
				`{"type":"response.output_text.delta","logprobs":[{"token":"abc"}],"delta":"c","sequence_number":4}`,
			},
		},
		{
			"one piece", `{"type":"response.output_text.delta","logprobs":[{"token":"a"}],"delta":"a"}`,
			[]string{`{"type":"response.output_text.delta","logprobs":[{"token":"a"}],"delta":"a"}`},
		},
		{
			"unknown fields", `{"x":{"y":1},"type":"response.refusal.delta","delta":"ab","z":[1],"e":{},"n":null,"s":"s"}`,
			[]string{
				`{"type":"response.refusal.delta","delta":"a","e":{},"n":null,"s":"s"}`,
				`{"x":{"y":1},"type":"response.refusal.delta","delta":"b","z":[1],"e":{},"n":null,"s":"s"}`,
			},
		},
		{
			"escapes", "{\"type\":\"response.reasoning_text.delta\",\"delta\":\"\u2028\\n\",\"x\":\"\u0085\"}",
			[]string{
				`{"type":"response.reasoning_text.delta","delta":"\u2028","x":"\u0085"}`,
				`{"type":"response.reasoning_text.delta","delta":"\n","x":"\u0085"}`,
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := splittest.Pieces(t, newDecoder().Decode("x", test.data)); !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestTexts(t *testing.T) {
	const place = `"item_id":"i","output_index":2,"content_index":3`
	for _, test := range []struct {
		name, data string
		kind       typewriter.TextKind
		channel    string
	}{
		{"an answer", `{"type":"response.output_text.delta",` + place + `,"delta":"a"}`, typewriter.Answer, "output_text i 2 3"},
		{"a refusal", `{"type":"response.refusal.delta",` + place + `,"delta":"a"}`, typewriter.Refusal, "refusal i 2 3"},
		{"a reasoning", `{"type":"response.reasoning_text.delta",` + place + `,"delta":"a"}`, typewriter.Reasoning, "reasoning_text i 2 3"},
		{"a reasoning of gateways", `{"type":"response.reasoning.delta",` + place + `,"delta":"a"}`, typewriter.Reasoning, "reasoning i 2 3"},
		{"a summary", `{"type":"response.reasoning_summary_text.delta","item_id":"i","output_index":2,"summary_index":4,"delta":"a"}`, typewriter.Reasoning, "reasoning_summary_text i 2 4"},
		{"no place", `{"type":"response.output_text.delta","delta":"a"}`, typewriter.Answer, "output_text   "},
		{"arguments", `{"type":"response.function_call_arguments.delta",` + place + `,"delta":"a"}`, 0, ""},
		{"a transcript", `{"type":"response.audio.transcript.delta","delta":"a"}`, 0, ""},
		{"no text", `{"type":"response.output_text.delta","delta":""}`, 0, ""},
		{"an object", `{"type":"response.reasoning.delta","delta":{"text":"a"}}`, 0, ""},
		{"a repeated field", `{"type":"response.output_text.delta","delta":"a","delta":"b"}`, 0, ""},
		{"an unknown type", `{"type":"response.other.delta","delta":"a"}`, 0, ""},
		{"no type", `{"delta":"a"}`, 0, ""},
		{"no JSON", `{"type":"response.output_text.delta","delta":"a"`, 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := newDecoder().Decode("name", test.data)
			if e.Frame.Channel != test.channel || e.Frame.Kind != test.kind || e.Frame.Name != "name" || e.Payload() != test.data {
				t.Errorf("got %+v of %s", e.Frame, e.Payload())
			}
		})
	}
}

// The name of an event is its type if the data has none.
func TestTypeByName(t *testing.T) {
	if e := newDecoder().Decode("response.output_text.delta", `{"delta":"a"}`); e.Frame.Channel != "output_text   " {
		t.Errorf("got channel %q", e.Frame.Channel)
	}
}

// Texts of several parts that come in turn keep their channels and ids.
func TestPartsInTurn(t *testing.T) {
	d := newDecoder()
	for range 2 {
		for _, item := range []string{"a", "b"} {
			e := d.Decode("", `{"type":"response.output_text.delta","item_id":"`+item+`","output_index":0,"content_index":0,"delta":"x"}`)
			if e.Frame.Channel != "output_text "+item+" 0 0" || e.Meaning.Message != item {
				t.Errorf("got channel %q and message %q of item %q", e.Frame.Channel, e.Meaning.Message, item)
			}
		}
	}
}

func TestMeaning(t *testing.T) {
	for _, test := range []struct {
		name, data string
		kind       upstream.Kind
		phase      upstream.Phase
		chat       string
		failure    string
	}{
		{"created", `{"type":"response.created","response":{"id":"r","status":"queued"}}`, upstream.KindCreated, upstream.Running, "r", ""},
		{"queued", `{"type":"response.queued","response":{"id":"r","status":"queued"}}`, upstream.KindOther, upstream.Running, "r", ""},
		{"in progress", `{"type":"response.in_progress","response":{"id":"r","status":"in_progress"}}`, upstream.KindWorking, upstream.Running, "r", ""},
		{"completed", `{"type":"response.completed","response":{"id":"r","status":"completed"}}`, upstream.KindCompleted, upstream.Ended, "r", ""},
		{"completed without a status", `{"type":"response.completed","response":{"id":"r"}}`, upstream.KindCompleted, upstream.Ended, "r", ""},
		{"incomplete", `{"type":"response.incomplete","response":{"status":"incomplete"}}`, upstream.KindCompleted, upstream.Ended, "", ""},
		{"failed", `{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"m"}}}`, upstream.KindFailed, upstream.Ended, "", "m"},
		{"failed without a reason", `{"type":"response.failed","response":{"status":"failed","error":null}}`, upstream.KindFailed, upstream.Ended, "", "the response failed"},
		{"cancelled", `{"type":"response.done","response":{"status":"cancelled","error":null}}`, upstream.KindFailed, upstream.Ended, "", "the response was cancelled"},
		{"a nested error", `{"type":"error","error":{"code":"c","message":"m"}}`, upstream.KindFailed, upstream.Ended, "", "m"},
		{"a flat error", `{"type":"error","code":"c","message":"m","param":null}`, upstream.KindFailed, upstream.Ended, "", "m"},
		{"an error without type", `{"error":{"message":"m"}}`, upstream.KindFailed, upstream.Ended, "", "m"},
		{"no error", `{"type":"response.other","error":{"message":"m"}}`, upstream.KindOther, upstream.Running, "", ""},
		{"a whole text", `{"type":"response.output_text.done","text":"a"}`, upstream.KindMessageDone, upstream.Running, "", ""},
		{"a whole part", `{"type":"response.content_part.done","part":{"type":"output_text","text":"a"}}`, upstream.KindOther, upstream.Running, "", ""},
		{"a part with text", `{"type":"response.content_part.added","part":{"type":"output_text","text":"a"}}`, upstream.KindPiece, upstream.Running, "", ""},
		{"a part without text", `{"type":"response.content_part.added","part":{"type":"output_text","text":""}}`, upstream.KindOther, upstream.Running, "", ""},
		{"a message", `{"type":"response.output_item.added","item":{"type":"message"}}`, upstream.KindOther, upstream.Running, "", ""},
		{"a call", `{"type":"response.output_item.added","item":{"type":"function_call"}}`, upstream.KindOutput, upstream.Running, "", ""},
		{"arguments", `{"type":"response.function_call_arguments.delta","delta":"{"}`, upstream.KindOutput, upstream.Running, "", ""},
		{"a ping", `{"type":"ping"}`, upstream.KindOther, upstream.Running, "", ""},
		{"the end of gateways", `[DONE]`, upstream.KindDone, upstream.Done, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := newDecoder().Decode("", test.data)
			failure := ""
			if e.Meaning.Failure != nil {
				failure = e.Meaning.Failure.Msg
			}
			if m := e.Meaning; m.Kind != test.kind || m.Phase != test.phase || m.Chat.ID != test.chat || failure != test.failure || e.Payload() != test.data {
				t.Errorf("got %+v, failure %q", m, failure)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	const data = `{"type":"response.completed","response":{"status":"completed","model":"m","usage":{"input_tokens":3,"output_tokens":4,"total_tokens":7}}}`
	if got := newDecoder().Decode("", data).Meaning.Usage; *got != (upstream.Usage{Input: 3, Output: 4, Total: 7, Model: "m"}) {
		t.Errorf("got %+v", got)
	}
}

// The answer is collected from deltas, or from whole texts without deltas before.
func TestAnswer(t *testing.T) {
	const (
		part = `"item_id":"i","output_index":0,"content_index":0`
		item = `{"type":"response.output_item.done","output_index":0,"item":{"id":"i","type":"message","content":[{"type":"output_text","text":"ab"}]}}`
		done = `{"type":"response.output_text.done",` + part + `,"text":"ab"}`
		a    = `{"type":"response.output_text.delta",` + part + `,"delta":"a"}`
		b    = `{"type":"response.output_text.delta",` + part + `,"delta":"b"}`
		also = `{"type":"response.output_text.delta","item_id":"j","output_index":1,"content_index":0,"delta":"c"}`
	)
	for _, test := range []struct {
		name   string
		events []string
		want   string
	}{
		{"deltas", []string{a, b, done, item}, "ab"},
		{"a whole text", []string{done, item}, "ab"},
		{"an item", []string{item}, "ab"},
		{"two items", []string{a, b, done, item, also}, "ab\n\nc"},
		{"a part with text", []string{`{"type":"response.content_part.added",` + part + `,"part":{"type":"output_text","text":"a"}}`, b, done}, "ab"},
		{"a refusal", []string{`{"type":"response.refusal.done",` + part + `,"refusal":"no"}`}, "no"},
		{"a reasoning", []string{`{"type":"response.reasoning_text.done",` + part + `,"text":"hm"}`, a}, "a"},
		{"a repeated field", []string{`{"type":"response.output_text.delta","delta":"a","delta":"a"}`}, "a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, answer := newDecoder(), upstream.Answer{}
			for _, data := range test.events {
				answer.Add(d.Decode("", data))
			}
			if got := answer.Text(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
