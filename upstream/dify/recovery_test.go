package dify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// Events of a chatflow and of a workflow.
const (
	started   = `{"event":"workflow_started","conversation_id":"c","message_id":"m","task_id":"t","workflow_run_id":"r","data":{"id":"r"}}`
	nodeBegin = `{"event":"node_started","conversation_id":"c","message_id":"m","task_id":"t","workflow_run_id":"r","data":{"id":"n1","index":1}}`
	nodeEnd   = `{"event":"node_finished","conversation_id":"c","message_id":"m","task_id":"t","workflow_run_id":"r","data":{"id":"n1","index":1}}`
	msgEnd    = `{"event":"message_end","conversation_id":"c","message_id":"m","task_id":"t","id":"m","metadata":{"usage":{"total_tokens":1}}}`
	finished  = `{"event":"workflow_finished","task_id":"t","workflow_run_id":"r","data":{"id":"r","status":"succeeded","outputs":{"answer":"abcdef","files":[]}}}`

	runStarted  = `{"event":"workflow_started","task_id":"t","workflow_run_id":"r","data":{"id":"r"}}`
	runFinished = `{"event":"workflow_finished","task_id":"t","workflow_run_id":"r","data":{"id":"r","status":"succeeded","outputs":{"n":1,"result":"abcdef"}}}`
)

func answer(text string) string {
	return `{"event":"message","conversation_id":"c","message_id":"m","task_id":"t","id":"m","answer":"` + text + `"}`
}

// node is a stream with the beginning of a node.
func node(i int) string {
	return encodeAll(fmt.Sprintf(`{"event":"node_started","task_id":"t","workflow_run_id":"r","data":{"id":"n%d","index":1}}`, i))
}

func chunk(text string) string {
	return `{"event":"text_chunk","task_id":"t","workflow_run_id":"r","data":{"text":"` + text + `","from_variable_selector":["1","text"]}}`
}

// service replies to the first request with a stream that is cut, and to others by path. A
// reply that is not a stream begins with its status.
type service struct {
	stream string
	later  []string // in turn
	asked  []string
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	reply := func(status int, kind string, body io.Reader) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(body), Request: r}, nil
	}
	if r.Method == http.MethodPost {
		return reply(http.StatusOK, "text/event-stream", io.MultiReader(strings.NewReader(s.stream), failing{}))
	}
	s.asked = append(s.asked, r.URL.RequestURI())
	if len(s.later) == 0 {
		return nil, errors.New("no such reply")
	}
	next := s.later[0]
	s.later = s.later[1:]
	if status, body, ok := strings.Cut(next, " "); ok && len(status) == 3 {
		code := 0
		if _, err := fmt.Sscan(status, &code); err != nil {
			return nil, err
		}
		return reply(code, "application/json", strings.NewReader(body))
	}
	return reply(http.StatusOK, "text/event-stream", strings.NewReader(next))
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// encodeAll returns a stream.
func encodeAll(events ...string) string {
	var b strings.Builder
	for _, e := range events {
		b.WriteString("data: " + e + "\n\nevent: ping\n\n")
	}
	return b.String()
}

// brief describes an event: its name and its text.
func brief(e upstream.Event) string {
	data := gjson.Parse(e.Payload())
	name := data.Get("event").Str
	switch {
	case name == "error":
		return "error " + data.Get("code").Str
	case e.Meaning.Kind == upstream.KindText:
		return name + " " + e.Text
	case e.Meaning.Kind == upstream.KindReplaced:
		return name + " " + e.Meaning.Texts[0].Text
	case e.Meaning.Usage != nil && name == eventMessageEnd:
		return name + " with usage"
	default:
		return name
	}
}

