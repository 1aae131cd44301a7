package responses

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/mock"
	responsesmock "sse-typewriter/mock/openai/responses"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// ask opens a stream of the stand-in.
func ask(t *testing.T, client *upstream.Client, model, fields string) *upstream.Reply {
	t.Helper()
	reply, err := client.Do(t.Context(), upstream.Request{
		Method: http.MethodPost, Format: format, Path: "/v1/responses",
		Body: []byte(`{"model":"` + model + `","stream":true,"input":"hello"` + fields + `}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reply.Close)
	return reply
}

// read reads a stream to its end.
func read(events iter.Seq[upstream.Event], failure func() *upstream.Error) (all []upstream.Event, failed *upstream.Error) {
	for e := range events {
		all = append(all, e)
	}
	return all, failure()
}

func payloads(events []upstream.Event) []string {
	var all []string
	for _, e := range events {
		all = append(all, e.Frame.Name+" "+e.Payload())
	}
	return all
}

// A response in the background is complete although its stream was cut, and each event comes
// once. Any other response fails.
func TestRecovery(t *testing.T) {
	for _, test := range []struct{ model, fields, reason string }{
		{"cut", `,"background":true`, ""},
		{"cut-twice", `,"background":true`, ""},
		{"cut-early", `,"background":true`, ""},
		{"no-done", `,"background":true`, ""},
		{"gpt-5", `,"background":true`, ""},
		{"cut", ``, "cut"},
		{"no-done", ``, "cut"},
	} {
		t.Run(test.model+test.fields, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := upstream.NewClient("http://stand-in", mock.New(1, &responsesmock.Dialect{}))
				got, failed := read(ask(t, client, test.model, test.fields).Events())
				if reason := reasonOf(failed); reason != test.reason {
					t.Fatalf("got failure %q, want %q", reason, test.reason)
				}
				if test.reason != "" {
					return
				}
				for i, e := range got {
					if number, ok := numberOf(e.Event); !ok || number != int64(i) {
						t.Fatalf("event %d has number %d", i, number)
					}
				}
				if last := got[len(got)-1].Frame.Name; last != "response.completed" {
					t.Errorf("the last event is %s", last)
				}
			})
		})
	}
}

func reasonOf(e *upstream.Error) string {
	if e == nil {
		return ""
	}
	return e.Reason
}

// Another replica reads the rest of a recorded stream, wherever that was cut.
func TestContinue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := upstream.NewClient("http://stand-in", mock.New(1, &responsesmock.Dialect{}))
		whole, _ := read(ask(t, client, "gpt-5", `,"background":true`).Events())
		opening := upstream.Opening{Note: "/v1/responses?"}
		for n := 1; n < len(whole); n++ {
			recorded := func(yield func(typewriter.Event) bool) {
				for _, e := range whole[:n] {
					if !yield(e.Event) {
						return
					}
				}
			}
			rest, failed := read(client.Continue(t.Context(), format, opening, recorded))
			if failed != nil || !slices.Equal(payloads(rest), payloads(whole[n:])) {
				t.Fatalf("after %d events: got %d events, %v; want %d", n, len(rest), failed, len(whole)-n)
			}
		}
		rest, failed := read(client.Continue(t.Context(), format, opening, func(func(typewriter.Event) bool) {}))
		if failed == nil || len(rest) != 1 {
			t.Errorf("got %q without the response's id", payloads(rest))
		}
	})
}

// A client that reads a stored response again gets the rest, too, although no event may name
// the response.
func TestRecoveryOfStreamAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := upstream.NewClient("http://stand-in", mock.New(1, &responsesmock.Dialect{}))
		whole, _ := read(ask(t, client, "cut-twice", `,"background":true`).Events())
		id := whole[0].Meaning.Chat.ID
		reply, err := client.Do(t.Context(), upstream.Request{
			Method: http.MethodGet, Format: format, Path: "/v1/responses/" + id, Query: "stream=true&starting_after=6",
		})
		if err != nil {
			t.Fatal(err)
		}
		defer reply.Close()
		if rest, failed := read(reply.Events()); failed != nil || !slices.Equal(payloads(rest), payloads(whole[7:])) {
			t.Errorf("got %d events, %v; want %d", len(rest), failed, len(whole)-7)
		}
	})
}

// A stream behind an event that is cut before its first event is continued there.
func TestRecoveryBeforeFirstEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		client := upstream.NewClient("http://upstream.invalid", s)
		events, _ := client.Continue(t.Context(), format, upstream.Opening{Note: "/v1/responses/r?starting_after=6"}, func(func(typewriter.Event) bool) {})
		for range events {
		}
		if want := "/v1/responses/r?starting_after=6&stream=true "; len(s.asked) == 0 || !strings.HasPrefix(s.asked[0], want) {
			t.Errorf("got requests %q, want %q", s.asked, want)
		}
	})
}

// service is a service whose stream is cut after the first event, and which answers further
// requests in turn.
type service struct {
	replies []reply
	asked   []string // target and time of each further request
	begun   time.Time
}

// reply is a reply of a service: a stream, unless there is another status.
type reply struct {
	status int
	body   string
	hangs  bool // the body does not end
}

// RoundTrip implements [http.RoundTripper].
func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost {
		s.begun = time.Now()
		return reply{body: "data: " + created + "\n\n"}.to(r), nil
	}
	s.asked = append(s.asked, fmt.Sprint(r.URL.RequestURI(), " ", time.Since(s.begun)))
	if len(s.replies) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	next := s.replies[0]
	s.replies = s.replies[1:]
	return next.to(r), nil
}

// to returns the response to a request.
func (r reply) to(req *http.Request) *http.Response {
	res := &http.Response{StatusCode: r.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(r.body)), Request: req}
	if r.status == 0 {
		res.StatusCode, res.Header = http.StatusOK, http.Header{"Content-Type": {"text/event-stream"}}
	}
	if r.hangs {
		res.Body = silence{req.Context()}
	}
	return res
}

// state is the state of a response.
func state(status string) reply {
	return reply{status: http.StatusOK, body: `{"id":"r","status":"` + status + `"}`}
}

// silence is a body without a byte, until its request ends.
type silence struct{ request context.Context }

func (s silence) Read([]byte) (int, error) {
	<-s.request.Done()
	return 0, context.Cause(s.request)
}

func (s silence) Close() error { return nil }

// Failed attempts are repeated, at growing intervals, and given up if they are useless.
func TestAttempts(t *testing.T) {
	const (
		one  = `data: {"type":"response.other","sequence_number":1}` + "\n\n"
		last = `data: {"type":"response.completed","sequence_number":2,"response":{"id":"r","status":"completed"}}` + "\n\n"
	)
	at := func(after, when string) string {
		return "/v1/responses/r?starting_after=" + after + "&stream=true " + when
	}
	for _, test := range []struct {
		name    string
		replies []reply
		events  int
		asked   []string
		fails   bool
	}{
		{"at once", []reply{{body: one + last}}, 3, []string{at("0", "0s")}, false},
		{"events again", []reply{{body: "data: " + created + "\n\n" + one + last}}, 3, []string{at("0", "0s")}, false},
		{"in pieces", []reply{{body: one}, {body: last}}, 3, []string{at("0", "0s"), at("1", "500ms")}, false},
		{
			"a service that restarts",
			[]reply{{status: 502}, {status: 503}, {status: 429}, {body: one + last}},
			3,
			[]string{at("0", "0s"), at("0", "500ms"), at("0", "1.25s"), at("0", "2.375s")},
			false,
		},
		{"an unknown response", []reply{{status: 404}, {status: 404}}, 2, []string{at("0", "0s"), "/v1/responses/r 0s"}, true},
		{"no stream", []reply{{status: 200}, {status: 200}}, 2, []string{at("0", "0s"), "/v1/responses/r 0s"}, true},
		{"a cancelled response", []reply{{body: ""}, state("cancelled")}, 2, []string{at("0", "0s"), "/v1/responses/r 0s"}, false},
		{"a failed response", []reply{{status: 400}, state("failed")}, 2, []string{at("0", "0s"), "/v1/responses/r 0s"}, false},
		{
			"a running response",
			[]reply{{body: ""}, state("in_progress"), {body: one + last}},
			3,
			[]string{at("0", "0s"), "/v1/responses/r 0s", at("0", "500ms")},
			false,
		},
		{
			"no service", nil, 2,
			[]string{at("0", "0s"), at("0", "500ms"), at("0", "1.25s"), at("0", "2.375s"), at("0", "4.0625s")},
			true,
		},
		{"silence", []reply{{hangs: true}}, 2, []string{at("0", "0s")}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{replies: test.replies}
				client := upstream.NewClient("http://upstream.invalid", s)
				client.RecoveryTimeout = 10 * time.Second
				begun := time.Now()
				events, failed := read(ask(t, client, "m", `,"background":true`).Events())
				if test.fails {
					events = slices.DeleteFunc(events, func(e upstream.Event) bool {
						return e.Frame.Name == "" && strings.Contains(e.Frame.Head, "response.failed")
					})
				}
				if len(events) != test.events || (failed != nil) != test.fails || failed != nil && failed.Reason != apierror.Cut.Reason {
					t.Errorf("got %q, %v; want %d events", payloads(events), failed, test.events)
				}
				if last := events[len(events)-1]; !test.fails && last.Meaning.Phase != upstream.Ended {
					t.Errorf("the last event is %s", last.Payload())
				}
				if !slices.Equal(s.asked, test.asked) {
					t.Errorf("got requests %q\nwant %q", s.asked, test.asked)
				}
				if wait := time.Since(begun); test.name == "silence" && (wait != client.RecoveryTimeout || !errors.Is(failed, context.DeadlineExceeded)) {
					t.Errorf("gave up after %v with %v, want %v", wait, failed, client.RecoveryTimeout)
				}
			})
		})
	}
}
