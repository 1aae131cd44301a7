package terminal

import (
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// contentTypes has the type of requests without and with JSON.
var contentTypes = map[bool]string{false: "text/plain; charset=utf-8", true: "application/json"}

func TestRequest(t *testing.T) {
	for _, test := range []struct {
		name       string
		options    Options
		line, body string
	}{
		{"message", Options{Message: []string{"写", "a&b"}}, "POST http://h/v3/chat", "写 a&b"},
		{"bot", Options{Message: []string{"say \"hi\""}, BotID: "1"}, "POST http://h/v3/chat", `{"additional_messages":[{"role":"user","content":"say \"hi\"","content_type":"text"}],"auto_save_history":true,"bot_id":"1","stream":true,"user_id":"sse-typewriter"}`},
		{"bot and user", Options{Message: []string{"a"}, BotID: "1", UserID: "2", ConversationID: "3"}, "POST http://h/v3/chat?conversation_id=3", `{"additional_messages":[{"role":"user","content":"a","content_type":"text"}],"auto_save_history":true,"bot_id":"1","stream":true,"user_id":"2"}`},
		{"user", Options{Message: []string{"a"}, UserID: "2", ConversationID: "3"}, "POST http://h/v3/chat?conversation_id=3&user_id=2", "a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(stream(done, nil))
			test.options.URL, test.options.Token = "http://h/", "t"
			test.options.Mode, test.options.Speed, test.options.MaxLag = "smooth", "2", "1s"
			if err := Run(t.Context(), test.options, Terminal{Out: io.Discard}, s); err != nil {
				t.Fatal(err)
			}
			got := s.seen[0]
			if got.line != test.line || got.body != test.body {
				t.Errorf("got %s %s, want %s %s", got.line, got.body, test.line, test.body)
			}
			for name, want := range map[string]string{
				"Authorization": "Bearer t", "Typewriter-Mode": "smooth", "Typewriter-Speed": "2", "Typewriter-Max-Lag": "1s", "Typewriter-Event-Ids": "on",
			} {
				if got.header.Get(name) != want {
					t.Errorf("%s is %q, want %q", name, got.header.Get(name), want)
				}
			}
			if want := contentTypes[strings.HasPrefix(test.body, "{")]; got.header.Get("Content-Type") != want {
				t.Errorf("type is %q, want %q", got.header.Get("Content-Type"), want)
			}
		})
	}

	s := newServer(stream(done, nil))
	if err := Run(t.Context(), Options{URL: "http://h", Message: []string{"a"}}, Terminal{Out: io.Discard}, s); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Authorization", "Typewriter-Mode", "Typewriter-Speed", "Typewriter-Max-Lag"} {
		if _, sent := s.seen[0].header[name]; sent {
			t.Errorf("%s is sent", name)
		}
	}
}

func TestMessage(t *testing.T) {
	for _, test := range []struct {
		name  string
		words []string
		in    io.Reader
		want  string
		fails string
	}{
		{"words", []string{"a", "b"}, nil, "a b", ""},
		{"words and a pipe", []string{"sum", "up:"}, strings.NewReader("b\n\nc\n"), "sum up:\n\nb\n\nc", ""},
		{"words and an empty pipe", []string{"a"}, strings.NewReader("\n"), "a", ""},
		{"words and too much", []string{"a"}, strings.NewReader(strings.Repeat("a", maxMessage-2)), "", "too long"},
		{"words and a pipe that breaks", []string{"a"}, &ending{err: io.ErrUnexpectedEOF}, "", "cannot read the message"},
		{"pipe", nil, strings.NewReader("a\nb\r\n"), "a\nb", ""},
		{"dash", []string{"-"}, strings.NewReader(" a"), " a", ""},
		{"longest", nil, strings.NewReader(strings.Repeat("a", maxMessage)), strings.Repeat("a", maxMessage), ""},
		{"too long", nil, strings.NewReader(strings.Repeat("a", maxMessage+1)), "", "too long"},
		{"nothing", nil, nil, "", "no message"},
		{"dash without a pipe", []string{"-"}, nil, "", "no message"},
		{"empty pipe", nil, strings.NewReader(" \n"), "", "empty"},
		{"blank word", []string{" "}, nil, "", "empty"},
		{"pipe that breaks", nil, &ending{err: io.ErrUnexpectedEOF}, "", "cannot read the message"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := Options{Message: test.words}
			got, err := o.message(test.in)
			if got != test.want || (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
				t.Errorf("got %.50q, %v; want %.50q, %q", got, err, test.want, test.fails)
			}
		})
	}
}

