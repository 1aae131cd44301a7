package dify

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/mock"
)

// reply is a reply of the stand-in.
type reply struct {
	status int
	body   string
	err    error
}

// send sends a request to a stand-in, and reads at most an hour.
func send(t *testing.T, s *mock.StandIn, method, target, body string, header ...string) reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://stand-in"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := s.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.Header.Get("X-Request-Id") == "" {
		t.Error("got no request id")
	}
	content, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, string(content), err}
}

// namesOf returns the names of the events of a stream, runs of a name as one.
func namesOf(stream string) string {
	var names []string
	for block := range strings.SplitSeq(strings.TrimSuffix(stream, "\n\n"), "\n\n") {
		name := "ping"
		if data, ok := strings.CutPrefix(block, "data: "); ok {
			name = gjson.Get(data, "event").Str
		}
		if len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

func question(text string) string {
	return `{"query":"` + text + `","inputs":{"q":"` + text + `"},"user":"u","response_mode":"streaming"}`
}

func TestScenarios(t *testing.T) {
	tests := map[string]struct {
		names  string
		status int
		err    error
	}{
		"":          {names: "message message_end"},
		"agent":     {names: "ping agent_message agent_thought agent_message agent_thought message_end"},
		"chatflow":  {names: "workflow_started node_started message node_finished node_started message node_finished message_end workflow_finished"},
		"reasoning": {names: "workflow_started node_started reasoning_chunk message node_finished node_started message node_finished message_end workflow_finished"},
		"replace":   {names: "message message_replace message_end"},
		"tts":       {names: "message tts_message message message_end tts_message tts_message_end"},
		"ping":      {names: "ping message ping message message_end"},
		"failed":    {names: "workflow_started node_started message workflow_finished"},
		"paused":    {names: "workflow_started node_started message workflow_paused"},
		"slow":      {names: "message message_end"}, "fast": {names: "message message_end"}, "at-once": {names: "message message_end"},
		"stall":     {names: "message ping message message_end"},
		"error-400": {status: 400}, "error-401": {status: 401}, "error-429": {status: 429}, "error-500": {status: 500},
		"error-event":  {names: "message error"},
		"cut":          {err: io.ErrUnexpectedEOF},
		"cut-chatflow": {err: io.ErrUnexpectedEOF},
		"cut-early":    {err: io.ErrUnexpectedEOF},
		"no-done":      {names: "message"},
		"hang":         {names: "message", err: context.DeadlineExceeded},
	}
	if len(tests) != len(Scenarios())+1 {
		t.Errorf("%d scenarios are tested", len(tests)-1)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := send(t, mock.New(1, New()), "POST", "/v1/chat-messages", question(strings.TrimPrefix("/"+name+" hi", "/ ")))
				if test.status != 0 && (got.status != test.status || gjson.Get(got.body, "status").Int() != int64(test.status)) {
					t.Errorf("got %d %s", got.status, got.body)
				}
				if !errors.Is(got.err, test.err) || test.names != "" && namesOf(got.body) != test.names {
					t.Errorf("got %s, %v; want %s, %v", namesOf(got.body), got.err, test.names, test.err)
				}
			})
		})
	}
}

func TestApps(t *testing.T) {
	blocking := strings.Replace(question("hi"), "streaming", "blocking", 1)
	for _, test := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		want                     string // in the reply
	}{
		{"a completion", "POST", "/v1/completion-messages", question("hi"), nil, 200, `"event":"message"`},
		{"a workflow", "POST", "/v1/workflows/run", question("hi"), nil, 200, `"event":"text_chunk"`},
		{"a web app", "POST", "/api/chat-messages", `{"query":"hi","response_mode":"streaming"}`, nil, 200, `"event":"message_end"`},
		{"a scenario by header", "POST", "/v1/chat-messages", question("hi"), []string{mock.ScenarioHeader, "agent"}, 200, "agent_thought"},
		{"blocking", "POST", "/v1/chat-messages", blocking, nil, 200, `"answer":"You said: hi`},
		{"a blocking workflow", "POST", "/v1/workflows/run", blocking, nil, 200, `"status":"succeeded"`},
		{"no user", "POST", "/v1/chat-messages", `{"query":"hi"}`, nil, 400, "user is required"},
		{"no question", "POST", "/v1/chat-messages", `{"user":"u"}`, nil, 400, "query is required"},
		{"no JSON", "POST", "/v1/workflows/run", `{`, nil, 400, "not valid JSON"},
		{"a bad key", "POST", "/v1/chat-messages", question("hi"), []string{"Authorization", "Bearer bad"}, 401, "unauthorized"},
		{"another method", "GET", "/v1/chat-messages", "", nil, 405, "not allowed"},
		{"an unknown run", "GET", "/v1/workflow/x/events?user=u", "", nil, 404, "not_found"},
		{"the state of an unknown run", "GET", "/v1/workflows/run/x", "", nil, 404, "not_found"},
		{"a stop", "POST", "/v1/chat-messages/t/stop", `{"user":"u"}`, nil, 200, "success"},
		{"a stop without a user", "POST", "/v1/workflows/tasks/t/stop", `{}`, nil, 400, "user is required"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := send(t, mock.New(1, New()), test.method, test.path, test.body, test.header...); got.status != test.status || !strings.Contains(got.body, test.want) {
					t.Errorf("got %d %s, want %d %s", got.status, got.body, test.status, test.want)
				}
			})
		})
	}
}

// The run of a workflow goes on without a connection, for its user.
func TestRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.New(1, New())
		first := send(t, s, "POST", "/v1/workflows/run", question("/cut hi"))
		run := gjson.Get(strings.SplitN(first.body, "data: ", 2)[1], "workflow_run_id").Str
		if got := send(t, s, "GET", "/v1/workflow/"+run+"/events?user=other", ""); got.status != 404 {
			t.Errorf("got %d %s for another user", got.status, got.body)
		}
		if got := send(t, s, "GET", "/v1/workflows/run/"+run, ""); gjson.Get(got.body, "status").Str != "running" {
			t.Errorf("got state %s", got.body)
		}
		if got := send(t, s, "GET", "/v1/workflow/"+run+"/events?user=u", ""); namesOf(got.body) != "workflow_started node_started text_chunk node_finished workflow_finished" || got.err != nil {
			t.Errorf("got %s, %v", namesOf(got.body), got.err)
		}
		if got := send(t, s, "GET", "/v1/workflow/"+run+"/events?user=u", ""); namesOf(got.body) != "workflow_finished" {
			t.Errorf("got %s at the end", namesOf(got.body))
		}
		if got := send(t, s, "GET", "/v1/workflows/run/"+run, ""); gjson.Get(got.body, "outputs.result").Str == "" {
			t.Errorf("got state %s at the end", got.body)
		}
	})
}

func TestScenariosAreDocumented(t *testing.T) {
	docs, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range Scenarios() {
		if !strings.Contains(string(docs), "`"+s.Name+"`") {
			t.Errorf("docs/formats.md does not have %s", s.Name)
		}
	}
}
