package gemini

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split/splittest"
)

func TestRoute(t *testing.T) {
	for _, test := range []struct{ method, path, want string }{
		{"POST", "/v1beta/models/gemini-2.5-flash:streamGenerateContent", "*:streamGenerateContent"},
		{"POST", "/v1/projects/p/locations/l/publishers/google/models/m:streamGenerateContent", "*:streamGenerateContent"},
		{"POST", "/v1beta/models/gemini-2.5-flash:generateContent", ""},
		{"POST", "/v1beta/models/gemini-2.5-flash:countTokens", ""},
		{"POST", "/v1beta/interactions", ""},
		{"GET", "/v1beta/models/gemini-2.5-flash:streamGenerateContent", ""},
	} {
		if got := format.Route(upstream.RequestHead{Method: test.method, Path: test.path}); got != test.want {
			t.Errorf("%s %s: got %q, want %q", test.method, test.path, got, test.want)
		}
	}
}

func TestSplit(t *testing.T) {
	for _, test := range []struct {
		name string
		data string
		want []string // nil: the event is not split
	}{
		{
			"text", `{"candidates": [{"content": {"parts": [{"text": "ab"}],"role": "model"},"index": 0}],"usageMetadata": {"a": 1},"modelVersion": "m","responseId": "r"}`,
			[]string{
				`{"candidates": [{"content": {"parts": [{"text": "a"}],"role": "model"},"index": 0}],"modelVersion": "m","responseId": "r"}`,
				`{"candidates": [{"content": {"parts": [{"text": "b"}],"role": "model"},"index": 0}],"usageMetadata": {"a": 1},"modelVersion": "m","responseId": "r"}`,
			},
		},
		{
			"all that has its place on the last piece",
			`{"promptFeedback":{"a":1},"candidates":[{"finishReason":"STOP","content":{"role":"model","x":1,"parts":[{"thoughtSignature":"s","text":"ab","thought":true}]},"groundingMetadata":{"b":2},"safetyRatings":[{}],"urlContextMetadata":{},"avgLogprobs":-0.5,"index":1}],"createTime":"t"}`,
			[]string{
				`{"candidates":[{"content":{"role":"model","parts":[{"text":"a","thought":true}]},"urlContextMetadata":{},"index":1}],"createTime":"t"}`,
				`{"promptFeedback":{"a":1},"candidates":[{"finishReason":"STOP","content":{"role":"model","x":1,"parts":[{"thoughtSignature":"s","text":"b","thought":true}]},"groundingMetadata":{"b":2},"safetyRatings":[{}],"urlContextMetadata":{},"avgLogprobs":-0.5,"index":1}],"createTime":"t"}`,
			},
		},
		{
			"parts before and behind",
			`{"candidates":[{"content":{"parts":[{"executableCode":{"code":"x"},"thoughtSignature":"s"},{"text":""},{"text":"abc"},{"functionCall":{"name":"f"}},{"inlineData":{}}],"role":"model"}}]}`,
			[]string{
				`{"candidates":[{"content":{"parts":[{"executableCode":{"code":"x"},"thoughtSignature":"s"},{"text":""},{"text":"a"}],"role":"model"}}]}`,
				`{"candidates":[{"content":{"parts":[{"text":"b"}],"role":"model"}}]}`,
				`{"candidates":[{"content":{"parts":[{"text":"c"},{"functionCall":{"name":"f"}},{"inlineData":{}}],"role":"model"}}]}`,
			},
		},
		{
			"another candidate", `{"candidates":[{"content":{"parts":[{"text":"ab"}],"role":"model"}},{"finishReason":"STOP","index":1}]}`,
			[]string{
				`{"candidates":[{"content":{"parts":[{"text":"a"}],"role":"model"}}]}`,
				`{"candidates":[{"content":{"parts":[{"text":"b"}],"role":"model"}},{"finishReason":"STOP","index":1}]}`,
			},
		},
		{"two texts", `{"candidates":[{"content":{"parts":[{"text":"a","thought":true},{"text":"b"}]}}]}`, nil},
		{"texts of two candidates", `{"candidates":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]},"index":1}]}`, nil},
		{"no text", `{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP"}]}`, nil},
		{"a repeated text", `{"candidates":[{"content":{"parts":[{"text":"a","text":"b"}]}}]}`, nil},
		{"a repeated content", `{"candidates":[{"content":{"parts":[{"text":"a"}]},"content":{}}]}`, nil},
		{"a function call", `{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"text":"a"}}}]}}]}`, nil},
		{"code", `{"candidates":[{"content":{"parts":[{"executableCode":{"code":"a"}},{"codeExecutionResult":{"output":"b"}}]}}]}`, nil},
		{"text of another type", `{"candidates":[{"content":{"parts":[{"text":["a"]}]}}]}`, nil},
		{"no list", `{"candidates":{"content":{"parts":{"text":"a"}}}}`, []string{`{"candidates":{"content":{"parts":{"text":"a"}}}}`}},
		{"an error", `{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}`, nil},
		{"not JSON", `{"candidates":[{"content":{"parts":[{"text":"a`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := decoder{}
			e := d.Decode("", test.data)
			if e.Payload() != test.data {
				t.Fatalf("got %s, want %s", e.Payload(), test.data)
			}
			if test.name == "no list" {
				return // clients may disagree
			}
			if e.Frame.IsText() != (test.want != nil) {
				t.Fatalf("got %+v, want split: %t", e.Frame, test.want != nil)
			}
			if got := splittest.Pieces(t, e); test.want != nil && !slices.Equal(got, test.want) {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(test.want, "\n     "))
			}
		})
	}
}

