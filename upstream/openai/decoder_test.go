package openai

import (
	"context"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split/splittest"
)

// A stream that has usage: null keeps it in the pieces without usage.
func TestNullUsage(t *testing.T) {
	d := decoder{}
	d.Decode("", `{"choices":[],"usage":null}`)
	want := []string{`{"choices":[{"text":"a"}],"usage":null}`, `{"choices":[{"text":"b"}],"usage":{"total_tokens":1}}`}
	if e := d.Decode("", `{"choices":[{"text":"ab"}],"usage":{"total_tokens":1}}`); !slices.Equal(pieces(e), want) {
		t.Errorf("got  %s\nwant %s", pieces(e), want)
	}
}

// The usage names the model, and pieces of tool calls are output.
func TestUsageAndCalls(t *testing.T) {
	for _, test := range []struct {
		name, data string
		kind       upstream.Kind
		usage      *upstream.Usage
	}{
		{"usage", `{"model":"m-1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}`, upstream.KindCompleted, &upstream.Usage{Input: 3, Output: 4, Total: 7, Model: "m-1"}},
		{"no model", `{"choices":[],"usage":{"prompt_tokens":3}}`, upstream.KindCompleted, &upstream.Usage{Input: 3}},
		{"model is a number", `{"model":1,"choices":[],"usage":{"prompt_tokens":3}}`, upstream.KindCompleted, &upstream.Usage{Input: 3}},
		{"no usage", `{"model":"m-1","choices":[{"delta":{"role":"assistant","content":""}}]}`, upstream.KindWorking, nil},
		{"tool call", `{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}`, upstream.KindOutput, nil},
		{"null", `{"choices":[{"delta":{"tool_calls":null,"audio":null,"function_call":null}}]}`, upstream.KindWorking, nil},
		{"function call", `{"choices":[{"delta":{"function_call":{"name":"f"}}}]}`, upstream.KindOutput, nil},
		{"audio", `{"choices":[{"delta":{"audio":{"data":"AA=="}}}]}`, upstream.KindOutput, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := decoder{}
			m := d.Decode("", test.data).Meaning
			if m.Kind != test.kind || !reflect.DeepEqual(m.Usage, test.usage) {
				t.Errorf("got kind %d and usage %+v, want %d and %+v", m.Kind, m.Usage, test.kind, test.usage)
			}
		})
	}
}

