// Package dify is the stand-in's dialect for Dify's apps. The scenario of a question decides
// which kind of app the stand-in imitates at the path, and how it fails: see [Scenarios].
package dify

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"

	"github.com/tidwall/gjson"
)

// Dialect implements [mock.Dialect], and remembers the runs of workflows. [New] returns a
// dialect.
type Dialect struct {
	mu   sync.Mutex
	runs map[string]workflowRun // by id
}

// New returns a dialect without runs.
func New() *Dialect { return &Dialect{runs: map[string]workflowRun{}} }

// maxRuns bounds the remembered runs.
const maxRuns = 1000

// workflowRun is a run of a workflow.
type workflowRun struct {
	user   string
	begun  time.Time
	events []mock.Event
}

// endpoints are the ends of the paths of the API. Any prefix is served.
var endpoints = []struct {
	method string
	path   *regexp.Regexp
	serve  func(*call) mock.Reply
}{
	{http.MethodPost, regexp.MustCompile(`/chat-messages$`), (*call).chat},
	{http.MethodPost, regexp.MustCompile(`/completion-messages$`), (*call).complete},
	{http.MethodPost, regexp.MustCompile(`/workflows/(?:[^/]+/)?run$`), (*call).runWorkflow},
	{http.MethodGet, regexp.MustCompile(`/workflow/([^/]+)/events$`), (*call).runEvents},
	{http.MethodGet, regexp.MustCompile(`/workflows/run/([^/]+)$`), (*call).runState},
	{http.MethodPost, regexp.MustCompile(`/(?:chat-messages|completion-messages|workflows/tasks)/([^/]+)/stop$`), (*call).stop},
}

// Matches implements [mock.Dialect].
func (d *Dialect) Matches(path string) bool {
	for _, e := range endpoints {
		if e.path.MatchString(path) {
			return true
		}
	}
	return false
}

// IsUpload implements [mock.Dialect].
func (d *Dialect) IsUpload(string) bool { return false }

// RefuseBody implements [mock.Dialect].
func (d *Dialect) RefuseBody(err error) mock.Reply {
	return refuse(http.StatusBadRequest, "invalid_param", err.Error())
}

// call is a request while it is answered.
type call struct {
	*mock.Call
	dialect *Dialect
	id      string // in the path
}

// Answer implements [mock.Dialect].
func (d *Dialect) Answer(c *mock.Call) mock.Reply {
	reply := d.answer(c)
	reply.Header.Set("X-Request-Id", fmt.Sprintf("%016x", c.Rand.Uint64()))
	return reply
}

func (d *Dialect) answer(c *mock.Call) mock.Reply {
	if c.Header.Get("Authorization") == "Bearer bad" {
		return refuse(http.StatusUnauthorized, "unauthorized", "Access token is invalid")
	}
	for _, e := range endpoints {
		match := e.path.FindStringSubmatch(c.Path)
		switch {
		case match == nil:
			continue
		case c.Method != e.method:
			reply := refuse(http.StatusMethodNotAllowed, "method_not_allowed", "The method is not allowed for the requested URL.")
			reply.Header.Set("Allow", e.method)
			return reply
		}
		return e.serve(&call{c, d, match[len(match)-1]})
	}
	return refuse(http.StatusNotFound, "not_found", "The requested URL was not found on the server.")
}

// chat serves POST /chat-messages.
func (c *call) chat() mock.Reply {
	if c.Field("query").String() == "" {
		return c.refuseBody("query is required")
	}
	return c.perform(c.Field("query").String(), (*script).writeChat)
}

// complete serves POST /completion-messages.
func (c *call) complete() mock.Reply { return c.perform(c.input(), (*script).writeCompletion) }

// runWorkflow serves POST /workflows/run.
func (c *call) runWorkflow() mock.Reply { return c.perform(c.input(), (*script).writeWorkflow) }

// input returns the first text among the inputs.
func (c *call) input() string {
	text := c.Field("query").String()
	c.Field("inputs").ForEach(func(_, value gjson.Result) bool {
		if text == "" {
			text = value.Str
		}
		return text == ""
	})
	return text
}

