package agui

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
		{"text", `{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"ab"}`, []string{`{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"a"}`, `{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"b"}`}},
		{"reasoning", `{"type":"REASONING_MESSAGE_CONTENT","messageId":"m","delta":"ab"}`, []string{`{"type":"REASONING_MESSAGE_CONTENT","messageId":"m","delta":"a"}`, `{"type":"REASONING_MESSAGE_CONTENT","messageId":"m","delta":"b"}`}},
		{"earlier reasoning", `{"type":"THINKING_TEXT_MESSAGE_CONTENT","delta":"ab"}`, []string{`{"type":"THINKING_TEXT_MESSAGE_CONTENT","delta":"a"}`, `{"type":"THINKING_TEXT_MESSAGE_CONTENT","delta":"b"}`}},
		{
			"a chunk that begins a message", `{"type":"TEXT_MESSAGE_CHUNK","messageId":"m","role":"assistant","name":"n","delta":"ab"}`,
			[]string{`{"type":"TEXT_MESSAGE_CHUNK","messageId":"m","role":"assistant","name":"n","delta":"a"}`, `{"type":"TEXT_MESSAGE_CHUNK","messageId":"m","delta":"b"}`},
		},
		{
			"the event of a framework", `{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"ab","timestamp":1,"rawEvent":{"a":1}}`,
			[]string{`{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"a","timestamp":1}`, `{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"b","timestamp":1,"rawEvent":{"a":1}}`},
		},
		{"no text", `{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":""}`, []string{`{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":""}`}},
		{"the arguments of a tool", `{"type":"TOOL_CALL_ARGS","toolCallId":"c","delta":"ab"}`, []string{`{"type":"TOOL_CALL_ARGS","toolCallId":"c","delta":"ab"}`}},
		{"a change of the state", `{"type":"STATE_DELTA","delta":[{"op":"add"}]}`, []string{`{"type":"STATE_DELTA","delta":[{"op":"add"}]}`}},
		{"a repeated key", `{"type":"TEXT_MESSAGE_CONTENT","delta":"ab","delta":"cd"}`, []string{`{"type":"TEXT_MESSAGE_CONTENT","delta":"ab","delta":"cd"}`}},
		{"not JSON", `{"type":"TEXT_MESSAGE_CONTENT"`, []string{`{"type":"TEXT_MESSAGE_CONTENT"`}},
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
	run := upstream.Chat{ID: "r", Conversation: "t"}
	for _, test := range []struct {
		name, data string
		want       upstream.Meaning
	}{
		{"start", `{"type":"RUN_STARTED","threadId":"t","runId":"r"}`, upstream.Meaning{Kind: upstream.KindCreated, Chat: run}},
		{"step", `{"type":"STEP_STARTED","stepName":"s"}`, upstream.Meaning{Kind: upstream.KindWorking, Chat: run}},
		{"text", `{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"a"}`, upstream.Meaning{Kind: upstream.KindText, Chat: run, Message: "m"}},
		{"a tool call", `{"type":"TOOL_CALL_ARGS","toolCallId":"c","delta":"{"}`, upstream.Meaning{Kind: upstream.KindOutput, Chat: run}},
		{"the state", `{"type":"STATE_SNAPSHOT","snapshot":{}}`, upstream.Meaning{Chat: run}},
		{"the end", `{"type":"RUN_FINISHED","threadId":"t","runId":"r"}`, upstream.Meaning{Kind: upstream.KindCompleted, Phase: upstream.MayClose, Chat: run}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := &decoder{}
			d.Decode("", `{"type":"RUN_STARTED","threadId":"t","runId":"r"}`)
			if got := *d.Decode("", test.data).Meaning; !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
	failed := (&decoder{}).Decode("", `{"type":"RUN_ERROR","message":"no","code":"cut"}`).Meaning
	if failed.Kind != upstream.KindFailed || failed.Phase != upstream.Ended || failed.Failure.Msg != "no" || failed.Failure.Reason != "cut" {
		t.Errorf("an error is read as %+v", failed)
	}
}

func TestMatchEvent(t *testing.T) {
	for data, want := range map[string]bool{
		`{"type":"RUN_STARTED","threadId":"t","runId":"r"}`: true, `{"runId":"r", "threadId":"t", "type":"RUN_STARTED"}`: true,
		`{"type":"RUN_STARTED"}`: false, `{"type":"start"}`: false, `{"type":"RUN_STARTED","threadId":"t"`: false, `[DONE]`: false,
	} {
		if got := format.MatchEvent(data); got != want {
			t.Errorf("%s: got %t", data, got)
		}
	}
}

// message is what a client makes of a stream: the texts of each message with the fields that
// come once, and all other events in turn.
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
	at := eventType + " " + fmt.Sprint(chunk["messageId"])
	for key, value := range chunk {
		switch v := value.(type) {
		case string:
			switch key {
			case "delta":
				before, _ := m[at].(string)
				m[at] = before + v
			case "role", "name":
				all, _ := m[at+key].([]any)
				m[at+key] = append(all, v)
			}
		case map[string]any:
			all, _ := m[at+key].([]any)
			m[at+key] = append(all, v)
		}
	}
}