func TestMeaning(t *testing.T) {
	const begun = `{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"index":0}],"responseId":"r1"}`
	blocked := upstream.Meaning{Kind: upstream.KindFailed, Phase: upstream.MayClose, Failure: readFailure(gjsonOf(`{"message":"the prompt was blocked: SAFETY"}`), "")}
	for _, test := range []struct {
		name, data string
		want       upstream.Meaning
	}{
		{"working", begun, upstream.Meaning{Kind: upstream.KindWorking}},
		{"text", `{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}`, upstream.Meaning{Kind: upstream.KindText}},
		{
			"the last text", `{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":4,"thoughtsTokenCount":5,"totalTokenCount":12}}`,
			upstream.Meaning{Kind: upstream.KindText, Phase: upstream.MayClose, Usage: &upstream.Usage{Input: 3, Output: 9, Total: 12}},
		},
		{"finish", `{"candidates":[{"finishReason":"MAX_TOKENS"}]}`, upstream.Meaning{Kind: upstream.KindCompleted, Phase: upstream.MayClose}},
		{"no finish", `{"candidates":[{"finishReason":"FINISH_REASON_UNSPECIFIED"}]}`, upstream.Meaning{Kind: upstream.KindWorking}},
		{"another candidate finishes", `{"candidates":[{"finishReason":"STOP","index":1}]}`, upstream.Meaning{Kind: upstream.KindWorking}},
		{
			"two texts", `{"candidates":[{"content":{"parts":[{"text":"a","thought":true},{"text":"b\n"}]}}]}`,
			upstream.Meaning{Kind: upstream.KindPiece, Texts: []upstream.Text{{Kind: typewriter.Reasoning, Channel: "thought 0", Text: "a"}, {Channel: "text 0", Text: `b\n`}}},
		},
		{"a function call", `{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]}}]}`, upstream.Meaning{Kind: upstream.KindOutput}},
		{"usage alone", `{"usageMetadata":{"totalTokenCount":1}}`, upstream.Meaning{Usage: &upstream.Usage{Total: 1}}},
		{"a list", `[1]`, upstream.Meaning{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := decoder{}
			d.Decode("", begun)
			got := *d.Decode("", test.data).Meaning
			test.want.Message, test.want.Chat = "r1", upstream.Chat{ID: "r1"}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
	d := decoder{}
	if got := *d.Decode("", `{"promptFeedback":{"blockReason":"SAFETY"}}`).Meaning; !reflect.DeepEqual(got, blocked) {
		t.Errorf("got %+v, want %+v", got, blocked)
	}
}

// A stream ends after the finishReason of each candidate, or with an error.
func TestEnds(t *testing.T) {
	const (
		text     = `data: {"candidates":[{"content":{"parts":[{"text":"a"}],"role":"model"},"index":0}]}` + "\r\n\r\n"
		other    = `data: {"candidates":[{"content":{"parts":[{"text":"b"}],"role":"model"},"index":1}]}` + "\r\n\r\n"
		finished = `data: {"candidates":[{"finishReason":"STOP","index":0}]}` + "\r\n\r\n"
		failed   = `data: {"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}` + "\r\n\r\n"
		blocked  = `data: {"promptFeedback":{"blockReason":"SAFETY"}}` + "\r\n\r\n"
	)
	for _, test := range []struct {
		name, stream string
		events       int
		failure      string
	}{
		{"complete", text + finished, 2, ""},
		{"more chunks", text + finished + finished, 3, ""},
		{"no last blank line", text + strings.TrimSuffix(finished, "\r\n\r\n"), 2, ""},
		{"an error", text + failed, 2, ""},
		{"a blocked prompt", blocked, 1, ""},
		{"cut", text, 2, "cut"},
		{"cut in one of two candidates", text + other + finished, 4, "cut"},
		{"cut in a chunk", text + finished[:30], 2, "cut"},
		{"empty", "", 1, "cut"},
	} {
		t.Run(test.name, func(t *testing.T) {
			events, failure := splittest.Decode(t, format, test.stream)
			reason := ""
			if failure != nil {
				reason = failure.Reason
			}
			if len(events) != test.events || reason != test.failure {
				t.Errorf("got %d events and %q, want %d and %q", len(events), reason, test.events, test.failure)
			}
		})
	}
}

// A chunk with very many texts takes a second, and not minutes.
func TestManyTexts(t *testing.T) {
	const texts = 200_000
	d := decoder{}
	e := d.Decode("", `{"candidates":[{"content":{"parts":[`+strings.Repeat(`{"text":"a"},`, texts-1)+`{"text":"a"}]}}]}`)
	if got := len(e.Meaning.Texts); got != texts {
		t.Errorf("got %d texts, want %d", got, texts)
	}
}