// perform plays the scenario of a question. write writes the events of the app.
func (c *call) perform(question string, write func(*script)) mock.Reply {
	switch {
	case !gjson.ValidBytes(c.Body):
		return c.refuseBody("the body is not valid JSON")
	case c.isMissingUser():
		return c.refuseBody("user is required")
	}
	name, question := c.Pick("", strings.ToValidUTF8(question, "\uFFFD"), isScenario)
	scene := findScenario(name)
	if scene.refuse != nil {
		return scene.refuse()
	}
	s := newScript(c, scene, question)
	if scene.write != nil {
		write = scene.write
	}
	write(s)
	if s.isWorkflow {
		c.dialect.remember(s.run, workflowRun{c.Field("user").String(), c.Now, s.events})
	}
	if c.Field("response_mode").String() != "streaming" {
		return mock.Plain(http.StatusOK, typeJSON, s.whole())
	}
	steps, ending := scene.send.Deliver(s.events, encode)
	return mock.Stream("text/event-stream; charset=utf-8", steps, ending)
}

// remember keeps the run of a workflow.
func (d *Dialect) remember(id string, run workflowRun) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.runs) >= maxRuns {
		clear(d.runs)
	}
	d.runs[id] = run
}

// find returns a run of the user of a request.
func (c *call) find() (workflowRun, bool) {
	c.dialect.mu.Lock()
	defer c.dialect.mu.Unlock()
	run, ok := c.dialect.runs[c.id]
	return run, ok
}

// runEvents serves GET /workflow/ID/events: the events of a run that has begun, without the
// text so far, or the end of the run.
func (c *call) runEvents() mock.Reply {
	run, ok := c.find()
	if !ok || run.user != c.Query.Get("user") {
		return refuse(http.StatusNotFound, "not_found", "Workflow run not found")
	}
	var before, after []mock.Event
	at := run.begun
	for _, e := range run.events {
		at = at.Add(e.After)
		e.After = at.Sub(c.Now)
		switch event := gjson.GetBytes(e.Data, "event").Str; {
		case e.After > 0:
			after = append(after, e)
		case strings.HasPrefix(event, "node_") || event == "workflow_started":
			e.After = 0
			before = append(before, e)
		}
	}
	if len(after) == 0 { // only the end is known
		last := run.events[len(run.events)-1]
		last.After = 0
		return mock.Stream("text/event-stream", steps([]mock.Event{last}), mock.EndWell)
	}
	for i := len(after) - 1; i > 0; i-- {
		after[i].After -= after[i-1].After
	}
	return mock.Stream("text/event-stream", steps(append(before, after...)), mock.EndWell)
}

func steps(events []mock.Event) []mock.Step {
	all, _ := mock.Whole(encode)(events)
	return all
}

// runState serves GET /workflows/run/ID.
func (c *call) runState() mock.Reply {
	run, ok := c.find()
	if !ok {
		return refuse(http.StatusNotFound, "not_found", "Workflow run not found")
	}
	end := run.begun
	for _, e := range run.events {
		end = end.Add(e.After)
	}
	data := gjson.GetBytes(run.events[len(run.events)-1].Data, "data")
	if end.After(c.Now) {
		return mock.Plain(http.StatusOK, typeJSON, jsonx.Marshal(map[string]any{"id": c.id, "status": "running", "outputs": nil}))
	}
	return mock.Plain(http.StatusOK, typeJSON, []byte(data.Raw))
}

// stop serves the stop of a task. The stream goes on, as that of a model may.
func (c *call) stop() mock.Reply {
	if c.isMissingUser() {
		return c.refuseBody("user is required")
	}
	return mock.Plain(http.StatusOK, typeJSON, []byte(`{"result":"success"}`))
}

// isMissingUser reports whether a request of the service API names no user.
func (c *call) isMissingUser() bool {
	return c.Field("user").String() == "" && strings.Contains(c.Path, "/v1/")
}

const typeJSON = "application/json"

func (c *call) refuseBody(msg string) mock.Reply {
	return refuse(http.StatusBadRequest, "invalid_param", msg)
}

// refuse returns an error reply.
func refuse(status int, code, msg string) mock.Reply {
	return mock.Plain(status, typeJSON, jsonx.Marshal(struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Status  int    `json:"status"`
	}{code, msg, status}))
}
