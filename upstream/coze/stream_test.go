package coze

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"

	"sse-typewriter/upstream"
)

// talk is a stream in the plainest form, with the events talkEvents.
const talk = `event:conversation.chat.created
data:{"id":"c"}

event:conversation.message.delta
data:{"id":"1","type":"answer","content":"你好"}

event:conversation.message.delta
data:{"id":"1","type":"answer","content":" a: b"}

data:unnamed

event:lines
data:one
data:
data:three

event:x
data:

event:done
data:"[DONE]"

`

var talkEvents = []event{
	{"conversation.chat.created", `{"id":"c"}`},
	{eventDelta, `{"id":"1","type":"answer","content":"你好"}`},
	{eventDelta, `{"id":"1","type":"answer","content":" a: b"}`},
	{"", "unnamed"},
	{"lines", "one\n\nthree"},
	{"x", ""},
	{"done", `"[DONE]"`},
}

// withFields puts lines before each event line of a stream.
func withFields(stream, lines string) string {
	return strings.ReplaceAll(stream, "event:", lines+"event:")
}

func TestFormsOfOneStream(t *testing.T) {
	spaced := strings.NewReplacer("event:", "event: ", "data:", "data: ").Replace(talk)
	for _, test := range []struct{ name, stream string }{
		{"LF", talk},
		{"CRLF", strings.ReplaceAll(talk, "\n", "\r\n")},
		{"CR", strings.ReplaceAll(talk, "\n", "\r")},
		{"LF and CRLF", strings.ReplaceAll(talk, "\n\n", "\n\r\n")},
		{"CRLF and LF", strings.ReplaceAll(talk, "\n\n", "\r\n\n")},
		{"CR and LF", strings.ReplaceAll(talk, "\n\n", "\r\r\n")},
		{"BOM", "\ufeff" + talk},
		{"BOM and CRLF", "\ufeff" + strings.ReplaceAll(talk, "\n", "\r\n")},
		{"space after the colon", spaced},
		{"comments", withFields(talk, ": ping\n:\n")},
		{"events of comments", withFields(talk, ": ping\n\n")},
		{"ids", withFields(talk, "id: 7\nretry:100\n")},
		{"events of ids", withFields(talk, "id: 7\n\nretry:100\n\nid\n\n")},
		{"unknown fields", withFields(talk, "time: 7\nDATA: x\n data: x\n")},
		{"more blank lines", "\n\n\n" + strings.ReplaceAll(talk, "\n\n", "\n\n\n\n")},
		{"more blank lines of CRLF", strings.ReplaceAll("\n"+strings.ReplaceAll(talk, "\n\n", "\n\n\n"), "\n", "\r\n")},
		{"fields the other way round", strings.ReplaceAll(talk, "event:x\ndata:\n", "data:\nevent:x\n")},
		{"a field without a colon", strings.ReplaceAll(talk, "event:x\ndata:\n", "event:x\ndata\n")},
		{"no blank line at the end", strings.TrimSuffix(talk, "\n")},
		{"no newline at the end", strings.TrimSuffix(talk, "\n\n")},
		{"more after the end", talk + "event:x\ndata:y\n\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, size := range []int{0, 1, 2, 3, 7} {
				got, err := decode(t, testenv.InPieces(test.stream, size), nil)
				if err != nil || !slices.Equal(got, talkEvents) {
					t.Errorf("in pieces of %d: got %q, %v\nwant %q", size, got, err, talkEvents)
				}
			}
		})
	}
}

// Wherever a stream is cut in two pieces, and not least between CR and LF, its
// events are the same.
func TestEveryCut(t *testing.T) {
	for _, ending := range []string{"\n", "\r\n", "\r"} {
		stream := strings.ReplaceAll(talk, "\n", ending)
		for i := range len(stream) {
			got, err := decode(t, &testenv.Body{Parts: []string{stream[:i], stream[i:]}}, nil)
			if err != nil || !slices.Equal(got, talkEvents) {
				t.Errorf("lines end in %q, cut at %d: got %q, %v", ending, i, got, err)
			}
		}
	}
}

func TestMaxEventBytes(t *testing.T) {
	const first = "data:{}\n\n"
	limits := []int{100, 5000, 10000} // below and above a scanner's first buffer
	for _, limit := range limits {
		for _, size := range []int{0, 1, 7, 64} {
			data := strings.Repeat("x", limit-len("data:\n\n"))
			set := func(c *upstream.Client) { c.MaxEventBytes = limit }

			got, err := decode(t, testenv.InPieces(first+"data:"+data+"\n\ndata:[DONE]\n\n", size), set)
			want := []event{{"", "{}"}, {"", data}, {"", "[DONE]"}}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("event of %d bytes in pieces of %d: got %d events, %v", limit, size, len(got), err)
			}

			got, err = decode(t, testenv.InPieces(first+"data:"+data+"x\n\ndata:[DONE]\n\n", size), set)
			want = []event{{"", "{}"}, {"error", fmt.Sprintf(
				`{"code":5022,"msg":"upstream sent an event of more than %d bytes"}`, limit)}}
			if reason(err) != "event_too_large" || !slices.Equal(got, want) {
				t.Errorf("one byte more in pieces of %d: got %.200q, %v; want %q", size, got, err, want)
			}
		}
	}
}

// errReset is how a connection breaks.
var errReset = errors.New("connection reset by peer")

// endCase is an end of a stream and the expected events.
type endCase struct {
	name   string
	stream string
	err    error // how the reading ends; nil: well
	want   []event
	reason string
}