// Perplexity sends the citations with each chunk. SDKs read those of the first piece of a
// stream, other clients those of the last.
func TestCitations(t *testing.T) {
	d := decoder{}
	for _, test := range []struct {
		data string
		want []string
	}{
		{`{"choices":[{"delta":{"content":"ab"}}],"citations":["x"],"usage":{"total_tokens":1}}`, []string{`{"choices":[{"delta":{"content":"a"}}],"citations":["x"]}`, `{"choices":[{"delta":{"content":"b"}}],"usage":{"total_tokens":1}}`}},
		{`{"choices":[{"delta":{"content":"cd"}}],"citations":["x"],"usage":{"total_tokens":2}}`, []string{`{"choices":[{"delta":{"content":"c"}}]}`, `{"choices":[{"delta":{"content":"d"}}],"citations":["x"],"usage":{"total_tokens":2}}`}},
	} {
		if got := pieces(d.Decode("", test.data)); !slices.Equal(got, test.want) {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

// Events that differ only in their text share a frame and a meaning.
func TestRunsShareFrames(t *testing.T) {
	for _, test := range []struct {
		name          string
		first, second event
		shared        bool
		text          string // of the second
	}{
		{"text", event{Data: `{"choices":[{"delta":{"content":"a"}}]}`}, event{Data: `{"choices":[{"delta":{"content":"\"b\\"}}]}`}, true, `\"b\\`},
		{"a twin", event{Data: `{"choices":[{"text":"a","delta":{"content":"a"}}]}`}, event{Data: `{"choices":[{"text":"bc","delta":{"content":"bc"}}]}`}, true, "bc"},
		{"a role", event{Data: `{"choices":[{"delta":{"role":"assistant","content":"a"}}]}`}, event{Data: `{"choices":[{"delta":{"role":"assistant","content":"b"}}]}`}, true, "b"},
		{"separators", event{Data: `{"choices":[{"delta":{"content":"a"}}]}`}, event{Data: "{\"choices\":[{\"delta\":{\"content\":\"\u2028\"}}]}"}, true, `\u2028`},
		{"another id", event{Data: `{"id":1,"choices":[{"delta":{"content":"a"}}]}`}, event{Data: `{"id":2,"choices":[{"delta":{"content":"b"}}]}`}, false, "b"},
		{"another name", event{Data: `{"choices":[{"delta":{"content":"a"}}]}`}, event{Name: "answer", Data: `{"choices":[{"delta":{"content":"b"}}]}`}, false, "b"},
		{"one more field", event{Data: `{"choices":[{"delta":{"content":"a"}}]}`}, event{Data: `{"choices":[{"delta":{"content":"a","refusal":""}}]}`}, false, "a"},
		{"no more a twin", event{Data: `{"choices":[{"text":"a","delta":{"content":"a"}}]}`}, event{Data: `{"choices":[{"text":"a","delta":{"content":"b"}}]}`}, false, ""},
		{"no text", event{Data: `{"choices":[{"delta":{"content":"a"}}]}`}, event{Data: `{"choices":[{"delta":{"content":""}}]}`}, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := decoder{}
			first, second := d.Decode(test.first.Name, test.first.Data), d.Decode(test.second.Name, test.second.Data)
			if (first.Frame == second.Frame) != test.shared || (first.Meaning == second.Meaning) != test.shared {
				t.Errorf("shared frame: %v, shared meaning: %v, want %v", first.Frame == second.Frame, first.Meaning == second.Meaning, test.shared)
			}
			if second.Text != test.text {
				t.Errorf("got text %q, want %q", second.Text, test.text)
			}
		})
	}
}

// Events that differ in their padding too keep it, without being parsed.
func TestPadding(t *testing.T) {
	for _, test := range []struct {
		name, data string
		allocs     float64
	}{
		{"other padding", `{"choices":[{"delta":{"content":"c\"d"}}],"obfuscation":"xyz","usage":null}`, 2},
		{"no padding", `{"choices":[{"delta":{"content":"c"}}],"obfuscation":"","usage":null}`, 2},
		{"same padding", `{"choices":[{"delta":{"content":"c"}}],"obfuscation":"ab","usage":null}`, 0},
		{"an escape", `{"choices":[{"delta":{"content":"c"}}],"obfuscation":"\"","usage":null}`, -1},
		{"another field", `{"choices":[{"delta":{"content":"c"},"x":[]}],"obfuscation":"ab","usage":null}`, -1},
		{"usage", `{"choices":[{"delta":{"content":"c"}}],"obfuscation":"ab","usage":{"total_tokens":1}}`, -1},
		{"no text", `{"choices":[{"delta":{"content":""}}],"obfuscation":"ab","usage":null}`, -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			const first = `{"choices":[{"delta":{"content":"a"}}],"obfuscation":"ab","usage":null}`
			var e upstream.Event
			d := decoder{}
			d.Decode("", first)
			allocs := testing.AllocsPerRun(10, func() {
				e = d.Decode("", test.data)
				d.Decode("", first) // the padding differs again
			})
			if e.Payload() != test.data || test.allocs >= 0 && allocs != test.allocs {
				t.Errorf("got %s with %v allocations", e.Payload(), allocs)
			}
		})
	}
}

func TestMeaning(t *testing.T) {
	answer := func(channel, text string) upstream.Text { return upstream.Text{Channel: channel, Text: text} }
	for _, test := range []struct {
		name  string
		event event
		kind  upstream.Kind
		phase upstream.Phase
		texts []upstream.Text
	}{
		{"role", event{Data: `{"choices":[{"delta":{"role":"assistant","content":""}}]}`}, upstream.KindWorking, upstream.Running, nil},
		{"filter of the prompt", event{Data: `{"choices":[],"prompt_filter_results":[]}`}, upstream.KindOther, upstream.Running, nil},
		{"text", event{Data: `{"choices":[{"delta":{"content":"a"}}]}`}, upstream.KindText, upstream.Running, nil},
		{"the last text", event{Data: `{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}`}, upstream.KindText, upstream.MayClose, nil},
		{"finish", event{Data: `{"choices":[{"delta":{},"finish_reason":"length"}]}`}, upstream.KindCompleted, upstream.MayClose, nil},
		{"usage", event{Data: `{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}`}, upstream.KindCompleted, upstream.MayClose, nil},
		{
			"two choices",
			event{Data: `{"choices":[{"index":0,"delta":{"content":"a"}},{"index":3,"delta":{"content":"b"},"finish_reason":"stop"}]}`},
			upstream.KindPiece, upstream.Running,
			[]upstream.Text{answer("content 0", "a"), answer("content 3", "b")},
		},
		{
			"a list",
			event{Data: `{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"a"}]},{"type":"text","text":"b"},{"type":"text","text":"c"}]}}]}`},
			upstream.KindPiece, upstream.Running,
			[]upstream.Text{{Kind: typewriter.Reasoning, Channel: "thinking 0", Text: "a"}, answer("content 0", "b"), answer("content 0", "c")},
		},
		{
			"two texts and their twins",
			event{Data: `{"choices":[{"text":"a","delta":{"content":"a","reasoning":"bc","reasoning_details":[{"text":"b"},{"text":"c"}]}}]}`},
			upstream.KindPiece, upstream.Running,
			[]upstream.Text{answer("content 0", "a"), {Kind: typewriter.Reasoning, Channel: "reasoning 0", Text: "bc"}},
		},
		{"an error", event{Data: `{"error":{"message":"m"}}`}, upstream.KindFailed, upstream.Ended, nil},
		{"an error by name", event{Name: "error", Data: `{"message":"m"}`}, upstream.KindFailed, upstream.Ended, nil},
		{"no error", event{Data: `{"error":null,"code":0,"choices":[{"delta":{}}]}`}, upstream.KindWorking, upstream.Running, nil},
		{"done", event{Data: `[DONE]`}, upstream.KindDone, upstream.Ended, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := decoder{}
			m := d.Decode(test.event.Name, test.event.Data).Meaning
			if m.Kind != test.kind || m.Phase != test.phase || !slices.Equal(m.Texts, test.texts) {
				t.Errorf("got %+v, want kind %d, phase %d, texts %v", *m, test.kind, test.phase, test.texts)
			}
		})
	}
}

