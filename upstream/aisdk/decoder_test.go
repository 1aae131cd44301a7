package aisdk

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/coze"
	"sse-typewriter/upstream/split/splittest"
)

var format = New(Options{})

func TestSplit(t *testing.T) {
	for _, test := range []struct {
		name, data string
		want       []string
	}{
		{"text", `{"type":"text-delta","id":"0","delta":"ab"}`, []string{`{"type":"text-delta","id":"0","delta":"a"}`, `{"type":"text-delta","id":"0","delta":"b"}`}},
		{"reasoning", `{"type":"reasoning-delta","id":"0","delta":"ab"}`, []string{`{"type":"reasoning-delta","id":"0","delta":"a"}`, `{"type":"reasoning-delta","id":"0","delta":"b"}`}},
		{
			"metadata", `{"type":"text-delta","id":"0","delta":"ab","providerMetadata":{"x":{"signature":"s"}}}`,
			[]string{`{"type":"text-delta","id":"0","delta":"a"}`, `{"type":"text-delta","id":"0","delta":"b","providerMetadata":{"x":{"signature":"s"}}}`},
		},
		{"no text", `{"type":"reasoning-delta","id":"0","delta":"","providerMetadata":{}}`, []string{`{"type":"reasoning-delta","id":"0","delta":"","providerMetadata":{}}`}},
		{"the input of a tool", `{"type":"tool-input-delta","toolCallId":"c","inputTextDelta":"ab"}`, []string{`{"type":"tool-input-delta","toolCallId":"c","inputTextDelta":"ab"}`}},
		{"data of the app", `{"type":"data-note","delta":"ab"}`, []string{`{"type":"data-note","delta":"ab"}`}},
		{"a repeated key", `{"type":"text-delta","id":"0","delta":"ab","delta":"cd"}`, []string{`{"type":"text-delta","id":"0","delta":"ab","delta":"cd"}`}},
		{"the end", `[DONE]`, []string{`[DONE]`}},
		{"not JSON", `{"type":"text-delta"`, []string{`{"type":"text-delta"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := (&decoder{}).Decode("", test.data)
			if got := splittest.Pieces(t, e); e.Payload() != test.data || !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestMeaning(t *testing.T) {
	for _, test := range []struct {
		name, data string
		want       upstream.Meaning
	}{
		{"start", `{"type":"start","messageId":"m1"}`, upstream.Meaning{Kind: upstream.KindCreated, Message: "m1"}},
		{"step", `{"type":"start-step"}`, upstream.Meaning{Kind: upstream.KindWorking}},
		{"text", `{"type":"text-delta","id":"0","delta":"a"}`, upstream.Meaning{Kind: upstream.KindText}},
		{"a tool call", `{"type":"tool-input-available","toolCallId":"c","toolName":"t","input":{}}`, upstream.Meaning{Kind: upstream.KindOutput}},
		{"a tool's result", `{"type":"tool-output-available","toolCallId":"c","output":{}}`, upstream.Meaning{}},
		{"finish", `{"type":"finish"}`, upstream.Meaning{Kind: upstream.KindCompleted, Phase: upstream.MayClose}},
		{"abort", `{"type":"abort"}`, upstream.Meaning{Phase: upstream.MayClose}},
		{"done", `[DONE]`, upstream.Meaning{Kind: upstream.KindDone, Phase: upstream.Done}},
		{"another value", `["type"]`, upstream.Meaning{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := *(&decoder{}).Decode("", test.data).Meaning; !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
	failed := (&decoder{}).Decode("", `{"type":"error","errorText":"no"}`).Meaning
	if failed.Kind != upstream.KindFailed || failed.Phase != upstream.MayClose || failed.Failure.Msg != "no" {
		t.Errorf("an error is read as %+v", failed)
	}
}

func TestMatchHeader(t *testing.T) {
	for value, want := range map[string]bool{"v1": true, "v2": false, "": false} {
		if got := format.MatchHeader(http.Header{"X-Vercel-Ai-Ui-Message-Stream": {value}}); got != want {
			t.Errorf("%q: got %t", value, got)
		}
	}
}

// message is what useChat makes of a stream: the texts of each part and its last metadata, and
// all other events in turn.
type message map[string]any

// Add implements [splittest.Message].
func (m message) Add(e splittest.Event) {
	var chunk map[string]any
	eventType := gjson.Get(e.Data, "type").Str
	if _, isText := textKinds[eventType]; !isText || json.Unmarshal([]byte(e.Data), &chunk) != nil {
		others, _ := m["others"].([]string)
		m["others"] = append(others, jsontext.SingleLine(e.Data))
		return
	}
	at := eventType + " " + fmt.Sprint(chunk["id"])
	for key, value := range chunk {
		switch v := value.(type) {
		case string:
			if key == "delta" {
				before, _ := m[at].(string)
				m[at] = before + v
			}
		case map[string]any:
			all, _ := m[at+key].([]any)
			m[at+key] = append(all, v)
		}
	}
}

func newMessage() splittest.Message { return message{} }

// Whatever the AI SDK makes of a recorded stream it makes of the typed one.
func TestRecordings(t *testing.T) {
	for name, stream := range splittest.Recordings(t, "ui-message-stream") {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(3) {
				splittest.Check(t, rand.New(rand.NewPCG(seed, 0)), format, stream, newMessage)
			}
			d := &decoder{}
			for _, e := range stream {
				eventType := gjson.Get(e.Data, "type").Str
				want := (eventType == "text-delta" || eventType == "reasoning-delta") && gjson.Get(e.Data, "delta").Str != ""
				if got := d.Decode(e.Name, e.Data).Frame.IsText(); got != want {
					t.Errorf("got typed %t of %s", got, e.Data)
				}
			}
		})
	}
}

// generate generates the events of a stream.
func generate(r *rand.Rand) []splittest.Event {
	var events []splittest.Event
	for range 1 + r.IntN(15) {
		members := []string{
			`"type":"` + []string{"text-delta", "text-delta", "reasoning-delta", "tool-input-delta", "start", "finish", "error"}[r.IntN(7)] + `"`,
			fmt.Sprintf(`"id":"%d"`, r.IntN(2)),
			`"delta":"` + strings.NewReplacer(`\ud83d`, "x", `\ude00`, "y").Replace(splittest.Text(r)) + `"`,
		}
		for _, extra := range []string{`"providerMetadata":{"a":{"b":1}}`, `"x":[]`, `"y":3`} {
			if r.IntN(4) == 0 {
				members = append(members, extra)
			}
		}
		if r.IntN(4) == 0 {
			r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		}
		data := "{" + strings.Join(members, []string{",", ", ", " ,\n"}[r.IntN(3)]) + "}"
		if r.IntN(20) == 0 {
			data = "not JSON"
		}
		events = append(events, splittest.Event{Data: data})
	}
	return append(events, splittest.Event{Data: "[DONE]"})
}

const propertyCases = 1000

// Whatever the AI SDK makes of a stream it makes of the typed one.
func TestProperties(t *testing.T) {
	for i := range uint64(propertyCases) {
		r := rand.New(rand.NewPCG(20261, i))
		if !t.Run(fmt.Sprint("seed ", i), func(t *testing.T) { splittest.Check(t, r, format, generate(r), newMessage) }) {
			return
		}
	}
}

// A stream is complete after its finish or its last event.
func TestEnds(t *testing.T) {
	const start, text = `{"type":"start"}`, `{"type":"text-delta","id":"0","delta":"a"}`
	for _, test := range []struct {
		name   string
		events []string
		want   int
		reason string
	}{
		{"complete", []string{start, text, `{"type":"finish"}`, "[DONE]", text}, 4, ""},
		{"without the last event", []string{start, text, `{"type":"finish"}`}, 3, ""},
		{"aborted", []string{start, text, `{"type":"abort"}`}, 3, ""},
		{"an error of the app", []string{start, text, `{"type":"error","errorText":"no"}`, `{"type":"finish-step"}`}, 4, ""},
		{"cut", []string{start, text}, 4, "cut"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stream []splittest.Event
			for _, data := range test.events {
				stream = append(stream, splittest.Event{Data: data})
			}
			events, failure := splittest.Decode(t, format, splittest.Encode(stream))
			reason := ""
			if failure != nil {
				reason = failure.Reason
			}
			if len(events) != test.want || reason != test.reason {
				t.Errorf("got %d events, %q, want %d, %q", len(events), reason, test.want, test.reason)
			}
		})
	}
}

// Valid JSON stays valid, whole or cut, and the next event of the run has its own text.
func FuzzSplit(f *testing.F) {
	for _, data := range []string{
		`{"type":"text-delta","id":"0","delta":"hi","providerMetadata":{"a":1}}`, `{"delta":"\"\\","type":"reasoning-delta"}`,
		"{\n\"type\" : \"text-delta\" , \"delta\":\"\u2028\" , \"id\":-1e400 }", `[DONE]`, `{"type":"text-delta","delta":"`,
	} {
		f.Add(data, "x")
	}
	f.Fuzz(func(t *testing.T, data, text string) { splittest.CheckRun(t, &decoder{}, data, text) })
}

// BenchmarkDecode decodes deltas; that of Coze is for comparison.
func BenchmarkDecode(b *testing.B) {
	for _, bench := range []struct {
		name        string
		decoder     upstream.Decoder
		event, data string
	}{
		{"coze", coze.New(coze.Options{}).NewDecoder(), "conversation.message.delta", `{"id":"7371089265172791332","conversation_id":"7371089265172676644","bot_id":"73710","role":"assistant","type":"answer","content":"你好","content_type":"text","chat_id":"7371089265172742180"}`},
		{"text", format.NewDecoder(), "", `{"type":"text-delta","id":"msg_0123456789abcdef","delta":"你好"}`},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if e := bench.decoder.Decode(bench.event, bench.data); !e.Frame.IsText() {
					b.Fatal("no text")
				}
			}
		})
	}
}

