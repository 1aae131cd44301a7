package terminal

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

const (
	thinks   = "event:conversation.message.delta\ndata:{\"type\":\"answer\",\"content\":\"\",\"reasoning_content\":\"hm\"}\n\n"
	ends     = "event:conversation.message.completed\ndata:{\"type\":\"answer\",\"content_type\":\"text\",\"content\":\"all\"}\n\n"
	suggests = "event:conversation.message.completed\ndata:{\"type\":\"follow_up\",\"content\":\"and\\nthen?\"}\n\n"
	bareEnd  = "event:conversation.message.completed\ndata:{\"status\":\"completed\"}\n\n"
)

func TestText(t *testing.T) {
	for _, test := range []struct {
		name, events string
		plain, rich  string // output without and with a terminal
	}{
		{"text", delta(1, "a") + delta(2, "b\\nc") + ends + done, "ab\nc\n", "ab\nc\n"},
		{"nothing", done, "", ""},
		{"ends with a line", delta(1, "a\\n") + done, "a\n", "a\n"},
		{"ends with lines", delta(1, "a\\n") + delta(2, "\\n") + done, "a\n\n", "a\n\n"},
		{"begins with a line", delta(1, "\\na") + done, "\na\n", "\na\n"},
		{"tab and quotes", delta(1, "\\ta \\\" \\u003c") + done, "\ta \" <\n", "\ta \" <\n"},
		{"reasoning", thinks + thinks + delta(1, "a") + done, "a\n", "\x1b[2mhm\x1b[22m\x1b[2mhm\x1b[22m\n\na\n"},
		{"only reasoning", thinks + done, "", "\x1b[2mhm\x1b[22m\n"},
		{"reasoning between", delta(1, "a") + ends + thinks + delta(2, "b") + ends + done, "a\n\nb\n", "a\n\n\x1b[2mhm\x1b[22m\n\nb\n"},
		{"messages", delta(1, "a") + ends + delta(2, "b") + ends + done, "a\n\nb\n", "a\n\nb\n"},
		{"messages with lines", delta(1, "a\\n") + ends + delta(2, "b\\n\\n\\n") + ends + delta(3, "c") + done, "a\n\nb\n\n\nc\n", "a\n\nb\n\n\nc\n"},
		{"suggestions", delta(1, "a") + ends + suggests + suggests + done, "a\n", "a\n\n\x1b[2m→ and then?\n\x1b[22m\x1b[2m→ and then?\n\x1b[22m"},
		{"message without deltas", ends + delta(1, "b") + ends + done, "all\n\nb\n", "all\n\nb\n"},
		{"message without deltas after another", delta(1, "a") + ends + ends + done, "a\n\nall\n", "a\n\nall\n"},
		{"bare", "event:conversation.message.delta\ndata:{\"content\":\"a\"}\n\n" + bareEnd + "data:[DONE]\n\n", "a\n", "a\n"},
		{"card", "event:conversation.message.delta\ndata:{\"type\":\"answer\",\"content_type\":\"card\",\"content\":\"{}\"}\n\n" + delta(1, "a") + done, "a\n", "a\n"},
		{"tool's answer", "event:conversation.message.completed\ndata:{\"type\":\"tool_response\",\"content\":\"{}\"}\n\n" + delta(1, "a") + done, "a\n", "a\n"},
		{"card at the end", delta(1, "a") + strings.Replace(ends, `"text"`, `"card"`, 1) + delta(2, "b") + done, "ab\n", "ab\n"},
		{"not JSON", "event:conversation.message.delta\ndata:{\"content\":\n\n" + delta(1, "a") + done, "a\n", "a\n"},
		{"after the end", delta(1, "a") + done + delta(2, "b"), "a\n", "a\n"},
		{"no done", delta(1, "a") + "event:conversation.chat.completed\ndata:{}\n\n", "a\n", "a\n"},
		{"heartbeats", "id:stream:0\n\n\n\n" + delta(1, "a") + "\n\n\n" + done, "a\n", "a\n"},

		{"escape sequences", delta(1, "\\u001b]0;owned\\u0007a\\u001b[2J\\u009b31mb\\u007f\\bc\\r\\u0000\\u0085d") + done, "]0;owneda[2J31mbcd\n", "]0;owneda[2J31mbcd\n"},
		{"raw C1 and bytes that are no UTF-8", delta(1, "\u009b31ma\x9bb\u0090") + done, "31ma\uFFFDb\n", "31ma\uFFFDb\n"},
		{"escape sequences in reasoning", strings.Replace(thinks, "hm", "\\u001b[0mhm", 1) + done, "", "\x1b[2m[0mhm\x1b[22m\n"},
		{"escape sequences in a suggestion", strings.Replace(suggests, "and", "\\u001b[0m\\u009b1mand", 1) + done, "", "\x1b[2m→ [0m1mand then?\n\x1b[22m"},
		{"nothing but control characters", delta(1, "\\u001b\\u0007") + done, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			for terminal, want := range map[Terminal]string{
				{}:                        test.plain,
				{Rich: true, Faint: true}: test.rich,
				{Rich: true}:              strings.NewReplacer(faintOn, "", faintOff, "").Replace(test.rich),
			} {
				s := newServer(stream(test.events, nil))
				got, err := run(t.Context(), t, s, terminal)
				if err != nil || got != want {
					t.Errorf("%+v: got %q, %v; want %q", terminal, got, err, want)
				}
				if len(s.seen) != 1 {
					t.Errorf("%+v: the server got %q", terminal, s.lines())
				}
			}
		})
	}
}

