package coze

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/testenv"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// begun is a stream with half of an answer.
const (
	begun = "event:conversation.chat.created\ndata:{\"id\":\"c\",\"conversation_id\":\"v\",\"status\":\"created\"}\n\n" +
		"event:conversation.message.delta\ndata:{\"id\":\"1\",\"type\":\"answer\",\"content\":\"half\",\"chat_id\":\"c\",\"conversation_id\":\"v\"}\n\n"
	completedChat = `{"id":"c","status":"completed"}`
	wholeMessage  = `{"id":"1","type":"answer","content":"half and half"}`
	silence       = `{"code":5042,"msg":"upstream stalled mid-stream"}`
	cutInTheEnd   = `{"code":5023,"msg":"upstream ended mid-stream"}`
)

func reply(data string) string {
	return `{"code":0,"msg":"","data":` + data + `,"detail":{"logid":"x"}}`
}

// well answers successfully.
func well(r *http.Request) (int, string) {
	if r.URL.Path == pathRetrieve {
		return 200, reply(completedChat)
	}
	return 200, reply("[" + wholeMessage + "]")
}

// beginning has the events of begun, and rest the missing events.
var (
	beginning = []event{
		{eventChatCreated, `{"id":"c","conversation_id":"v","status":"created"}`},
		{eventDelta, `{"id":"1","type":"answer","content":"half","chat_id":"c","conversation_id":"v"}`},
	}
	rest = []event{
		{eventDelta, `{"id":"1","type":"answer","content":" and half","chat_id":"c","conversation_id":"v"}`},
		{eventCompleted, wholeMessage},
		{eventChatCompleted, completedChat},
		{eventDone, doneData},
	}
)