func newMessage() splittest.Message { return message{} }

// Whatever a client makes of a recorded stream it makes of the typed one.
func TestRecordings(t *testing.T) {
	for name, stream := range splittest.Recordings(t, "ag-ui") {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(3) {
				splittest.Check(t, rand.New(rand.NewPCG(seed, 0)), format, stream, newMessage)
			}
			d := &decoder{}
			for _, e := range stream {
				eventType := gjson.Get(e.Data, "type").Str
				want := (eventType == "TEXT_MESSAGE_CONTENT" || eventType == "REASONING_MESSAGE_CONTENT") && gjson.Get(e.Data, "delta").Str != ""
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
			`"type":"` + []string{"TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_CHUNK", "REASONING_MESSAGE_CHUNK", "THINKING_TEXT_MESSAGE_CONTENT", "TOOL_CALL_ARGS", "RUN_FINISHED"}[r.IntN(6)] + `"`,
			fmt.Sprintf(`"messageId":"%d"`, r.IntN(2)),
			`"delta":"` + strings.NewReplacer(`\ud83d`, "x", `\ude00`, "y").Replace(splittest.Text(r)) + `"`,
		}
		for _, extra := range []string{`"rawEvent":{"a":{"b":1}}`, `"role":"assistant"`, `"name":"n"`, `"x":[]`, `"timestamp":3`} {
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
	return events
}

const propertyCases = 1000

// Whatever a client makes of a stream it makes of the typed one.
func TestProperties(t *testing.T) {
	for i := range uint64(propertyCases) {
		r := rand.New(rand.NewPCG(20261, i))
		if !t.Run(fmt.Sprint("seed ", i), func(t *testing.T) { splittest.Check(t, r, format, generate(r), newMessage) }) {
			return
		}
	}
}

// A stream is complete after the end of a run, which another may follow.
func TestEnds(t *testing.T) {
	const start, text, end = `{"type":"RUN_STARTED","threadId":"t","runId":"r"}`, `{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"a"}`, `{"type":"RUN_FINISHED","threadId":"t","runId":"r"}`
	for _, test := range []struct {
		name   string
		events []string
		want   int
		reason string
	}{
		{"complete", []string{start, text, end}, 3, ""},
		{"another run", []string{start, text, end, start, text, end}, 6, ""},
		{"an error of the agent", []string{start, text, `{"type":"RUN_ERROR","message":"no"}`}, 3, ""},
		{"cut", []string{start, text}, 3, "cut"},
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
		`{"type":"TEXT_MESSAGE_CHUNK","messageId":"0","role":"assistant","delta":"hi","rawEvent":{"a":1}}`, `{"delta":"\"\\","type":"REASONING_MESSAGE_CONTENT"}`,
		"{\n\"type\" : \"TEXT_MESSAGE_CONTENT\" , \"delta\":\"\u2028\" , \"id\":-1e400 }", `{"type":"TEXT_MESSAGE_CONTENT","delta":"`,
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
		{"text", format.NewDecoder(), "", `{"type":"TEXT_MESSAGE_CONTENT","messageId":"msg_0123456789abcdef","delta":"你好"}`},
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

// Errors have the form of AG-UI.
func TestErrors(t *testing.T) {
	failure := upstream.Error{Msg: `a "b"`, Reason: "cut"}
	var got []string
	for _, e := range format.ErrorEvents(&failure, upstream.Sent{}) {
		got = append(got, e.Payload())
	}
	if want := []string{`{"type":"RUN_ERROR","message":"a \"b\"","code":"cut"}`}; !slices.Equal(got, want) {
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
		{"a question", "", "http://h", "/", []upstream.Message{{Role: "user", Text: "hi"}}, []string{"user hi"}},
		{"a conversation", "be brief", "http://h/agent", "", []upstream.Message{{Role: "user", Text: "a"}, {Role: "assistant", Text: "b"}, {Role: "user", Text: "c"}}, []string{"system be brief", "user a", "assistant b", "user c"}},
		{"nothing", "", "", mockPath, nil, []string{"user " + upstream.DefaultQuestion}},
	} {
		t.Run(test.name, func(t *testing.T) {
			req, err := New(Options{SystemPrompt: test.prompt, BaseURL: test.base}).Ask(upstream.Question{Messages: test.ask})
			var got []string
			for _, m := range gjson.GetBytes(req.Body, "messages").Array() {
				if m.Get("id").Str == "" {
					t.Errorf("got message %s", m)
				}
				got = append(got, m.Get("role").Str+" "+m.Get("content").Str)
			}
			for _, field := range []string{"threadId", "runId", "state", "tools", "context", "forwardedProps"} {
				if !gjson.GetBytes(req.Body, field).Exists() {
					t.Errorf("the body has no %s", field)
				}
			}
			if err != nil || req.Method != http.MethodPost || req.Path != test.path || !slices.Equal(got, test.want) || req.Header.Get("Accept") != "text/event-stream" {
				t.Errorf("got %s %s %s, %v", req.Method, req.Path, req.Body, err)
			}
		})
	}
}