func TestBadURL(t *testing.T) {
	for _, u := range []string{"", "h", "127.0.0.1:8380", "ftp://h", "http://", "http://h?a=b", "http://h#a", "http://%zz"} {
		s := newServer()
		err := Run(t.Context(), Options{URL: u, Message: []string{"a"}}, Terminal{Out: io.Discard}, s)
		if err == nil || !strings.Contains(err.Error(), "--url") || len(s.seen) > 0 {
			t.Errorf("%q: got %v and %q", u, err, s.lines())
		}
	}
}

// Wherever the connection is cut, the text continues without a gap or a second chat.
func TestResume(t *testing.T) {
	const get = "GET http://h/typewriter/streams/stream"
	unavailable := reply(http.StatusServiceUnavailable, "", nil)
	first, second := delta(1, "a"), delta(2, "b")+ends+suggests+done
	for _, test := range []struct {
		name    string
		replies []answering
		last    []string // Last-Event-ID of each request but the first
	}{
		{"cut between events", []answering{stream(first, io.ErrUnexpectedEOF), stream(second, nil)}, []string{"stream:1"}},
		{"cut before the first", []answering{stream("id:stream:0\n\n", io.ErrUnexpectedEOF), stream(first+second, nil)}, []string{""}},
		{"cut in an id", []answering{stream(first+"id:stream:2", nil), stream(second, nil)}, []string{"stream:1"}},
		{"cut after an event's name", []answering{stream(first+delta(2, "b")[:40], nil), stream(second, nil)}, []string{"stream:1"}},
		{"cut in the data", []answering{stream(first+delta(2, "b")[:90], nil), stream(second, nil)}, []string{"stream:1"}},
		{"ended early", []answering{stream(first, nil), stream(second, nil)}, []string{"stream:1"}},
		{"cut again and again", []answering{stream(first, io.ErrUnexpectedEOF), stream("", io.ErrUnexpectedEOF), stream(delta(2, "b"), syscall.ECONNRESET), stream(ends+suggests+done, nil)}, []string{"stream:1", "stream:1", "stream:2"}},
		{"down for a while", []answering{stream(first, io.ErrUnexpectedEOF), refuse, unavailable, reply(429, "", nil), refuse, stream(second, nil)}, []string{"stream:1", "stream:1", "stream:1", "stream:1", "stream:1"}},
		{"only the end is lost", []answering{stream(first+delta(2, "b")+ends+suggests, io.ErrUnexpectedEOF), reply(204, "", nil, "Typewriter-Resume", "finished")}, []string{"stream:2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(test.replies...)
				got, err := run(t.Context(), t, s, Terminal{Rich: true})
				if want := "ab\n\n→ and then?\n"; err != nil || got != want {
					t.Errorf("got %q, %v; want %q", got, err, want)
				}
				var last []string
				for i, seen := range s.seen {
					if i == 0 {
						continue
					}
					if seen.line != get || seen.header.Get("Authorization") != "Bearer secret" {
						t.Errorf("request %d is %s with %v", i, seen.line, seen.header)
					}
					last = append(last, seen.header.Get("Last-Event-Id"))
				}
				if !reflect.DeepEqual(last, test.last) {
					t.Errorf("resumes after %q, want %q", last, test.last)
				}
			})
		})
	}
}