// open opens a stream of a service.
func (s *service) open(ctx context.Context, t *testing.T, set func(*upstream.Client)) *upstream.Reply {
	t.Helper()
	client := upstream.NewClient("http://upstream.test", s)
	if set != nil {
		set(client)
	}
	reply, err := client.Do(ctx, upstream.Request{Method: "POST", Format: format, Path: "/v3/chat", Header: http.Header{
		"Authorization": {"Bearer pat_x"}, "X-Coze-Client-User-Agent": {"{}"}, "Content-Type": {"application/json"},
		"User-Agent": {"cozepy/1"}, "Cookie": {"a=b"}, "X-Forwarded-For": {"10.0.0.1"},
	}, Body: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reply.Close)
	return reply
}

// then answers with each function in turn, then always with the last one.
func then(replies ...answers) answers {
	return func(r *http.Request) (int, string) {
		next := replies[0]
		if len(replies) > 1 {
			replies = replies[1:]
		}
		return next(r)
	}
}

func always(status int, body string) answers {
	return func(*http.Request) (int, string) { return status, body }
}

// on answers a path; other paths succeed.
func on(path string, a answers) answers {
	return func(r *http.Request) (int, string) {
		if r.URL.Path == path {
			return a(r)
		}
		return well(r)
	}
}

func only(method string) answers {
	return func(r *http.Request) (int, string) {
		if r.Method != method {
			return http.StatusMethodNotAllowed, `{"code":1}`
		}
		return well(r)
	}
}

// mixed serves a path on POST, and the other path on GET.
func mixed(onPost string) answers {
	return func(r *http.Request) (int, string) {
		if (r.Method == http.MethodPost) != (r.URL.Path == onPost) {
			return http.StatusNotFound, "404 page not found"
		}
		return well(r)
	}
}

var (
	busy   = always(200, reply(`{"status":"in_progress"}`))
	broken = always(0, "")
)

type recoveryTest struct {
	name   string
	answer answers
	after  time.Duration
	asks   int
	fails  bool
}

func recoveryTests() []recoveryTest {
	polls := delays(9)
	return []recoveryTest{
		{"at once", well, polls[0], 2, false},
		{"later", on(pathRetrieve, then(busy, always(200, reply(`{"status":"created"}`)), busy, busy, well)), polls[4], 6, false},
		{"no code", func(r *http.Request) (int, string) {
			status, body := well(r)
			return status, strings.Replace(body, `"code":0,`, "", 1)
		}, polls[0], 2, false},
		{"served on POST", only("POST"), polls[0], 3, false},
		{"only the list is on POST", mixed(pathMessages), polls[0], 3, false},
		{"only the list is on GET", mixed(pathRetrieve), polls[0], 4, false},
		{"two failures", then(broken, always(503, "<html>"), well), polls[2], 4, false},
		{"two failures of the list", on(pathMessages, then(always(429, ""), broken, well)), polls[2], 4, false},
		{"failures between", on(pathRetrieve, then(broken, broken, busy, broken, broken, well)), polls[5], 7, false},
		{"listed late", on(pathMessages, then(always(200, reply(`[]`)), always(200, reply(`[{"id":"2"}]`)), well)), polls[2], 4, false},

		{"still in progress", busy, time.Minute, 31, true},
		{"unknown status", always(200, reply(`{"status":"confused"}`)), time.Minute, 31, true},
		{"no status", always(200, reply(`{}`)), time.Minute, 31, true},
		{"network", broken, polls[2], 3, true},
		{"network after some time", on(pathRetrieve, then(busy, broken)), polls[3], 4, true},
		{"network at the list", on(pathMessages, broken), polls[2], 4, true},
		{"gateway", always(502, "<html>"), polls[2], 3, true},
		{"never listed", on(pathMessages, always(200, reply(`[]`))), polls[2], 4, true},
		{"error", always(200, `{"code":4200,"msg":"no such chat"}`), polls[0], 1, true},
		{"error of the list", on(pathMessages, always(200, `{"code":"4200"}`)), polls[0], 2, true},
		{"not authorized", always(401, `{"code":4100}`), polls[0], 1, true},
		{"not found", always(404, "404 page not found"), polls[0], 2, true},
		{"no JSON", always(200, "<html>"), polls[0], 1, true},
		{"half JSON", always(200, reply("{")[:20]), polls[0], 1, true},
		{"empty", always(200, ""), polls[0], 1, true},
		{"no data", always(200, `{"code":0}`), polls[0], 1, true},
		{"no list", on(pathMessages, always(200, reply(`{}`))), polls[0], 2, true},
		{"null", on(pathMessages, always(200, reply(`null`))), polls[0], 2, true},
		{"too large", on(pathMessages, always(200, reply("["+wholeMessage+"]")+strings.Repeat(" ", maxReplyBytes))), polls[0], 2, true},
	}
}

// How recovery fails, or does not, and when.
func TestRecovery(t *testing.T) {
	for _, test := range recoveryTests() {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{stream: begun, answer: test.answer}
				got, failure := readAll(s.open(t.Context(), t, nil))
				want, wantReason := append(slices.Clone(beginning), rest...), ""
				if test.fails {
					want, wantReason = append(slices.Clone(beginning), event{eventError, cutInTheEnd}), "cut"
				}
				if !slices.Equal(got, want) || reason(failure) != wantReason {
					t.Errorf("got %q, %v\nwant %q, %q", got, failure, want, wantReason)
				}
				if test.fails && (failure.Err == nil || !strings.Contains(failure.Error(), "cannot recover the answer: ")) {
					t.Errorf("got %v, want to know why it could not be recovered", failure)
				}
				if took := time.Since(s.start); took != test.after || len(s.asked) != test.asks {
					t.Errorf("got it after %v and %d requests, want %v and %d", took, len(s.asked), test.after, test.asks)
				}
			})
		})
	}
}

