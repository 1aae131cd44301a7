package anthropic

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split/splittest"
)

func TestRoute(t *testing.T) {
	versioned, keyed := http.Header{}, http.Header{}
	versioned.Set("anthropic-version", "2023-06-01")
	keyed.Set("x-api-key", "k")
	for _, test := range []struct {
		method, path string
		header       http.Header
		want         string
	}{
		{"POST", "/v1/messages", versioned, "*/messages"},
		{"POST", "/v1/messages", keyed, "*/messages"},
		{"POST", "/v1/messages", nil, ""},
		{"POST", "/anthropic/v1/messages", versioned, "*/messages"},
		{"POST", "/api/anthropic/v1/messages", versioned, "*/messages"},
		{"POST", "/apps/anthropic/v1/messages", versioned, "*/messages"},
		{"POST", "/v1/messages/count_tokens", versioned, ""},
		{"POST", "/v1/messages/batches", versioned, ""},
		{"GET", "/v1/messages", versioned, ""},
		{"POST", "/v1/projects/p/locations/l/publishers/anthropic/models/m:streamRawPredict", nil, "*/publishers/anthropic/models/*:streamRawPredict"},
		{"POST", "/v1/projects/p/locations/l/publishers/mistralai/models/m:streamRawPredict", nil, ""},
		{"POST", "/v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict", nil, ""},
	} {
		if got := format.Route(upstream.RequestHead{Method: test.method, Path: test.path, Header: test.header.Get}); got != test.want {
			t.Errorf("%s %s: got %q, want %q", test.method, test.path, got, test.want)
		}
	}
}