func TestRecovery(t *testing.T) {
	for _, test := range []struct {
		name, path, stream string
		later              []string
		want               []string // after the cut
		asked              []string
	}{
		{
			"a finished chatflow", pathChat, encodeAll(started, nodeBegin, answer("ab"), answer("c")),
			[]string{encodeAll(finished)},
			[]string{"message def", "message_end", "workflow_finished"},
			[]string{"/v1/workflow/r/events?include_state_snapshot=true&user=u+v"},
		},
		{
			"a running chatflow", pathChat, encodeAll(started, nodeBegin, answer("abc")),
			[]string{encodeAll(started, nodeBegin, answer("ef"), nodeEnd, msgEnd, finished)},
			[]string{"node_finished", "message def", "message_end with usage", "workflow_finished"},
			nil,
		},
		{
			"a chatflow with another output", pathChat, encodeAll(started, answer("abc")),
			[]string{encodeAll(strings.Replace(finished, `"files":[]`, `"x":"abcx"`, 1))},
			[]string{"message def", "message_end", "workflow_finished"},
			nil,
		},
		{
			"a chatflow without text", pathChat, encodeAll(started),
			[]string{encodeAll(finished)},
			[]string{"message abcdef", "message_end", "workflow_finished"},
			nil,
		},
		{
			"a chatflow with all its text", pathChat, encodeAll(started, answer("abcdef"), msgEnd),
			[]string{encodeAll(finished)},
			[]string{"workflow_finished"},
			nil,
		},
		{
			"a chatflow with another text", pathChat, encodeAll(started, answer("xy")),
			[]string{encodeAll(finished)},
			[]string{"message_replace abcdef", "message_end", "workflow_finished"},
			nil,
		},
		{
			"a replaced text", pathChat, encodeAll(started, answer("xy"), `{"event":"message_replace","message_id":"m","answer":"abcd"}`),
			[]string{encodeAll(finished)},
			[]string{"message ef", "message_end", "workflow_finished"},
			nil,
		},
		{
			"an ambiguous text", pathChat, encodeAll(started, `{"event":"message","message_id":"m","answer":"ab","answer":"ab"}`),
			[]string{encodeAll(finished)},
			[]string{"message_replace abcdef", "message_end", "workflow_finished"},
			nil,
		},
		{
			"half a character", pathChat, encodeAll(started, answer(`\ud83d`)),
			[]string{encodeAll(strings.Replace(finished, "abcdef", "😀!", 1))},
			[]string{`message \ude00!`, "message_end", "workflow_finished"},
			nil,
		},
		{
			"a workflow", pathRun, encodeAll(runStarted, chunk("abc")),
			[]string{encodeAll(runFinished)},
			[]string{"text_chunk def", "workflow_finished"},
			[]string{"/v1/workflow/r/events?include_state_snapshot=true&user=u+v"},
		},
		{
			"a workflow with two such outputs", pathRun, encodeAll(runStarted, chunk("abc")),
			[]string{encodeAll(strings.Replace(runFinished, `"n":1`, `"n":"abcx"`, 1))},
			[]string{"workflow_finished"},
			nil,
		},
		{
			"a workflow without text", pathRun, encodeAll(runStarted),
			[]string{encodeAll(runFinished)},
			[]string{"workflow_finished"},
			nil,
		},
		{
			"a stream that is cut again", pathChat, encodeAll(started, answer("abc")),
			[]string{encodeAll(started, nodeBegin), `500 {"code":"x","message":"y"}`, encodeAll(started, nodeBegin, nodeEnd), encodeAll(finished)},
			[]string{"node_started", "node_finished", "message def", "message_end", "workflow_finished"},
			nil,
		},
		{
			"a stream that is cut often", pathChat, encodeAll(started, answer("abc")),
			[]string{node(1), node(2), node(3), node(4), node(5), node(6), encodeAll(finished)},
			[]string{"node_started", "node_started", "node_started", "node_started", "node_started", "node_started", "message def", "message_end", "workflow_finished"},
			nil,
		},
		{
			"a stream that ends too often", pathChat, encodeAll(started, answer("abc")),
			[]string{node(1), node(1), node(1), node(1), node(1), node(1), encodeAll(finished)},
			[]string{"node_started", "error cut"},
			nil,
		},
		{
			"a run that pauses", pathChat, encodeAll(started, answer("abc")),
			[]string{encodeAll(started, `{"event":"workflow_paused","task_id":"t"}`)},
			[]string{"workflow_paused"},
			nil,
		},
		{
			"a run that fails", pathChat, encodeAll(started, answer("abc")),
			[]string{encodeAll(started, `{"event":"error","code":"bad","message":"bad"}`)},
			[]string{"error bad"},
			nil,
		},
		{
			"a service without the events", pathRun, encodeAll(runStarted, chunk("abc")),
			[]string{`404 {}`, `200 {"id":"r","status":"running","inputs":"{}"}`, `200 {"id":"r","status":"succeeded","inputs":"{}","outputs":"{\"result\":\"abcdef\"}"}`},
			[]string{"text_chunk def", "workflow_finished"},
			[]string{"/v1/workflow/r/events?include_state_snapshot=true&user=u+v", "/v1/workflows/run/r", "/v1/workflows/run/r"},
		},
		{
			"a service without runs", pathRun, encodeAll(runStarted, chunk("abc")),
			[]string{`404 {}`, `404 {"code":"not_found","message":"no"}`},
			[]string{"error cut"},
			nil,
		},
		{
			"a refused request", pathRun, encodeAll(runStarted, chunk("abc")),
			[]string{`401 {"code":"unauthorized","message":"no"}`},
			[]string{"error cut"},
			nil,
		},
		{
			"a service that is gone", pathRun, encodeAll(runStarted, chunk("abc")), nil,
			[]string{"error cut"},
			nil,
		},
		{
			"a chat", pathChat, encodeAll(answer("abc")), nil,
			[]string{"error cut"},
			[]string{},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{stream: test.stream, later: test.later}
				c := upstream.NewClient("http://upstream.invalid", s)
				reply, err := c.Do(t.Context(), upstream.Request{
					Method: http.MethodPost, Format: New(Options{}), Path: "/v1" + test.path,
					Header: http.Header{"Authorization": {"Bearer k"}}, Body: []byte(`{"user":"u v"}`),
				})
				if err != nil {
					t.Fatal(err)
				}
				defer reply.Close()
				events, failure := reply.Events()
				var got []string
				for e := range events {
					got = append(got, brief(e))
				}
				got = got[strings.Count(test.stream, "data: "):]
				if !reflect.DeepEqual(got, test.want) || (failure() != nil) != (test.want[len(test.want)-1] == "error cut") {
					t.Errorf("got %q, %v; want %q", got, failure(), test.want)
				}
				if test.asked != nil && len(s.asked)+len(test.asked) > 0 && !reflect.DeepEqual(s.asked, test.asked) {
					t.Errorf("asked %q, want %q", s.asked, test.asked)
				}
			})
		})
	}
}