func endCases() []endCase {
	const (
		delta     = "event:conversation.message.delta\ndata:{\"id\":\"1\",\"content\":\"a\"}\n\n"
		completed = "event:conversation.chat.completed\ndata:{\"id\":\"c\"}\n\n"
		studio    = "event:conversation.stream.done\ndata:\n"
	)
	aDelta := event{eventDelta, `{"id":"1","content":"a"}`}
	aDone := event{"done", `"[DONE]"`}
	aCompleted := event{eventChatCompleted, `{"id":"c"}`}
	cut := event{"error", `{"code":5023,"msg":"upstream ended mid-stream"}`}
	return []endCase{
		{"done", delta + "event:done\ndata:\"[DONE]\"\n\n", nil, []event{aDelta, aDone}, ""},
		{"done, nothing after is read", "data:[DONE]\n\n" + delta, errReset, []event{{"", "[DONE]"}}, ""},
		{"done without a blank line", delta + "event:done\ndata:\"[DONE]\"\n", nil, []event{aDelta, aDone}, ""},
		{"done without a newline", delta + "event:done\ndata:\"[DONE]\"", nil, []event{aDelta, aDone}, ""},
		{"bare done without a newline", "data:[DONE]", nil, []event{{"", "[DONE]"}}, ""},
		{"half of a done", "event:done\ndata:\"[DON", nil, []event{cut}, "cut"},
		{"half of a bare done", "data:[DON", nil, []event{cut}, "cut"},
		{"studio", delta + studio + "\n", nil, []event{aDelta, aDone}, ""},
		{"studio without a blank line", delta + studio, nil, []event{aDelta, aDone}, ""},
		{"done with an URL", "event: done\ndata: {\"debug_url\":\"x\"}\n\n", nil, []event{{"done", `{"debug_url":"x"}`}}, ""},

		{"nothing", "", nil, []event{cut}, "cut"},
		{"blank lines", "\n\n\n", nil, []event{cut}, "cut"},
		{"a comment", ": ping\n\n", nil, []event{cut}, "cut"},
		{"no done", delta, nil, []event{aDelta, cut}, "cut"},
		{"no blank line", delta[:len(delta)-1], nil, []event{aDelta, cut}, "cut"},
		{"no newline", delta[:len(delta)-2], nil, []event{aDelta, cut}, "cut"},
		{"text with a newline", "data:text\n", nil, []event{{"", "text"}, cut}, "cut"},
		{"text with a CR", "data:text\r", nil, []event{{"", "text"}, cut}, "cut"},
		{"text without a newline", "data:text", nil, []event{cut}, "cut"},
		{"half JSON", delta + delta[:len(delta)-3], nil, []event{aDelta, cut}, "cut"},
		{"half JSON and a NUL", delta + "data:{\"a\x00", nil, []event{aDelta, cut}, "cut"},
		{"an event without its data", delta + "event:conversation.message.delta\n", nil, []event{aDelta, cut}, "cut"},
		{"half of an event's name", delta + "event:conversation.mess", nil, []event{aDelta, cut}, "cut"},
		{"done without its data", delta + "event:done\n", nil, []event{aDelta, cut}, "cut"},
		{"an id at the end", delta + "id:7", nil, []event{aDelta, cut}, "cut"},

		{"chat completed", completed, nil, []event{aCompleted}, ""},
		{"chat completed, audio", completed + "event:conversation.audio.delta\ndata:{}\n\n", nil, []event{aCompleted, {"conversation.audio.delta", "{}"}}, ""},
		{"chat completed without a newline", completed[:len(completed)-2], nil, []event{aCompleted}, ""},
		{"chat failed", "event:conversation.chat.failed\ndata:{}\n\n", nil, []event{{eventChatFailed, "{}"}}, ""},
		{"requires action", "event:conversation.chat.requires_action\ndata:{}\n\n", nil, []event{{eventRequiresAction, "{}"}}, ""},
		{"error", "event:error\ndata:{\"code\":1}\n\n", nil, []event{{"error", `{"code":1}`}}, ""},

		{"broken between events", delta, io.ErrUnexpectedEOF, []event{aDelta, cut}, "cut"},
		{"broken in an event", delta + "event:x\ndata:{}", io.ErrUnexpectedEOF, []event{aDelta, cut}, "cut"},
		{"broken after a line", delta + "event:x\ndata:{}\n", errReset, []event{aDelta, cut}, "cut"},
		{"broken at once", "", errReset, []event{cut}, "cut"},
	}
}

func TestEnds(t *testing.T) {
	for _, test := range endCases() {
		t.Run(test.name, func(t *testing.T) {
			for _, size := range []int{0, 1, 5} {
				body := testenv.InPieces(test.stream, size)
				body.Err = test.err
				got, err := decode(t, body, nil)
				if !slices.Equal(got, test.want) || reason(err) != test.reason {
					t.Errorf("in pieces of %d: got %q, %q\nwant %q, %q", size, got, reason(err), test.want, test.reason)
				}
				if err != nil && (err.Err == nil) != (test.err == nil) {
					t.Errorf("got cause %v, want one for %v", err.Err, test.err)
				}
			}
		})
	}
}

// A line of a megabyte is one event, for all sizes of reads.
func TestLongLine(t *testing.T) {
	text := strings.Repeat("你好, ", 1<<20/8)
	stream := `event:conversation.message.delta` + "\n" + `data:{"id":"1","content":"` + text + `"}` + "\n\ndata:[DONE]\n\n"
	for _, size := range []int{0, 4096, 1000} {
		got, err := decode(t, testenv.InPieces(stream, size), nil)
		want := []event{{eventDelta, `{"id":"1","content":"` + text + `"}`}, {"", "[DONE]"}}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("in pieces of %d: got %d events, %v", size, len(got), err)
		}
	}
}