// Requests for the rest have the credentials of the chat's request, and nothing else.
func TestRecoveryAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := strings.NewReplacer(`"c"`, `"c&1"`, `"v"`, `"v 2"`).Replace(begun)
		s := &service{stream: stream, answer: well}
		if _, err := readAll(s.open(t.Context(), t, func(c *upstream.Client) { c.BaseURL += "/base" })); err == nil {
			t.Error("a service below a path was found without it")
		}
		s = &service{stream: stream, answer: func(r *http.Request) (int, string) {
			r.URL.Path = strings.TrimPrefix(r.URL.Path, "/base")
			return well(r)
		}}
		if _, err := readAll(s.open(t.Context(), t, func(c *upstream.Client) { c.BaseURL += "/base" })); err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{
			"GET /base/v3/chat/retrieve?conversation_id=v+2&chat_id=c%261",
			"GET /base/v3/chat/message/list?conversation_id=v+2&chat_id=c%261",
		} {
			if got := s.asked[i]; got.what != want {
				t.Errorf("got %s, want %s", got.what, want)
			}
			header := s.asked[i].header
			sent := slices.Sorted(func(yield func(string) bool) {
				for name, values := range header {
					if len(values) > 0 && !yield(name+": "+strings.Join(values, ", ")) {
						return
					}
				}
			})
			wantHeader := []string{"Accept-Encoding: identity", "Authorization: Bearer pat_x", "X-Coze-Client-User-Agent: {}"}
			if !slices.Equal(sent, wantHeader) {
				t.Errorf("got headers %q, want %q", sent, wantHeader)
			}
		}
	})
}

// A silent stream is dropped and recovered like a cut stream.
func TestSilentStreamIsRecovered(t *testing.T) {
	for _, test := range []struct {
		name   string
		stream string
		answer answers
		want   []event
		reason string
		after  time.Duration
	}{
		{"recovered", begun, well, append(slices.Clone(beginning), rest...), "", upstream.DefaultIdleTimeout + firstPause},
		{"not recovered", begun, func(*http.Request) (int, string) { return 200, reply(`{}`) }, append(slices.Clone(beginning), event{eventError, silence}), "idle_timeout", upstream.DefaultIdleTimeout + upstream.DefaultRecoveryTimeout},
		{"chat has ended", "event:conversation.chat.completed\ndata:{\"id\":\"c\"}\n\n", nil, []event{{eventChatCompleted, `{"id":"c"}`}, {eventDone, doneData}}, "", upstream.DefaultIdleTimeout},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{stream: test.stream, answer: test.answer, silent: true}
				got, failure := readAll(s.open(t.Context(), t, nil))
				if !slices.Equal(got, test.want) || reason(failure) != test.reason {
					t.Errorf("got %q, %v; want %q, %q", got, failure, test.want, test.reason)
				}
				if took := time.Since(s.start); took != test.after {
					t.Errorf("took %v, want %v", took, test.after)
				}
				if len(s.asked) > 0 && s.asked[0].open {
					t.Error("the silent connection was not dropped")
				}
			})
		})
	}
}

func TestHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, failure := listen(t.Context(), t, upstream.NewClient("http://standin", mock.New(7, cozemock.New())), chatOf("hang"))
		last := got[len(got)-1]
		if reason(failure) != "idle_timeout" || last.Frame.Head != silence {
			t.Errorf("got %v, %v; want silence", last, failure)
		}
		if took, want := last.at-got[len(got)-2].at, upstream.DefaultIdleTimeout+upstream.DefaultRecoveryTimeout; took != want {
			t.Errorf("got it %v after the last event, want %v", took, want)
		}
	})
}

// The end of a stream's context ends the recovery.
func TestRecoveryIsGivenUp(t *testing.T) {
	for _, test := range []struct {
		name   string
		giveUp func(context.CancelFunc, *upstream.Reply)
		hang   bool
	}{
		{"closed", func(_ context.CancelFunc, r *upstream.Reply) { r.Close() }, false},
		{"context", func(cancel context.CancelFunc, _ *upstream.Reply) { cancel() }, false},
		{"in a request", func(cancel context.CancelFunc, _ *upstream.Reply) { cancel() }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{stream: begun, answer: func(r *http.Request) (int, string) {
					if test.hang {
						<-r.Context().Done()
						return 0, ""
					}
					return 200, reply(`{}`)
				}}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				reply := s.open(ctx, t, nil)
				time.AfterFunc(3*time.Second, func() { test.giveUp(cancel, reply) })
				got, failure := readAll(reply)
				if took := time.Since(s.start); took != 3*time.Second || reason(failure) != "canceled" || len(got) != 3 {
					t.Errorf("got %q, %v after %v; want it canceled after 3s", got, failure, took)
				}
			})
		})
	}
}