// The state of a run becomes the end of the workflow, with the names of a chatflow.
func TestWorkflowFinished(t *testing.T) {
	known := ids{run: "r", taskID: "t", message: "m", conversation: "c"}
	e := (&decoder{}).Decode("", known.workflowFinished(endOf(gjson.Parse(`{"id":"r","status":"failed","inputs":{},"error":"bad","outputs":null}`))))
	want := `{"event":"workflow_finished","conversation_id":"c","message_id":"m","task_id":"t","workflow_run_id":"r","data":{"error":"bad","id":"r","outputs":null,"status":"failed"}}`
	if e.Payload() != want || e.Meaning.Failure.Msg != "bad" {
		t.Errorf("got %s, %v; want %s", e.Payload(), e.Meaning.Failure, want)
	}
}

// Another replica continues a recorded stream, and a finished stream has no rest.
func TestContinue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		format := New(Options{})
		opening := upstream.Request{Method: http.MethodPost, Format: format, Path: "/v1" + pathChat, Body: []byte(`{"user":"u"}`)}.Opening()
		for _, test := range []struct {
			recorded, want []string
		}{
			{[]string{started, answer("abc")}, []string{"message def", "message_end", "workflow_finished"}},
			{[]string{started, answer("abcdef"), msgEnd, finished}, nil},
		} {
			c := upstream.NewClient("http://upstream.invalid", &service{later: []string{encodeAll(finished)}})
			events, failure := c.Continue(t.Context(), format, opening, func(yield func(typewriter.Event) bool) {
				d := &decoder{}
				for _, data := range test.recorded {
					if !yield(d.Decode("", data).Event) {
						return
					}
				}
			})
			var got []string
			for e := range events {
				got = append(got, brief(e))
			}
			if !reflect.DeepEqual(got, test.want) || failure() != nil {
				t.Errorf("got %q, %v; want %q", got, failure(), test.want)
			}
		}
	})
}

// A recovery ends with its context.
func TestRecoveryIsCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c := upstream.NewClient("http://upstream.invalid", &service{stream: encodeAll(runStarted), later: []string{
			`404 {}`, `200 {"status":"running"}`, `200 {"status":"running"}`, `200 {"status":"running"}`,
		}})
		reply, err := c.Do(ctx, upstream.Request{Method: http.MethodPost, Format: New(Options{}), Path: "/v1" + pathRun})
		if err != nil {
			t.Fatal(err)
		}
		defer reply.Close()
		events, failure := reply.Events()
		began := time.Now()
		for range events {
		}
		if failed := failure(); failed == nil || failed.Reason != "canceled" || time.Since(began) != time.Second {
			t.Errorf("got %v after %v", failed, time.Since(began))
		}
	})
}

// A stopped stream ends with the events of the service.
func TestStopped(t *testing.T) {
	const (
		messageEnd  = `{"event":"message_end","conversation_id":"c","message_id":"m","task_id":"t","id":"m","metadata":{}}`
		workflowEnd = `"task_id":"t","workflow_run_id":"r","data":{"id":"r","outputs":null,"status":"stopped"}}`
	)
	for _, test := range []struct {
		name       string
		sent, want []string
	}{
		{"a chat", []string{answer("ab"), answer("c")}, []string{messageEnd}},
		{"a chatflow", []string{started, answer("ab")}, []string{messageEnd, `{"event":"workflow_finished","conversation_id":"c","message_id":"m",` + workflowEnd}},
		{"a workflow", []string{runStarted, `{"event":"node_started","task_id":"t"}`}, []string{`{"event":"workflow_finished",` + workflowEnd}},
		{"nothing", nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var sent upstream.Sent
			for _, data := range test.sent {
				sent.Add((&decoder{}).Decode("", data).Event)
			}
			var got []string
			for _, e := range New(Options{}).Stopped(sent) {
				got = append(got, e.Payload())
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}