func TestSplit(t *testing.T) {
	for _, test := range []struct {
		name       string
		event, raw string
		want       []string // nil: the event is not split
	}{
		{
			"text", eventBlockDelta, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"ab"}}`,
			[]string{
				`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}`,
				`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"b"}}`,
			},
		},
		{
			"padding", eventBlockDelta, `{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"👩‍👩‍👧\n"}     }`,
			[]string{
				`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"👩‍👩‍👧"}     }`,
				`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"\n"}     }`,
			},
		},
		{
			"thinking with other fields", eventBlockDelta, `{"delta": {"signature":"s","thinking":"ab","type":"thinking_delta","x":""}, "type":"content_block_delta", "usage":{"a":1}, "index": 7}`,
			[]string{
				`{"delta": {"thinking":"a","type":"thinking_delta","x":""}, "type":"content_block_delta", "index": 7}`,
				`{"delta": {"signature":"s","thinking":"b","type":"thinking_delta","x":""}, "type":"content_block_delta", "usage":{"a":1}, "index": 7}`,
			},
		},
		{"no name", "", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}`, []string{`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}`}},
		{"another name", eventPing, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"ab"}}`, nil},
		{"another type", eventBlockDelta, `{"type":"other","index":0,"delta":{"type":"text_delta","text":"ab"}}`, nil},
		{"empty", eventBlockDelta, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}`, nil},
		{"no text", eventBlockDelta, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":[1]}}`, nil},
		{"field of another type", eventBlockDelta, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","thinking":"ab"}}`, nil},
		{"repeated text", eventBlockDelta, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"ab","text":"c"}}`, nil},
		{"repeated delta", eventBlockDelta, `{"type":"content_block_delta","delta":{"type":"text_delta","text":"ab"},"delta":{}}`, nil},
		{"input of a tool", eventBlockDelta, `{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a"}}`, nil},
		{"signature", eventBlockDelta, `{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"ab"}}`, nil},
		{"citation", eventBlockDelta, `{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"cited_text":"ab"}}}`, nil},
		{"compaction", eventBlockDelta, `{"type":"content_block_delta","index":0,"delta":{"type":"compaction_delta","content":"ab"}}`, nil},
		{"a block that starts with text", eventBlockStart, `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"ab"}}`, nil},
		{"not JSON", eventBlockDelta, `{"type":"content_block_delta"`, nil},
		{"a list", eventBlockDelta, `["content_block_delta"]`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := decoder{}
			e := d.Decode(test.event, test.raw)
			if e.Frame.IsText() != (test.want != nil) || e.Frame.Name != test.event || e.Payload() != test.raw {
				t.Fatalf("got %+v, want split: %t", e.Frame, test.want != nil)
			}
			if test.want == nil {
				return
			}
			if got := splittest.Pieces(t, e); !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// Events that differ in the spaces before the last brace share the frames of each number of
// spaces.
func TestPadding(t *testing.T) {
	d := decoder{}
	frames := map[string]*typewriter.Frame{}
	for round := range 3 {
		for n := range 40 {
			spaces := strings.Repeat(" ", (7*n+round)%40)
			data := strings.TrimSuffix(text("ab").Data, "}") + spaces + "}"
			e := d.Decode(eventBlockDelta, data)
			if e.Payload() != data || e.Text != "ab" {
				t.Fatalf("got %q, want %q", e.Payload(), data)
			}
			if known := frames[spaces]; known != nil && known != e.Frame && len(spaces) > 0 && len(spaces) < 24 {
				t.Errorf("round %d: got another frame for %d spaces", round, len(spaces))
			}
			frames[spaces] = e.Frame
		}
	}
	for _, data := range []string{
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"ab"}	}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"ab"} ,"x":1 }`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"ab"} `,
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"` + "\n" + `"} }`,
	} {
		if e := d.Decode(eventBlockDelta, data); e.Payload() != data {
			t.Errorf("got %q, want %q", e.Payload(), data)
		}
	}
}

func TestMeaning(t *testing.T) {
	const start = `{"type":"message_start","message":{"id":"msg_1","model":"m-1","usage":{"input_tokens":3,"cache_read_input_tokens":4,"output_tokens":1}}}`
	for _, test := range []struct {
		name, event, data string
		want              upstream.Meaning
	}{
		{"start", eventMessageStart, start, upstream.Meaning{Kind: upstream.KindCreated, Usage: &upstream.Usage{Input: 7, Model: "m-1"}}},
		{"tool", eventBlockStart, `{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t"}}`, upstream.Meaning{Kind: upstream.KindOutput}},
		{"block", eventBlockStart, `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`, upstream.Meaning{Kind: upstream.KindWorking}},
		{
			"block with text", eventBlockStart, `{"type":"content_block_start","index":1,"content_block":{"type":"thinking","thinking":"a\n"}}`,
			upstream.Meaning{Kind: upstream.KindPiece, Texts: []upstream.Text{{Kind: typewriter.Reasoning, Channel: "thinking 1", Text: `a\n`}}},
		},
		{"text", eventBlockDelta, text("a").Data, upstream.Meaning{Kind: upstream.KindText}},
		{"usage", eventMessageDelta, `{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":5}}`, upstream.Meaning{Kind: upstream.KindWorking, Usage: &upstream.Usage{Input: 7, Output: 5, Total: 12, Model: "m-1"}}},
		{
			"stop", eventMessageDelta, `{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":10,"output_tokens":5}}`,
			upstream.Meaning{Kind: upstream.KindCompleted, Phase: upstream.MayClose, Usage: &upstream.Usage{Input: 10, Output: 5, Total: 15, Model: "m-1"}},
		},
		{"ping", eventPing, `{"type":"ping"}`, upstream.Meaning{}},
		{"unknown", "x", `{"type":"x"}`, upstream.Meaning{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := decoder{}
			d.Decode(eventMessageStart, start)
			got := *d.Decode(test.event, test.data).Meaning
			test.want.Message, test.want.Chat = "msg_1", upstream.Chat{ID: "msg_1"}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

// A stream is complete after message_stop, or if it ends after the reason for the end.
func TestEnds(t *testing.T) {
	const (
		block  = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n"
		reason = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n"
		stop   = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
		failed = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"
	)
	for _, test := range []struct {
		name, stream string
		events       int
		failure      string
	}{
		{"complete", block + reason + stop, 3, ""},
		{"more events", block + reason + stop + block, 4, ""},
		{"no last event", block + reason, 2, ""},
		{"no blank line", block + reason + strings.TrimSuffix(stop, "\n\n"), 3, ""},
		{"an error", block + failed, 2, ""},
		{"cut", block, 2, "cut"},
		{"cut in an event", block + reason[:40], 2, "cut"},
	} {
		t.Run(test.name, func(t *testing.T) {
			events, failure := splittest.Decode(t, format, test.stream)
			reasonOf := ""
			if failure != nil {
				reasonOf = failure.Reason
			}
			if len(events) != test.events || reasonOf != test.failure {
				t.Errorf("got %d events and %q, want %d and %q", len(events), reasonOf, test.events, test.failure)
			}
		})
	}
}