// A stream with several choices is complete when all of them are.
func TestAllChoicesFinish(t *testing.T) {
	d := decoder{}
	for _, step := range []struct {
		data string
		want upstream.Phase
	}{
		{`{"choices":[{"index":0,"delta":{"content":"a"}}]}`, upstream.Running},
		{`{"choices":[{"index":1,"delta":{"content":"b"}}]}`, upstream.Running},
		{`{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`, upstream.Running},
		{`{"choices":[{"index":1,"delta":{"content":"c"},"finish_reason":"stop"}]}`, upstream.MayClose},
	} {
		if got := d.Decode("", step.data).Meaning.Phase; got != step.want {
			t.Errorf("%s: got phase %d, want %d", step.data, got, step.want)
		}
	}
}

func TestUsage(t *testing.T) {
	d := decoder{}
	m := d.Decode("", `{"id":"c1","choices":[{"delta":{"content":"ab"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}`).Meaning
	if want := (upstream.Usage{Input: 1, Output: 2, Total: 3}); m.Usage == nil || *m.Usage != want {
		t.Errorf("got usage %+v, want %+v", m.Usage, want)
	}
	if m.Message != "c1" || m.Chat.ID != "c1" {
		t.Errorf("got message %q of chat %q, want c1", m.Message, m.Chat.ID)
	}
}

