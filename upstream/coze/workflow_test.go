package coze

import (
	"context"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/testenv"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split/splittest"
)

// workflow is the format of workflows.
var workflow = NewWorkflow()

// typed plays events that arrive with gaps.
func typed(t *testing.T, pace typewriter.Pace, events []upstream.Event, gap func() time.Duration) []event {
	t.Helper()
	var got []event
	synctest.Test(t, func(t *testing.T) {
		for _, s := range splittest.Play(t, pace, events, gap) {
			got = append(got, event{s.Name, s.Data})
		}
	})
	return got
}

// decodeWorkflow decodes the events of a workflow.
func decodeWorkflow(stream []event) []upstream.Event {
	d := &workflowDecoder{}
	var all []upstream.Event
	for _, e := range stream {
		all = append(all, d.Decode(e.name, e.data))
	}
	return all
}

// perCharacter is a pace with an event for each character.
func perCharacter() typewriter.Pace {
	pace := typewriter.DefaultPace(typewriter.Typewriter)
	pace.MinInterval = 0
	return pace
}

func evenly() time.Duration { return time.Millisecond }

// messages returns messages with data.
func messages(data ...string) []event {
	var all []event
	for _, d := range data {
		all = append(all, event{workflowMessage, d})
	}
	return all
}

func TestWorkflowMessages(t *testing.T) {
	for _, test := range []struct {
		name         string
		stream, want []event
	}{
		{
			"a node",
			messages(
				`{"content":"ab","node_is_finish":false,"node_seq_id":"0","node_title":"M"}`,
				`{"content":"cd","node_is_finish":true,"node_seq_id":"1","node_title":"M"}`),
			messages(
				`{"content":"a","node_is_finish":false,"node_seq_id":"0","node_title":"M"}`,
				`{"content":"b","node_is_finish":false,"node_seq_id":"1","node_title":"M"}`,
				`{"content":"c","node_is_finish":false,"node_seq_id":"2","node_title":"M"}`,
				`{"content":"d","node_is_finish":true,"node_seq_id":"3","node_title":"M"}`),
		},
		{
			"tokens, costs and usage in the last piece",
			messages(`{"token":5,"content":"ab","cost":"0.01","usage":{"token_count":5},"ext":{"a":"b"},"node_title":"M","node_is_finish":true,"x":null,"y":[],"node_seq_id":"0"}`),
			messages(
				`{"content":"a","node_title":"M","node_is_finish":false,"x":null,"y":[],"node_seq_id":"0"}`,
				`{"token":5,"content":"b","cost":"0.01","usage":{"token_count":5},"ext":{"a":"b"},"node_title":"M","node_is_finish":true,"x":null,"y":[],"node_seq_id":"1"}`),
		},
		{
			"the output of a workflow, which clients parse",
			messages(`{"content":"{\"output\":\"ab\"}","cost":"0.00","node_is_finish":true,"node_seq_id":"0","node_title":"","token":0}`, `{"content":" [1,\n2]","node_title":""}`),
			messages(`{"content":"{\"output\":\"ab\"}","cost":"0.00","node_is_finish":true,"node_seq_id":"0","node_title":"","token":0}`, `{"content":" [1,\n2]","node_title":""}`),
		},
		{
			"an object that continues a run",
			messages(`{"content":"ab","node_seq_id":"0"}`, `{"content":"{\"a\":1}","node_seq_id":"1"}`),
			messages(`{"content":"a","node_seq_id":"0"}`, `{"content":"b","node_seq_id":"1"}`, `{"content":"{\"a\":1}","node_seq_id":"2"}`),
		},
		{
			"a character that ends with the execution of its node",
			messages(`{"content":"👩\u200d","node_seq_id":"0"}`, `{"content":"👧","node_seq_id":"0"}`),
			messages(`{"content":"👩\u200d","node_seq_id":"0"}`, `{"content":"👧","node_seq_id":"0"}`),
		},
		{
			"a text that begins as an object does",
			messages(`{"content":"{a","node_seq_id":"0"}`, `{"content":"[b","node_seq_id":"1"}`, `{"content":"\n","node_seq_id":"2"}`),
			messages(`{"content":"{","node_seq_id":"0"}`, `{"content":"a","node_seq_id":"1"}`, `{"content":"[","node_seq_id":"2"}`, `{"content":"b","node_seq_id":"3"}`, `{"content":"\n","node_seq_id":"4"}`),
		},
		{
			"a card",
			messages(
				`{"content":"ab","node_seq_id":"0","node_title":"M"}`,
				`{"content":"{x","content_type":"card","node_seq_id":"1","node_title":"M"}`,
				`{"content":"","node_seq_id":"2","node_title":"M"}`,
				`{"card_body":"cd","node_seq_id":"3","node_title":"M"}`),
			messages(
				`{"content":"a","node_seq_id":"0","node_title":"M"}`,
				`{"content":"b","node_seq_id":"1","node_title":"M"}`,
				`{"content":"{x","content_type":"card","node_seq_id":"2","node_title":"M"}`,
				`{"content":"","node_seq_id":"3","node_title":"M"}`,
				`{"card_body":"cd","node_seq_id":"4","node_title":"M"}`),
		},
		{
			"nodes that speak by turns",
			messages(
				`{"content":"ab","node_seq_id":"0","node_title":"M"}`,
				`{"content":"xy","content_type":"text","node_seq_id":"0","node_title":"N"}`,
				`{"content":"cd","node_seq_id":"1","node_title":"M"}`,
				`{"content":"z","content_type":"text","node_seq_id":"1","node_title":"N"}`),
			messages(
				`{"content":"a","node_seq_id":"0","node_title":"M"}`,
				`{"content":"b","node_seq_id":"1","node_title":"M"}`,
				`{"content":"x","content_type":"text","node_seq_id":"0","node_title":"N"}`,
				`{"content":"y","content_type":"text","node_seq_id":"1","node_title":"N"}`,
				`{"content":"c","node_seq_id":"2","node_title":"M"}`,
				`{"content":"d","node_seq_id":"3","node_title":"M"}`,
				`{"content":"z","content_type":"text","node_seq_id":"2","node_title":"N"}`),
		},
		{
			"a node that runs twice, without an id",
			messages(
				`{"content":"ab","node_seq_id":"0","node_title":"M"}`,
				`{"content":"c","node_seq_id":"0","node_title":"M"}`,
				`{"content":"d","node_seq_id":"1","node_title":"M"}`),
			messages(
				`{"content":"a","node_seq_id":"0","node_title":"M"}`,
				`{"content":"b","node_seq_id":"1","node_title":"M"}`,
				`{"content":"c","node_seq_id":"0","node_title":"M"}`,
				`{"content":"d","node_seq_id":"1","node_title":"M"}`),
		},
		{
			"executions of a node",
			messages(
				`{"content":"ab","node_seq_id":"0","node_title":"M","node_execute_uuid":"1"}`,
				`{"content":"c","node_seq_id":"0","node_title":"M","node_execute_uuid":"2"}`,
				`{"content":"d","node_seq_id":"1","node_title":"M","node_execute_uuid":"1"}`),
			messages(
				`{"content":"a","node_seq_id":"0","node_title":"M","node_execute_uuid":"1"}`,
				`{"content":"b","node_seq_id":"1","node_title":"M","node_execute_uuid":"1"}`,
				`{"content":"c","node_seq_id":"0","node_title":"M","node_execute_uuid":"2"}`,
				`{"content":"d","node_seq_id":"2","node_title":"M","node_execute_uuid":"1"}`),
		},
		{
			"numbers that begin later, have a gap, or are no strings",
			messages(`{"node_seq_id":3,"content":"ab"}`, `{"node_seq_id":7,"content":"c"}`),
			messages(`{"node_seq_id":3,"content":"a"}`, `{"node_seq_id":4,"content":"b"}`, `{"node_seq_id":5,"content":"c"}`),
		},
		{
			"without a number",
			messages(`{"content":"ab","node_seq_id":"x"}`, `{"content":"c","node_seq_id":"x"}`, `{"content":"d"}`, `{}`),
			messages(`{"content":"a","node_seq_id":"x"}`, `{"content":"b","node_seq_id":"x"}`, `{"content":"c","node_seq_id":"x"}`, `{"content":"d"}`, `{}`),
		},
		{
			"ambiguous, broken and odd data",
			messages(`{"content":"ab","content":"cd","node_seq_id":"0"}`, `{"content":"ab"`, `["ab"]`, `{"content":["ab"],"node_seq_id":"0"}`),
			messages(`{"content":"ab","content":"cd","node_seq_id":"0"}`, `{"content":"ab"`, `["ab"]`, `{"content":["ab"],"node_seq_id":"0"}`),
		},
		{
			"several lines",
			messages("{\"content\":\"a\u2028b\",\n\"node_seq_id\":\"0\"}"),
			messages(`{"content":"a", "node_seq_id":"0"}`, `{"content":"\u2028", "node_seq_id":"1"}`, `{"content":"b", "node_seq_id":"2"}`),
		},
		{
			"other events",
			[]event{{"PING", "{}"}, {workflowMessage, `{"content":"ab"}`}, {"PING", ""}, {workflowInterrupt, `{"interrupt_data":{"event_id":"1/2","type":2}}`}, {workflowDone, `{"debug_url":"x"}`}},
			[]event{{"PING", "{}"}, {workflowMessage, `{"content":"a"}`}, {workflowMessage, `{"content":"b"}`}, {"PING", ""}, {workflowInterrupt, `{"interrupt_data":{"event_id":"1/2","type":2}}`}, {workflowDone, `{"debug_url":"x"}`}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := typed(t, perCharacter(), decodeWorkflow(test.stream), evenly); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestWorkflowMeanings(t *testing.T) {
	for _, test := range []struct {
		name, data string
		kind       upstream.Kind
		phase      upstream.Phase
		msg        string // of the failure
	}{
		{workflowMessage, `{"content":"a"}`, upstream.KindText, upstream.Running, ""},
		{workflowMessage, `{"content":"{}"}`, upstream.KindPiece, upstream.Running, ""},
		{workflowMessage, `{"content":"x","content_type":"card"}`, upstream.KindOther, upstream.Running, ""},
		{workflowInterrupt, `{}`, upstream.KindNeedsTool, upstream.MayClose, "the workflow waits for an answer"},
		{workflowDone, `{}`, upstream.KindDone, upstream.Done, ""},
		{workflowError, `{"error_code":4000,"error_message":"bad"}`, upstream.KindFailed, upstream.MayClose, "bad"},
		{workflowError, `{"code":1,"msg":"bad"}`, upstream.KindFailed, upstream.MayClose, "bad"},
		{workflowError, `{}`, upstream.KindFailed, upstream.MayClose, "the workflow failed"},
		{eventError, `plain text`, upstream.KindFailed, upstream.MayClose, "plain text"},
		{"PING", `{}`, upstream.KindOther, upstream.Running, ""},
	} {
		m := (&workflowDecoder{}).Decode(test.name, test.data).Meaning
		msg := ""
		if m.Failure != nil {
			msg = m.Failure.Msg
		}
		if m.Kind != test.kind || m.Phase != test.phase || msg != test.msg {
			t.Errorf("%s %s: got kind %d, phase %d, failure %q", test.name, test.data, m.Kind, m.Phase, msg)
		}
	}
}

// A message that ends a node tells its usage, and the kind of a text in an undivided message
// is known.
func TestWorkflowUsage(t *testing.T) {
	e := (&workflowDecoder{}).Decode(workflowMessage, `{"content":"{\"a\":1}","usage":{"input_count":1,"output_count":2,"token_count":3}}`)
	if want := (&upstream.Usage{Input: 1, Output: 2, Total: 3}); !reflect.DeepEqual(e.Meaning.Usage, want) {
		t.Errorf("got %v, want %v", e.Meaning.Usage, want)
	}
	if len(e.Meaning.Texts) != 1 || e.Meaning.Texts[0].Text != `{\"a\":1}` {
		t.Errorf("got %v", e.Meaning.Texts)
	}
}

// readWorkflow reads a workflow's stream.
func readWorkflow(t *testing.T, stream string) ([]event, *upstream.Error) {
	t.Helper()
	return readAll(open(t.Context(), t, workflow, func(context.Context) io.ReadCloser { return testenv.InPieces(stream, 7) }, nil))
}

// A stream that is cut ends with an error, which the decoder recognizes as one of the server.
func TestWorkflowIsCut(t *testing.T) {
	for _, test := range []struct{ name, stream, reason string }{
		{"cut", "id: 0\nevent: Message\ndata: {\"content\":\"a\"}\n\n", "cut"},
		{"within an event", "id: 0\nevent: Message\ndata: {\"content\":\"a\"}\n\nid: 1\nevent: Mess", "cut"},
		{"done", "id: 0\nevent: Done\ndata: {}\n\n", ""},
		{"interrupted", "id: 0\nevent: Interrupt\ndata: {}\n\n", ""},
		{"failed", "id: 0\nevent: Error\ndata: {\"error_code\":4000,\"error_message\":\"bad\"}\n\n", ""},
		{"failed with plain text", "event:error\ndata:no such workflow\n\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, failure := readWorkflow(t, test.stream)
			if reason(failure) != test.reason {
				t.Fatalf("got %v, want %q", failure, test.reason)
			}
			if last := got[len(got)-1]; test.reason != "" {
				want := event{workflowError, `{"error_code":5023,"error_message":"upstream ended mid-stream"}`}
				if decoded := (&workflowDecoder{}).Decode(last.name, last.data).Meaning.Failure; last != want || decoded.Reason != apierror.Cut.Reason {
					t.Errorf("got %q with failure %v, want %q", last, decoded, want)
				}
			}
		})
	}
}

// More nodes than are remembered do not stop the text, and take bounded memory.
func TestWorkflowNodesAreBounded(t *testing.T) {
	d := &workflowDecoder{}
	for i := range 3 * maxNodes {
		data := `{"content":"ab","node_seq_id":"0","node_execute_uuid":"` + strings.Repeat("x", i%50) + string(rune(0x4e00+i)) + `"}`
		if e := d.Decode(workflowMessage, data); !e.Frame.IsText() || len(d.nodes) > maxNodes {
			t.Fatalf("message %d: got %d nodes, text %t", i, len(d.nodes), e.Frame.IsText())
		}
	}
}