// Retries back off exponentially and are bounded; an event resets the backoff.
func TestResumeGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		replies := []answering{stream(delta(1, "a"), io.ErrUnexpectedEOF), refuse, stream(delta(2, "b"), io.ErrUnexpectedEOF)}
		for range maxAttempts {
			replies = append(replies, refuse)
		}
		s := newServer(replies...)
		got, err := run(t.Context(), t, s, Terminal{})
		if got != "ab\n" || !errors.Is(err, errCut) {
			t.Errorf("got %q, %v", got, err)
		}
		var at []time.Duration
		for _, seen := range s.seen {
			at = append(at, seen.at)
		}
		const ms = time.Millisecond
		want := []time.Duration{
			0, 0, 200 * ms, // begun, refused, resumed
			200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 11400 * ms, 16400 * ms, 21400 * ms, 26400 * ms,
		}
		if !reflect.DeepEqual(at, want) {
			t.Errorf("tries at %v, want %v", at, want)
		}
	})
}

func TestNothingToResume(t *testing.T) {
	anonymous := reply(http.StatusOK, delta(1, "a"), io.ErrUnexpectedEOF, "Content-Type", "text/event-stream")
	for _, test := range []struct {
		name    string
		replies []answering
		want    string
		sent    int
	}{
		{"gone", []answering{stream(delta(1, "a"), nil), reply(204, "", nil, "Typewriter-Resume", "gone")}, errCut.Error(), 2},
		{"refused", []answering{stream(delta(1, "a"), nil), reply(401, `{"code":4100,"msg":"no"}`, nil)}, "no (code 4100): set TYPEWRITER_TOKEN to a valid token of the AI service", 2},
		{"server without ids", []answering{anonymous}, errCut.Error(), 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(test.replies...)
			got, err := run(t.Context(), t, s, Terminal{})
			if got != "a\n" || err == nil || err.Error() != test.want || len(s.seen) != test.sent {
				t.Errorf("got %q, %v and %q", got, err, s.lines())
			}
		})
	}
}

const deleted = "DELETE http://h/typewriter/streams/stream"

// An interrupted chat is stopped at the server within 10 s.
func TestInterrupt(t *testing.T) {
	for _, test := range []struct {
		name    string
		replies []answering
		out     string
		last    string // request
		sent    int
		takes   time.Duration // after the interrupt
	}{
		{"in the answer", []answering{stream(delta(1, "a"), errWait)}, "a\n", deleted, 2, 0},
		{"server that hangs", []answering{stream(delta(1, "a"), errWait), hang}, "a\n", deleted, 2, 10 * time.Second},
		{"server that is gone", []answering{stream(delta(1, "a"), errWait), refuse}, "a\n", deleted, 2, 0},
		{"while it comes back", []answering{stream(delta(1, "a"), io.ErrUnexpectedEOF), refuse, refuse, refuse, refuse}, "a\n", deleted, 5, 0},
		{"before the answer", []answering{hang}, "", "POST http://h/v3/chat", 1, 0},
		{"of a server without ids", []answering{reply(200, delta(1, "a"), errWait, "Content-Type", "text/event-stream")}, "a\n", "POST http://h/v3/chat", 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				s := newServer(test.replies...)
				got, err := run(ctx, t, s, Terminal{})
				if got != test.out || !errors.Is(err, ErrInterrupted) {
					t.Errorf("got %q, %v", got, err)
				}
				if took := time.Since(s.begun) - time.Second; took != test.takes {
					t.Errorf("took %v, want %v", took, test.takes)
				}
				last := s.seen[len(s.seen)-1]
				if len(s.seen) != test.sent || last.line != test.last || last.header.Get("Authorization") != "Bearer secret" {
					t.Errorf("requests are %q, the last with %v; want %d, the last %s", s.lines(), last.header, test.sent, test.last)
				}
			})
		})
	}
}

func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// A failed write stops the chat. A closed pipe is not an error.
func TestWriteFails(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want error
	}{
		{"pipe", syscall.EPIPE, nil},
		{"disk", syscall.ENOSPC, syscall.ENOSPC},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(stream(delta(1, "a")+delta(2, "b"), errWait))
			writes := 0
			out := writerFunc(func([]byte) (int, error) {
				writes++
				return 0, test.err
			})
			_, err := run(t.Context(), t, s, Terminal{Out: out})
			if !errors.Is(err, test.want) || writes != 1 {
				t.Errorf("got %v after %d writes, want %v", err, writes, test.want)
			}
			if got := s.lines(); len(got) != 2 || got[1] != deleted {
				t.Errorf("the server got %q", got)
			}
		})
	}
}
