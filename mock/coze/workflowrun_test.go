package coze

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/mock"

	"github.com/tidwall/gjson"
)

// runBody is the body of a request to run a workflow.
func runBody(input string) string {
	return fmt.Sprintf(`{"workflow_id":"7","parameters":{"n":1,"input":%q}}`, input)
}

// Each scenario of a workflow ends as described, with numbers without a gap.
func TestWorkflowScenarios(t *testing.T) {
	tests := map[string]struct {
		last   string // name of the last event; empty: not a stream
		status int
		err    error
	}{
		"": {last: workflowDone}, "question": {last: workflowInterrupt}, "nodes": {last: workflowDone}, "template": {last: workflowDone},
		"card": {last: workflowDone}, "ping": {last: workflowDone}, "slow": {last: workflowDone}, "fast": {last: workflowDone},
		"at-once": {last: workflowDone}, "stall": {last: workflowDone}, "crlf": {last: workflowDone},
		"error-json": {status: 200}, "error-401": {status: 401}, "error-429": {status: 429}, "error-500": {status: 500},
		"error-event": {last: workflowError}, "studio-error": {last: eventError},
		"cut": {last: workflowMessage, err: io.ErrUnexpectedEOF}, "cut-early": {err: io.ErrUnexpectedEOF, status: 200},
		"no-done": {last: workflowMessage}, "hang": {last: workflowMessage, err: context.DeadlineExceeded},
	}
	if len(tests) != len(WorkflowScenarios())+1 {
		t.Errorf("%d scenarios are tested", len(tests)-1)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := client{t, newStandIn(1)}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				r := c.record(ctx, http.MethodPost, "/v1/workflow/stream_run", runBody(strings.TrimPrefix("/"+name+" hi", "/ ")))
				if !errors.Is(r.err, test.err) || test.status != 0 && r.status != test.status {
					t.Errorf("got status %d, %v", r.status, r.err)
				}
				events := r.events()
				if test.last == "" {
					if len(events) > 0 {
						t.Errorf("got %v", events)
					}
					return
				}
				if last := events[len(events)-1]; last.name != test.last {
					t.Errorf("the last event is %v, want %s", last, test.last)
				}
				text := strings.ReplaceAll(string(r.raw), "\r\n", "\n")
				for i := range events {
					if !strings.Contains(text, fmt.Sprintf("id: %d\nevent: %s\ndata: ", i, events[i].name)) {
						t.Fatalf("there is no event %d", i)
					}
				}
			})
		})
	}
}

// The last message of a workflow is its output as JSON, with tokens and costs.
func TestWorkflowOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client{t, newStandIn(1)}
		events := c.record(t.Context(), http.MethodPost, "/v1/workflow/stream_run", runBody("hi"), "Authorization", "Bearer x").events()
		said := ""
		for _, e := range events[:len(events)-2] {
			said += gjson.Get(e.data, "content").Str
		}
		output := gjson.Parse(events[len(events)-2].data)
		if got := gjson.Get(output.Get("content").Str, "output").Str; got != said || !strings.HasPrefix(said, "You said: hi") || output.Get("token").Int() < 100 || output.Get("cost").Str == "" {
			t.Errorf("got output %s of %q", output.Raw, said)
		}
	})
}

// An interrupted workflow is resumed with the event's id, and a bad request is refused.
func TestWorkflowRequests(t *testing.T) {
	for _, test := range []struct {
		name, path, body string
		header           []string
		want             string // in the reply
	}{
		{"resumed", "resume", `{"workflow_id":"7","event_id":"` + interruptID + `1","interrupt_type":2,"resume_data":"Bonn"}`, nil, "event: Done"},
		{"resumed with another id", "resume", `{"workflow_id":"7","event_id":"1/1","interrupt_type":2,"resume_data":"Bonn"}`, nil, `"code":4000`},
		{"resumed without data", "resume", `{"workflow_id":"7","event_id":"` + interruptID + `1","interrupt_type":2}`, nil, "resume_data is required"},
		{"no workflow", "run", `{"parameters":{}}`, nil, "workflow_id is required"},
		{"no JSON", "run", `{`, nil, "not valid JSON"},
		{"no question", "run", `{"workflow_id":"7"}`, nil, "event: Done"},
		{"a bad token", "run", runBody("hi"), []string{"Authorization", "Bearer bad"}, `"code":4100`},
		{"a scenario by header", "run", runBody("hi"), []string{mock.ScenarioHeader, "question"}, "event: Interrupt"},
		{"an unknown scenario", "run", runBody("hi"), []string{mock.ScenarioHeader, "nothing"}, "no such scenario"},
		{"an unknown scenario in the question", "run", runBody("/nothing hi"), nil, "You said"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := client{t, newStandIn(1)}
				r := c.record(t.Context(), http.MethodPost, "/v1/workflow/stream_"+test.path, test.body, test.header...)
				if !strings.Contains(string(r.raw), test.want) {
					t.Errorf("got %.200s, want %s", r.raw, test.want)
				}
			})
		})
	}
}

func TestWorkflowScenariosAreDocumented(t *testing.T) {
	docs, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range WorkflowScenarios() {
		if !strings.Contains(string(docs), "`"+s.Name+"`") {
			t.Errorf("docs/formats.md does not have %s", s.Name)
		}
	}
}