// A consumer that stops gets no more events of the rest.
func TestRestIsRefused(t *testing.T) {
	for wanted := 2; wanted < 6; wanted++ {
		synctest.Test(t, func(t *testing.T) {
			s := &service{stream: begun, answer: well}
			events, failure := s.open(t.Context(), t, nil).Events()
			n := 0
			for range events {
				if n++; n > wanted {
					break
				}
			}
			if n != wanted+1 || wanted < 5 && failure() != apierror.TooLarge {
				t.Errorf("got %d events and %v, want %d and %v", n, failure(), wanted+1, apierror.TooLarge)
			}
		})
	}
	s := &service{stream: "event:conversation.chat.completed\ndata:{}\n\ndata:{"}
	body := testenv.InPieces(s.stream, 0)
	body.Err = errReset
	events, failure := openStream(t.Context(), t, func(context.Context) io.ReadCloser { return body }, nil).Events()
	for e := range events {
		if e.Frame.Name == eventDone {
			break
		}
	}
	if failure() != apierror.TooLarge {
		t.Errorf("got %v for a done, want %v", failure(), apierror.TooLarge)
	}
}

// Without anything to recover, or with recovery disabled, nothing is requested.
func TestNotRecovered(t *testing.T) {
	for _, test := range []struct {
		name   string
		stream string
		set    func(*upstream.Client)
		want   string // the last event
		reason string
	}{
		{"switched off", begun, func(c *upstream.Client) { c.RecoveryTimeout = 0 }, eventError, "cut"},
		{"no chat named", aDelta, nil, eventError, "cut"},
		{"no conversation named", "event:conversation.chat.created\ndata:{\"id\":\"c\"}\n\n", nil, eventError, "cut"},
		{"too large an event", begun + "data:" + strings.Repeat("x", 1000), func(c *upstream.Client) { c.MaxEventBytes = 500 }, eventError, "event_too_large"},
		{"error", begun + "event:error\ndata:{\"code\":1}\n\n", nil, eventError, ""},
		{"done", begun + "event:done\ndata:{}\n\n", nil, eventDone, ""},
		{"bare done", begun + "data:[DONE]\n\n", nil, "", ""},
		{"chat has ended", begun + "event:conversation.chat.completed\ndata:{}\n\n", nil, eventChatCompleted, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &service{stream: test.stream, answer: well}
			got, failure := readAll(s.open(t.Context(), t, test.set))
			if last := got[len(got)-1].name; last != test.want || reason(failure) != test.reason || len(s.asked) > 0 {
				t.Errorf("got %q, %v and %d requests; want %q, %q and none", last, failure, len(s.asked), test.want, test.reason)
			}
		})
	}
	t.Run("broken after an error", func(t *testing.T) {
		body := testenv.InPieces(begun+"event:error\ndata:{\"code\":1}\n\n", 0)
		body.Err = errReset
		got, failure := decode(t, body, nil)
		if got[len(got)-1].data != cutInTheEnd || reason(failure) != "cut" {
			t.Errorf("got %q, %v; want it cut", got, failure)
		}
	})
	t.Run("continued after the end", func(t *testing.T) {
		for _, e := range []event{{eventDone, doneData}, {"", "[DONE]"}, {eventError, "{}"}, {eventStudioDone, ""}} {
			recorded := slices.Values([]typewriter.Event{upstream.Pass(e.name, e.data, nil).Event})
			events, failure := (&upstream.Client{RecoveryTimeout: time.Second}).Continue(t.Context(), format, upstream.Opening{}, recorded)
			for e := range events {
				t.Errorf("got %v, want nothing", e)
			}
			if failure() != nil {
				t.Errorf("got %v, want nil", failure())
			}
		}
	})
}