// How a stream may end. Only a proper end is none of an error.
func TestEnd(t *testing.T) {
	const text, finish = `{"choices":[{"delta":{"content":"a"}}]}`, `{"choices":[{"delta":{},"finish_reason":"stop"}]}`
	for _, test := range []struct {
		name   string
		events []event
		reason string
		last   event
	}{
		{"done", chunks(text, finish, "[DONE]"), "", event{Data: "[DONE]"}},
		{"done without finish", chunks(text, "[DONE]"), "", event{Data: "[DONE]"}},
		{"finish without done", chunks(text, finish), "", event{Data: finish}},
		{"usage without finish", chunks(text, `{"choices":[],"usage":{}}`), "", event{Data: `{"choices":[],"usage":{}}`}},
		{"more after done", []event{{Name: "answer", Data: text}, {Name: "answer", Data: "[DONE]"}, {Name: "flowResponses", Data: "[]"}}, "", event{Name: "flowResponses", Data: "[]"}},
		{"the service's error", chunks(text, `{"error":{"message":"m"}}`), "", event{Data: `{"error":{"message":"m"}}`}},
		{"a cut", chunks(text), "cut", event{Data: `{"error":{"message":"upstream ended mid-stream","type":"server_error","param":null,"code":"cut"}}`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, failure := splittest.Decode(t, format, ": PROCESSING\n\n"+splittest.Encode(test.events))
			reason := ""
			if failure != nil {
				reason = failure.Reason
			}
			last := got[len(got)-1]
			if reason != test.reason || last.Frame.Name != test.last.Name || last.Payload() != test.last.Data {
				t.Errorf("got reason %q and last %s %q, want %q and %v", reason, last.Frame.Name, last.Payload(), test.reason, test.last)
			}
		})
	}
}

// tail is the end of a body, after which reads fail.
type tail struct {
	io.Reader
	fail func() error
}

func (r tail) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n == 0 && err != nil {
		err = r.fail()
	}
	return n, err
}

// After [DONE], the end of the connection does not matter, and is not waited for.
func TestConnectionAfterDone(t *testing.T) {
	for _, test := range []struct {
		name   string
		stream string
		fail   func(context.Context) error
		reason string
		after  time.Duration
	}{
		{"reset after done", "data: [DONE]\n\n", func(context.Context) error { return io.ErrUnexpectedEOF }, "", 0},
		{"reset after an error", "data: {\"error\":{\"message\":\"m\"}}\n\n", func(context.Context) error { return io.ErrUnexpectedEOF }, "", 0},
		{"reset before done", `data: {"choices":[{"delta":{},"finish_reason":"stop"}]}` + "\n\n", func(context.Context) error { return io.ErrUnexpectedEOF }, "cut", 0},
		{"open after done", "data: [DONE]\n\n", func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}, "", time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				events, failure := open(t, func(ctx context.Context) io.Reader {
					return tail{strings.NewReader(test.stream), func() error { return test.fail(ctx) }}
				}).Events()
				for range events {
				}
				reason := ""
				if err := failure(); err != nil {
					reason = err.Reason
				}
				if after := time.Since(begun); reason != test.reason || after != test.after {
					t.Errorf("got reason %q after %v, want %q after %v", reason, after, test.reason, test.after)
				}
			})
		})
	}
}

func TestRoute(t *testing.T) {
	for _, test := range []struct{ method, path, want string }{
		{"POST", "/v1/chat/completions", "*/chat/completions"},
		{"POST", "/chat/completions", "*/chat/completions"},
		{"POST", "/openai/deployments/my-gpt/chat/completions", "*/chat/completions"},
		{"POST", "/api/v3/bots/chat/completions", "*/chat/completions"},
		{"POST", "/v1/projects/p/locations/l/endpoints/openapi/chat/completions", "*/chat/completions"},
		{"POST", "/openapi/v1/agent/chat/completions", "*/chat/completions"},
		{"POST", "/x2/chat/completions", "*/chat/completions"},
		{"POST", "/v1/text/chatcompletion_v2", "*/text/chatcompletion_v2"},
		{"POST", "/v1/completions", "*/completions"},
		{"POST", "/beta/completions", "*/completions"},
		{"GET", "/v1/chat/completions", ""},
		{"POST", "/v1/chat/completions/chatcmpl-1", ""},
		{"POST", "/v1/embeddings", ""},
		{"POST", "/v1/mycompletions", ""},
	} {
		if got := format.Route(upstream.RequestHead{Method: test.method, Path: test.path}); got != test.want {
			t.Errorf("%s %s: got %q, want %q", test.method, test.path, got, test.want)
		}
	}
}

// A chunk with very many texts takes a second, and not minutes.
func TestManyTexts(t *testing.T) {
	const texts = 200_000
	d := decoder{}
	e := d.Decode("", `{"choices":[{"delta":{"content":[`+strings.Repeat(`{"text":"a"},`, texts-1)+`{"text":"a"}]}}]}`)
	if got := len(e.Meaning.Texts); got != texts {
		t.Errorf("got %d texts, want %d", got, texts)
	}
}
