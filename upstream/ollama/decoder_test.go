package ollama

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// pieces returns the pieces of a line, typed character by character.
func pieces(t *testing.T, data string) []string {
	t.Helper()
	d := decoder{}
	e := d.Decode("", data)
	if e.Payload() != data {
		t.Errorf("got payload %s", e.Payload())
	}
	pace := typewriter.DefaultPace(typewriter.Typewriter)
	pace.Reasoning, pace.MinInterval = typewriter.Typewriter, 0
	var got []sent
	synctest.Test(t, func(t *testing.T) {
		got = play(t, pace, []upstream.Event{e}, func() time.Duration { return 0 })
	})
	var all []string
	for _, s := range got {
		all = append(all, s.data)
	}
	return all
}

func TestSplit(t *testing.T) {
	const head = `{"model":"m","created_at":"2026-01-01T00:00:00Z",`
	for _, test := range []struct {
		name, data string
		want       []string
	}{
		{"a chat", head + `"message":{"role":"assistant","content":"ab"},"done":false}`, []string{
			head + `"message":{"role":"assistant","content":"a"},"done":false}`,
			head + `"message":{"role":"assistant","content":"b"},"done":false}`,
		}},
		{"thinking", head + `"message":{"role":"assistant","content":"","thinking":"ab"},"done":false}`, []string{
			head + `"message":{"role":"assistant","content":"","thinking":"a"},"done":false}`,
			head + `"message":{"role":"assistant","content":"","thinking":"b"},"done":false}`,
		}},
		{"a completion", head + `"response":"ab","done":false}`, []string{head + `"response":"a","done":false}`, head + `"response":"b","done":false}`}},
		{"thinking of a completion", head + `"response":"","thinking":"ab","done":false}`, []string{
			head + `"response":"","thinking":"a","done":false}`, head + `"response":"","thinking":"b","done":false}`,
		}},
		{
			"the end in the last text", head + `"response":"ab","done":true,"done_reason":"stop","context":[1,2],"total_duration":5,"eval_count":2}`,
			[]string{head + `"response":"a","done":false}`, head + `"response":"b","done":true,"done_reason":"stop","context":[1,2],"total_duration":5,"eval_count":2}`},
		},
		{
			"a tool call beside text", head + `"message":{"role":"assistant","content":"ab","images":null,"tool_calls":[{"function":{"name":"f","arguments":{}}}]},"done":false}`,
			[]string{
				head + `"message":{"role":"assistant","content":"a","images":null},"done":false}`,
				head + `"message":{"role":"assistant","content":"b","images":null,"tool_calls":[{"function":{"name":"f","arguments":{}}}]},"done":false}`,
			},
		},
		{
			"logprobs", head + `"message":{"role":"assistant","content":"ab"},"done":false,"logprobs":[{"token":"ab","logprob":-1}]}`,
			[]string{head + `"message":{"role":"assistant","content":"a"},"done":false}`, head + `"message":{"role":"assistant","content":"b"},"done":false,"logprobs":[{"token":"ab","logprob":-1}]}`},
		},
		{"two texts", head + `"message":{"role":"assistant","content":"ab","thinking":"cd"},"done":false}`, []string{head + `"message":{"role":"assistant","content":"ab","thinking":"cd"},"done":false}`}},
		{"a repeated key", `{"response":"ab","response":"cd"}`, []string{`{"response":"ab","response":"cd"}`}},
		{"not JSON", `{"response":"ab`, []string{`{"response":"ab`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := pieces(t, test.data); !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestMeaning(t *testing.T) {
	reasoning := []upstream.Text{{Kind: typewriter.Answer, Channel: "content", Text: "a"}, {Kind: typewriter.Reasoning, Channel: "thinking", Text: "b"}}
	for _, test := range []struct {
		name, data string
		want       upstream.Meaning
	}{
		{"text", `{"message":{"content":"a"}}`, upstream.Meaning{Kind: upstream.KindText}},
		{"no text", `{"message":{"role":"assistant","content":""},"done":false}`, upstream.Meaning{Kind: upstream.KindWorking}},
		{"two texts", `{"message":{"content":"a","thinking":"b"}}`, upstream.Meaning{Kind: upstream.KindPiece, Texts: reasoning}},
		{"a tool call", `{"message":{"content":"","tool_calls":[{}]},"done":false}`, upstream.Meaning{Kind: upstream.KindOutput}},
		{"the end", `{"model":"m","message":{"content":""},"done":true,"prompt_eval_count":3,"eval_count":4}`, upstream.Meaning{
			Kind: upstream.KindCompleted, Phase: upstream.Done, Usage: &upstream.Usage{Input: 3, Output: 4, Total: 7, Model: "m"},
		}},
		{"the end with text", `{"response":"a","done":true}`, upstream.Meaning{Kind: upstream.KindText, Phase: upstream.Done}},
		{"another value", `[1]`, upstream.Meaning{}},
		{"not JSON", `oops`, upstream.Meaning{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := decoder{}
			if got := *d.Decode("", test.data).Meaning; !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// Lines that differ in their time and text alone share what they have in common, and any
// other line begins a run of its own.
func TestRuns(t *testing.T) {
	line := func(time, text string) string {
		return `{"model":"m","created_at":"` + time + `","message":{"role":"assistant","content":"` + text + `"},"done":false}`
	}
	d := decoder{}
	first := d.Decode("", line("2026-01-01T00:00:00Z", "a"))
	for _, test := range []struct {
		name, data, text string
	}{
		{"another text", line("2026-01-01T00:00:00Z", "b"), "b"},
		{"another time", line("2026-01-01T00:00:01.5+08:00", `\"`), `\"`},
		{"a separator", line("2026-01-01T00:00:02Z", "\u2028"), `\u2028`},
		{"a separator in the time", line("x\u2028", "c"), "c"},
		{"a quote in the time", line(`x\"`, "c"), "c"},
		{"a quote in the text", line("y", `c"},"done":false,"x":{"z":"d`), ""},
		{"another role", strings.Replace(line("z", "e"), "assistant", "tool", 1), "e"},
		{"the end", strings.Replace(line("z", "f"), "false", "true", 1), "f"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := d.Decode("", test.data)
			if e.Text != test.text && test.text != "" || e.Payload() != strings.ReplaceAll(test.data, "\u2028", `\u2028`) {
				t.Errorf("got text %s of %s", e.Text, e.Payload())
			}
			if test.text != "" && e.Frame.Channel != first.Frame.Channel {
				t.Errorf("got channel %q", e.Frame.Channel)
			}
		})
	}
	if again := d.Decode("", line("2026-01-01T00:00:00Z", "g")); d.Decode("", line("2026-01-01T00:00:00Z", "h")).Frame != again.Frame {
		t.Error("lines of the same time do not share a frame")
	}
}

// A stream without its last line is cut, and nothing is read after the last line.
func TestEnds(t *testing.T) {
	const text, end = `{"response":"a","done":false}` + "\n", `{"response":"","done":true}` + "\n"
	for _, test := range []struct {
		name, stream string
		events       int
		reason       string
	}{
		{"complete", text + end, 2, ""},
		{"lines after the end", text + end + text, 2, ""},
		{"the end without a line end", text + strings.TrimSpace(end), 2, ""},
		{"cut", text, 2, "cut"},
		{"cut in a line", text + end[:9], 2, "cut"},
		{"an error", text + `{"error":"no memory"}` + "\n", 2, ""},
		{"text after an error", text + `{"error":"no memory"}` + "\n" + text, 3, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			events, failure := decodeAll(t, test.stream)
			reason := ""
			if failure != nil {
				reason = failure.Reason
			}
			if len(events) != test.events || reason != test.reason {
				t.Errorf("got %d events, %q, want %d, %q", len(events), reason, test.events, test.reason)
			}
		})
	}
}

func TestRoute(t *testing.T) {
	for _, test := range []struct{ method, path, want string }{
		{"POST", "/api/chat", "*/api/chat"},
		{"POST", "/ollama/api/generate", "*/api/generate"},
		{"GET", "/api/chat", ""},
		{"POST", "/api/chat/", ""},
		{"POST", "/api/embed", ""},
		{"POST", "/api/pull", ""},
	} {
		if got := format.Route(upstream.RequestHead{Method: test.method, Path: test.path}); got != test.want {
			t.Errorf("%s %s: got %q, want %q", test.method, test.path, got, test.want)
		}
	}
}