// Each event's text is one write.
func TestWritesAtOnce(t *testing.T) {
	var writes []string
	note := writerFunc(func(p []byte) (int, error) {
		writes = append(writes, string(p))
		return len(p), nil
	})
	events := thinks + delta(1, "👨‍👩‍👧‍👦") + delta(2, "好") + done
	if _, err := run(t.Context(), t, newServer(stream(events, nil)), Terminal{Out: note, Rich: true, Faint: true}); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(writes, "|"), "\x1b[2mhm\x1b[22m|\n\n👨‍👩‍👧‍👦|好|\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestFailures(t *testing.T) {
	json := func(status int, body string, header ...string) answering {
		return reply(status, body, nil, append(header, "Content-Type", "application/json")...)
	}
	for _, test := range []struct {
		name  string
		reply answering
		out   string
		want  string
	}{
		{"refused", json(200, `{"code":4101,"msg":"no","detail":{"logid":"L"}}`), "", "no (code 4101, logid L)"},
		{"refused with a status", json(404, `{"code":4200,"msg":"gone"}`, "X-Tt-Logid", "H"), "", "gone (code 4200, logid H)"},
		{"nothing said", json(500, `{"code":1}`), "", "the chat failed (code 1)"},
		{"control characters", json(200, `{"code":1,"msg":"a\u001b[2Jb\nc\u009b","detail":{"logid":"\u001bL"}}`), "", "a[2Jb c (code 1, logid L)"},
		{"page", reply(200, "<html>", nil, "Content-Type", "text/html\x1b"), "", `h answered 200 OK with content type "text/html" instead of a chat stream`},
		{"JSON of another kind", json(200, `{"data":1}`), "", `h answered 200 OK with content type "application/json" instead of a chat stream`},
		{"status of a stream", reply(500, "", nil, "Content-Type", "text/event-stream"), "", "h answered 500 Internal Server Error"},
		{"redirect", reply(301, "", nil, "Location", "http://other/v3/chat"), "", "h answered 301 Moved Permanently"},
		{"no key", json(401, `{"code":4100,"msg":"a key"}`, "WWW-Authenticate", "Bearer"), "", "a key (code 4100): set TYPEWRITER_TOKEN to a key of the server"},
		{"no key, says a proxy", reply(401, "<html>", nil), "", "set TYPEWRITER_TOKEN to a key of the server"},
		{"bad token", json(401, `{"code":5026,"msg":"bad"}`), "", "bad (code 5026): set TYPEWRITER_TOKEN to a valid token of the AI service"},
		{"bad token of Coze", json(200, `{"code":4100,"msg":"bad"}`), "", "bad (code 4100): set TYPEWRITER_TOKEN to a valid token of the AI service"},
		{"no answer", func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, "", "no response from http://h: unexpected EOF"},

		{"error event", stream(delta(1, "a")+"event:error\ndata:{\"code\":5,\"msg\":\"bad\\u001b\"}\n\n", nil), "a\n", "bad (code 5, logid log)"},
		{"error event and done", stream("event:error\ndata:{\"code\":5,\"msg\":\"bad\"}\n\n"+done, nil), "", "bad (code 5, logid log)"},
		{"failed", stream(delta(1, "a")+"event:conversation.chat.failed\ndata:{\"last_error\":{\"code\":6,\"msg\":\"over\"}}\n\n", nil), "a\n", "over (code 6, logid log)"},
		{"first failure", stream("event:conversation.chat.failed\ndata:{\"last_error\":{\"code\":6,\"msg\":\"over\"}}\n\nevent:error\ndata:{\"code\":5}\n\n", nil), "", "over (code 6"},
		{"tool", stream(suggests+"event:conversation.chat.requires_action\ndata:{}\n\n"+done, nil), "", "result of a tool"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(test.reply)
			got, err := run(t.Context(), t, s, Terminal{Rich: true})
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.ContainsAny(err.Error(), "\n\x1b\u009b") {
				t.Errorf("got error %q, want %q", err, test.want)
			}
			if got != test.out || len(s.seen) != 1 {
				t.Errorf("shows %q, want %q; the server got %q", got, test.out, s.lines())
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("%v tells the token", err)
			}
		})
	}
}
