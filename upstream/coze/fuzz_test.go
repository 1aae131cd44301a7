package coze

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"sse-typewriter/internal/testenv"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// bareReply returns a reply whose stream is a body, without a request.
func bareReply(body io.ReadCloser) *upstream.Reply {
	client := upstream.NewClient("http://upstream.invalid", testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		header := http.Header{"Content-Type": {"text/event-stream"}}
		return &http.Response{StatusCode: http.StatusOK, Header: header, Body: body, Request: r}, nil
	}))
	client.RecoveryTimeout = 0
	reply, err := client.Do(context.Background(), upstream.Request{Method: http.MethodPost, Format: format, Path: "/v3/chat"})
	if err != nil {
		panic(err) // the transport never fails
	}
	return reply
}

// common returns what two readings of one stream have in common of an event:
// all but the random ids and the times of bare objects.
func common(e upstream.Event) typewriter.Event {
	frame := *e.Frame
	if n := frame.Number; n > 0 {
		id := frame.Head[n : n+1+8]
		frame.Head = strings.Replace(frame.Head, id, "_", 1)
		if at := strings.LastIndex(frame.Tail, `,"created_at":`); at >= 0 {
			frame.Tail = frame.Tail[:at]
		}
	}
	return typewriter.Event{Frame: &frame, Text: e.Text}
}

// Any bytes are read without a panic, and alike in whatever pieces they come.
func FuzzDecode(f *testing.F) {
	for _, stream := range []string{
		talk, strings.ReplaceAll(talk, "\n", "\r\n"), strings.ReplaceAll(talk, "\n", "\r"), "\ufeff" + talk,
		aDelta + aDelta + "data:{", "event:conversation.message.delta\ndata:{\"content\":\"a\"}\n\ndata:[DONE]",
		"event:conversation.stream.done\ndata:", ": x\r\rid\r\n\ndata\n\r", "data:\x00\n\n\x00",
	} {
		for _, cuts := range []string{"\x00", "\x01\x02", "\x06", "\x10\x00\x20"} {
			f.Add([]byte(stream), []byte(cuts))
		}
	}
	f.Fuzz(func(t *testing.T, stream, cuts []byte) {
		whole, err := decodeRaw(testenv.InPieces(string(stream), 0))
		body := &testenv.Body{}
		for i, rest := 0, string(stream); len(cuts) > 0 && rest != ""; i++ {
			n := min(len(rest), int(cuts[i%len(cuts)])+1)
			body.Parts = append(body.Parts, rest[:n])
			rest = rest[n:]
		}
		if len(cuts) == 0 {
			return
		}
		pieces, errPieces := decodeRaw(body)
		if reason(err) != reason(errPieces) {
			t.Errorf("got %v, want %v as in one piece", errPieces, err)
		}
		if len(pieces) != len(whole) {
			t.Fatalf("got %d events, want %d as in one piece", len(pieces), len(whole))
		}
		for i := range whole {
			if !reflect.DeepEqual(pieces[i], whole[i]) {
				t.Errorf("event %d: got %+v %q, want %+v %q", i,
					*pieces[i].Frame, pieces[i].Text, *whole[i].Frame, whole[i].Text)
			}
		}
	})
}

func decodeRaw(body *testenv.Body) ([]typewriter.Event, *upstream.Error) {
	reply := bareReply(body)
	defer reply.Close()
	events, failure := reply.Events()
	var got []typewriter.Event
	for e := range events {
		got = append(got, common(e))
	}
	return got, failure()
}

// Valid JSON stays valid, and means the same but for what is added to a bare
// object, with its text and also with any other.
func FuzzSplice(f *testing.F) {
	for _, data := range []string{
		`{"id":"1","type":"answer","content_type":"text","content":"hi"}`, `{"content":"hi"}`, ` {"a":{"content":1},"content":"\"\\"} `,
		`{"reasoning_content":"hm","content":""}`, `{"c\u006fntent":"\ud83d\ude00","role":null,"created_at":1.0}`,
		"{\n\"id\":1e400,\"content\":\"\u2028\u0085\"\n}", `{"content":"a","content":"b"}`, `["content"]`, `{}`, `"[DONE]"`, `[DONE]`, `{"content":"`,
	} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data string) {
		d := decoder{}
		e := d.Decode(eventDelta, data)
		if !json.Valid([]byte(data)) {
			if got := payload(e); !e.Frame.IsText() && got != data {
				t.Errorf("got %q, want what is no JSON as it is: %q", got, data)
			}
			return
		}
		got := payload(e)
		if e.Frame.Number > 0 {
			got = numbered(e)
		} else if got != jsontext.SingleLine(data) {
			t.Errorf("got %q, want %q", got, jsontext.SingleLine(data))
		}
		if strings.ContainsAny(got, "\n\u0085\u2028\u2029") && utf8.ValidString(got) {
			t.Errorf("got %q, which holds a line's end", got)
		}
		want := object(t, data)
		if e.Frame.IsText() {
			checkSplice(t, e, object(t, got), want)
		} else if !reflect.DeepEqual(object(t, got), want) {
			t.Errorf("got %q, which is not %q", got, data)
		}
	})
}

// object decodes JSON with the numbers as text.
func object(t *testing.T, data string) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(data))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("got %q, which is not JSON: %v", data, err)
	}
	return v
}

// checkSplice compares a text event with the original object.
func checkSplice(t *testing.T, e upstream.Event, got, want any) {
	t.Helper()
	field := "content"
	if strings.HasPrefix(e.Frame.Channel, "reasoning") {
		field = "reasoning_content"
	}
	from, isObject := want.(map[string]any)
	to, _ := got.(map[string]any)
	if !isObject {
		t.Fatalf("text was found in %v", want)
	}
	expected := maps.Clone(from)
	if e.Frame.Number > 0 {
		for _, name := range []string{"id", "role", "type", "created_at"} {
			if _, ok := from[name]; !ok {
				expected[name] = to[name]
			}
		}
	}
	if !reflect.DeepEqual(to, expected) {
		t.Errorf("got %v, want %v", to, expected)
	}
	if text := object(t, `"`+e.Text+`"`); text != from[field] {
		t.Errorf("got text %q, want %q", text, from[field])
	}
	e.Text = `x\n`
	other, _ := object(t, payload(e)).(map[string]any)
	expected[field] = "x\n"
	if !slices.Equal(slices.Sorted(maps.Keys(other)), slices.Sorted(maps.Keys(expected))) || other[field] != "x\n" {
		t.Errorf("with another text: got %v, want %v", other, expected)
	}
}
