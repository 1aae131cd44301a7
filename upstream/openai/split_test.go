package openai

import (
	"slices"
	"testing"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// pieces returns the data of an event of which each byte of text is a piece.
func pieces(e upstream.Event) []string {
	f := e.Frame
	if !f.IsText() {
		return []string{e.Payload()}
	}
	var out []string
	for i := range len(e.Text) {
		p := typewriter.Payload{Head: f.Head, Twin: f.Twin, Tail: f.Tail}
		if once := f.Once; once != nil {
			switch {
			case len(e.Text) == 1:
				p = once.Only
			case i == 0 && once.First != (typewriter.Payload{}):
				p = once.First
			case i == len(e.Text)-1 && once.Last != (typewriter.Payload{}):
				p = once.Last
			}
		}
		data := p.Head + e.Text[i:i+1]
		if p.Twin != "" {
			data += p.Twin + e.Text[i:i+1]
		}
		out = append(out, data+p.Tail)
	}
	return out
}

func TestSplit(t *testing.T) {
	for _, test := range []struct {
		name string
		data string
		want []string // nil: the event is not split
	}{
		{
			"text", `{"id":"1","choices":[{"index":0,"delta":{"content":"ab"},"logprobs":null,"finish_reason":null}],"usage":null}`,
			[]string{
				`{"id":"1","choices":[{"index":0,"delta":{"content":"a"},"logprobs":null,"finish_reason":null}],"usage":null}`,
				`{"id":"1","choices":[{"index":0,"delta":{"content":"b"},"logprobs":null,"finish_reason":null}],"usage":null}`,
			},
		},
		{
			"role before and finish, usage, logprobs behind",
			`{"choices":[{"delta":{"role":"assistant","content":"abc"},"logprobs":{"content":[1]},"finish_reason":"stop"}],"usage":{"total_tokens":3}}`,
			[]string{
				`{"choices":[{"delta":{"role":"assistant","content":"a"},"logprobs":null,"finish_reason":null}]}`,
				`{"choices":[{"delta":{"content":"b"},"logprobs":null,"finish_reason":null}]}`,
				`{"choices":[{"delta":{"content":"c"},"logprobs":{"content":[1]},"finish_reason":"stop"}],"usage":{"total_tokens":3}}`,
			},
		},
		{
			"all fields before the text",
			`{"usage":{"a":1}, "citations":["x"] ,"choices":[{"finish_reason":"stop","usage":{"b":1},"index":1,"delta":{"tool_calls":[{}],"role":"assistant", "content" : "ab" } } ]}`,
			[]string{
				`{"citations":["x"] ,"choices":[{"finish_reason":null,"index":1,"delta":{"role":"assistant", "content" : "a" } } ]}`,
				`{"usage":{"a":1}, "choices":[{"finish_reason":"stop","usage":{"b":1},"index":1,"delta":{"tool_calls":[{}],"content" : "b" } } ]}`,
			},
		},
		{
			"all fields behind the text",
			`{"choices":[{"delta":{"content":"ab" , "role":"assistant","annotations":[1],"audio":{"id":"x"},"name":"n"},"message":{"content":"ab"}}],"x_groq":{"id":1},"citations":[]}`,
			[]string{
				`{"choices":[{"delta":{"content":"a" , "role":"assistant"}}],"x_groq":{"id":1},"citations":[]}`,
				`{"choices":[{"delta":{"content":"b","annotations":[1],"audio":{"id":"x"},"name":"n"},"message":{"content":"ab"}}],"citations":[]}`,
			},
		},
		{
			"reasoning and its twin",
			`{"choices":[{"delta":{"content":"","reasoning":"ab","reasoning_details":[{"type":"reasoning.text","text":"ab","format":"f","index":0,"signature":"s"},{"type":"reasoning.encrypted","data":"d"}]}}]}`,
			[]string{
				`{"choices":[{"delta":{"content":"","reasoning":"a","reasoning_details":[{"type":"reasoning.text","text":"a","index":0}]}}]}`,
				`{"choices":[{"delta":{"content":"","reasoning":"b","reasoning_details":[{"type":"reasoning.text","text":"b","format":"f","index":0,"signature":"s"},{"type":"reasoning.encrypted","data":"d"}]}}]}`,
			},
		},
		{
			"a summary in reasoning details alone",
			`{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.summary","summary":"ab","text":null}]}}]}`,
			[]string{
				`{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.summary","summary":"a","text":null}]}}]}`,
				`{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.summary","summary":"b","text":null}]}}]}`,
			},
		},
		{
			"a twin in another object",
			`{"choices":[{"text":"ab","index":0,"delta":{"content":"ab","token_id":7}}]}`,
			[]string{
				`{"choices":[{"text":"a","index":0,"delta":{"content":"a"}}]}`,
				`{"choices":[{"text":"b","index":0,"delta":{"content":"b","token_id":7}}]}`,
			},
		},
		{
			"three copies",
			`{"choices":[{"delta":{"reasoning":"ab","reasoning_content":"ab","reasoning_details":[{"type":"reasoning.text","text":"ab"}]}}]}`,
			[]string{
				`{"choices":[{"delta":{"reasoning":"a","reasoning_content":"a"}}]}`,
				`{"choices":[{"delta":{"reasoning":"b","reasoning_content":"b","reasoning_details":[{"type":"reasoning.text","text":"ab"}]}}]}`,
			},
		},
		{
			"legacy", `{"choices":[{"text":"ab","index":0,"logprobs":{"tokens":["ab"]},"finish_reason":"length"}]}`,
			[]string{
				`{"choices":[{"text":"a","index":0,"logprobs":null,"finish_reason":null}]}`,
				`{"choices":[{"text":"b","index":0,"logprobs":{"tokens":["ab"]},"finish_reason":"length"}]}`,
			},
		},
		{
			"other choices without text",
			`{"choices":[{"index":0,"delta":{},"finish_reason":"stop"},{"index":1,"delta":{"content":"ab"}},{"index":2,"delta":{}}]}`,
			[]string{
				`{"choices":[{"index":1,"delta":{"content":"a"}}]}`,
				`{"choices":[{"index":0,"delta":{},"finish_reason":"stop"},{"index":1,"delta":{"content":"b"}},{"index":2,"delta":{}}]}`,
			},
		},
		{
			"filter results are repeated",
			`{"choices":[{"content_filter_results":{"hate":{"filtered":false}},"delta":{"content":"ab"}}]}`,
			[]string{
				`{"choices":[{"content_filter_results":{"hate":{"filtered":false}},"delta":{"content":"a"}}]}`,
				`{"choices":[{"content_filter_results":{"hate":{"filtered":false}},"delta":{"content":"b"}}]}`,
			},
		},
		{
			"refusal", `{"choices":[{"delta":{"refusal":"ab","content":null}}]}`,
			[]string{`{"choices":[{"delta":{"refusal":"a","content":null}}]}`, `{"choices":[{"delta":{"refusal":"b","content":null}}]}`},
		},
		{
			"line separators", "{\"x\":\"\u2028\",\n\"choices\":[{\"delta\":{\"content\":\"ab\"}}]}",
			[]string{`{"x":"\u2028", "choices":[{"delta":{"content":"a"}}]}`, `{"x":"\u2028", "choices":[{"delta":{"content":"b"}}]}`},
		},

		{"no text", `{"choices":[{"delta":{"role":"assistant","content":""}}]}`, nil},
		{"no choices", `{"choices":[],"usage":{"total_tokens":1}}`, nil},
		{"not an object", `["choices"]`, nil},
		{"not JSON", `{"choices":[{"delta":{"content":"ab`, nil},
		{"answer and reasoning", `{"choices":[{"delta":{"content":"ab","reasoning":"cd"}}]}`, nil},
		{"two texts", `{"choices":[{"delta":{"reasoning":"ab","reasoning_content":"abc"}}]}`, nil},
		{"two choices", `{"choices":[{"index":0,"delta":{"content":"ab"}},{"index":1,"delta":{"content":"ab"}}]}`, nil},
		{"two details", `{"choices":[{"delta":{"reasoning_details":[{"text":"ha"},{"text":"ha"}]}}]}`, nil},
		{"a list", `{"choices":[{"delta":{"content":[{"type":"text","text":"ab"}]}}]}`, nil},
		{"a repeated key", `{"choices":[{"delta":{"content":"ab","content":"ab"}}]}`, nil},
		{"an error", `{"choices":[{"delta":{"content":"ab"}}],"error":{"message":"m"}}`, nil},
		{"done", `[DONE]`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := decoder{}
			want := test.want
			if want == nil {
				want = []string{test.data}
			}
			if e := d.Decode("", test.data); !slices.Equal(pieces(e), want) {
				t.Errorf("got  %s\nwant %s", pieces(e), want)
			}
		})
	}
}