// Errors have the form of the AI SDK, which accepts no other field.
func TestErrors(t *testing.T) {
	failure := upstream.Error{Msg: `a "b"`, Reason: "cut"}
	var got []string
	for _, e := range format.ErrorEvents(&failure, upstream.Sent{}) {
		got = append(got, e.Payload())
	}
	if want := []string{`{"type":"error","errorText":"a \"b\""}`, "[DONE]"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := string(format.ErrorBody(&failure, "")); got != `a "b"` {
		t.Errorf("got body %q", got)
	}
	for body, want := range map[string]string{
		"Too many requests": "Too many requests", `{"error":{"message":"bad"}}`: "bad", `{"error":"bad"}`: "bad", `{"detail":"bad"}`: "bad",
		`{"x":1}`: "status 418 without a message", "<html>": "status 418 without a message", "": "status 418 without a message",
		strings.Repeat("x", upstream.MaxErrorText+1): "status 418 without a message",
	} {
		if got := format.ReadError(418, []byte(body)); got.Msg != want || got.Reason != "refused" {
			t.Errorf("%s: got %+v, want %q", body, got, want)
		}
	}
}

func TestAsk(t *testing.T) {
	for _, test := range []struct {
		name, prompt, base, path string
		ask                      []upstream.Message
		want                     []string
	}{
		{"a question", "", "http://h", "/api/chat", []upstream.Message{{Role: "user", Text: "hi"}}, []string{"user hi"}},
		{"a conversation", "be brief", "http://h/api/agent", "", []upstream.Message{{Role: "user", Text: "a"}, {Role: "assistant", Text: "b"}, {Role: "user", Text: "c"}}, []string{"system be brief", "user a", "assistant b", "user c"}},
		{"nothing", "", "", "/api/chat", nil, []string{"user " + upstream.DefaultQuestion}},
	} {
		t.Run(test.name, func(t *testing.T) {
			req, err := New(Options{SystemPrompt: test.prompt, BaseURL: test.base}).Ask(upstream.Question{Messages: test.ask})
			var got []string
			for _, m := range gjson.GetBytes(req.Body, "messages").Array() {
				if m.Get("id").Str == "" || m.Get("parts.0.type").Str != "text" {
					t.Errorf("got message %s", m)
				}
				got = append(got, m.Get("role").Str+" "+m.Get("parts.0.text").Str)
			}
			if err != nil || req.Method != http.MethodPost || req.Path != test.path || !slices.Equal(got, test.want) || gjson.GetBytes(req.Body, "trigger").Str != "submit-message" {
				t.Errorf("got %s %s %s, %v", req.Method, req.Path, req.Body, err)
			}
		})
	}
}
