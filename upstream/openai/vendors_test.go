package openai

import (
	"slices"
	"testing"

	"sse-typewriter/upstream"
)

// Chunks of services that add fields and events of their own to the format.
func TestVendors(t *testing.T) {
	for _, test := range []struct {
		name  string
		event [2]string // name and data
		want  []string
		kind  upstream.Kind
		phase upstream.Phase
	}{
		{
			"iFlytek",
			[2]string{"", `{"code":0,"message":"Success","sid":"cha1","choices":[{"delta":{"role":"assistant","content":"ab"},"index":0}]}`},
			[]string{
				`{"code":0,"message":"Success","sid":"cha1","choices":[{"delta":{"role":"assistant","content":"a"},"index":0}]}`,
				`{"code":0,"message":"Success","sid":"cha1","choices":[{"delta":{"content":"b"},"index":0}]}`,
			},
			upstream.KindText, upstream.Running,
		},
		{
			"iFlytek, failed",
			[2]string{"", `{"code":10013,"message":"bad","sid":"cha1"}`},
			[]string{`{"code":10013,"message":"bad","sid":"cha1"}`},
			upstream.KindFailed, upstream.Ended,
		},
		{
			"Yuanqi",
			[2]string{"", `{"id":"1","choices":[{"index":0,"finish_reason":"","delta":{"role":"assistant","content":"ab","time_cost":9}}],"assistant_id":"a","usage":{"total_tokens":3}}`},
			[]string{
				`{"id":"1","choices":[{"index":0,"finish_reason":"","delta":{"role":"assistant","content":"a"}}],"assistant_id":"a"}`,
				`{"id":"1","choices":[{"index":0,"finish_reason":"","delta":{"content":"b","time_cost":9}}],"assistant_id":"a","usage":{"total_tokens":3}}`,
			},
			upstream.KindText, upstream.Running,
		},
		{
			"Yuanqi, steps of tools",
			[2]string{"", `{"id":"1","choices":[{"index":0,"finish_reason":"","delta":{"role":"tool","steps":[{"output":"x"}]}}]}`},
			[]string{`{"id":"1","choices":[{"index":0,"finish_reason":"","delta":{"role":"tool","steps":[{"output":"x"}]}}]}`},
			upstream.KindWorking, upstream.Running,
		},
		{
			"FastGPT, an answer",
			[2]string{"answer", `{"id":"","choices":[{"delta":{"role":"assistant","content":"ab"},"index":0,"finish_reason":null}]}`},
			[]string{
				`{"id":"","choices":[{"delta":{"role":"assistant","content":"a"},"index":0,"finish_reason":null}]}`,
				`{"id":"","choices":[{"delta":{"content":"b"},"index":0,"finish_reason":null}]}`,
			},
			upstream.KindText, upstream.Running,
		},
		{
			"FastGPT, a reasoning",
			[2]string{"fastAnswer", `{"choices":[{"delta":{"reasoning_content":"ab"},"index":0}]}`},
			[]string{`{"choices":[{"delta":{"reasoning_content":"a"},"index":0}]}`, `{"choices":[{"delta":{"reasoning_content":"b"},"index":0}]}`},
			upstream.KindText, upstream.Running,
		},
		{
			"FastGPT, the end of an answer",
			[2]string{"answer", "[DONE]"},
			[]string{"[DONE]"},
			upstream.KindDone, upstream.Ended, // other events may follow
		},
		{
			"FastGPT, nodes",
			[2]string{"flowNodeStatus", `{"status":"running","name":"AI"}`},
			[]string{`{"status":"running","name":"AI"}`},
			upstream.KindOther, upstream.Running,
		},
		{
			"FastGPT, a tool",
			[2]string{"toolParams", `{"tool":{"id":"1","params":"{\"a\":"}}`},
			[]string{`{"tool":{"id":"1","params":"{\"a\":"}}`},
			upstream.KindOther, upstream.Running,
		},
		{
			"FastGPT, failed",
			[2]string{"error", `{"message":"bad"}`},
			[]string{`{"message":"bad"}`},
			upstream.KindFailed, upstream.Ended,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := &decoder{}
			e := d.Decode(test.event[0], test.event[1])
			if got := pieces(e); !slices.Equal(got, test.want) || e.Frame.Name != test.event[0] {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if e.Meaning.Kind != test.kind || e.Meaning.Phase != test.phase {
				t.Errorf("got kind %d, phase %d; want %d, %d", e.Meaning.Kind, e.Meaning.Phase, test.kind, test.phase)
			}
		})
	}
}
