package handler

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/streams"
	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
)

// workflowRun is a request to run a workflow with a question.
func workflowRun(input string) request {
	return request{method: "POST", url: "/v1/workflow/stream_run", body: `{"workflow_id":"7","parameters":{"input":"` + input + `"}}`}
}

// runBlocks returns the events of a stream.
func runBlocks(stream string) []string {
	return strings.Split(strings.TrimSuffix(stream, "\n\n"), "\n\n")
}

// readRun returns the data of the events of a workflow, and checks the order of the fields and
// the numbers.
func readRun(t *testing.T, stream string) (names []string, data []gjson.Result) {
	t.Helper()
	for i, block := range runBlocks(stream) {
		rest, ok := strings.CutPrefix(block, fmt.Sprintf("id: %d\nevent: ", i))
		name, value, found := strings.Cut(rest, "\ndata: ")
		if !ok || !found || strings.Contains(value, "\n") {
			t.Fatalf("got event %d %q", i, block)
		}
		names, data = append(names, name), append(data, gjson.Parse(value))
	}
	return names, data
}

// A workflow is typed character by character. Its events and the messages of each node are
// numbered without a gap, in each mode.
func TestWorkflow(t *testing.T) {
	for _, mode := range []string{"typewriter", "smooth", "raw"} {
		for _, scenario := range []string{"", "/nodes ", "/template ", "/card ", "/ping ", "/crlf "} {
			t.Run(mode+scenario, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					_, server := newTestHandler(t, mock.New(1, cozemock.New()))
					r := workflowRun(scenario + "hi")
					r.url += "?mode=" + mode
					a := server.serve(context.Background(), t, r)
					names, data := readRun(t, a.text())
					if a.status != http.StatusOK || !a.complete || names[len(names)-1] != "Done" {
						t.Fatalf("got status %d, complete %t, last %s", a.status, a.complete, names[len(names)-1])
					}
					next, finished := map[string]int64{}, map[string]int{}
					for i, d := range data {
						if names[i] != "Message" {
							continue
						}
						node, number := d.Get("node_title").Str, d.Get("node_seq_id").Int()
						if finished[node] > 0 && number == 0 { // runs again
							next[node] = 0
						}
						if number != next[node] {
							t.Fatalf("got message %s, want number %d", d.Raw, next[node])
						}
						next[node]++
						if d.Get("node_is_finish").Bool() {
							finished[node]++
						}
						if content := d.Get("content").Str; mode == "typewriter" && len([]rune(content)) > 4 && !strings.HasPrefix(content, "{") {
							t.Errorf("got %q in one message", content)
						}
					}
					for node, n := range finished {
						if want := map[string]int{"Loop": 2}[node]; n != max(want, 1) {
							t.Errorf("node %s ends %d times", node, n)
						}
					}
				})
			})
		}
	}
}

// A workflow that asks a question ends with the interrupt, and goes on in another stream.
func TestWorkflowResumesAfterInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, cozemock.New()))
		a := server.serve(context.Background(), t, workflowRun("/question hi"))
		names, data := readRun(t, a.text())
		interrupt := data[len(data)-1]
		if !a.complete || names[len(names)-1] != "Interrupt" {
			t.Fatalf("got complete %t, last %s", a.complete, interrupt.Raw)
		}
		r := workflowRun("")
		r.url = "/v1/workflow/stream_resume"
		r.body = fmt.Sprintf(`{"workflow_id":"7","event_id":%s,"interrupt_type":%s,"resume_data":"Berlin"}`,
			interrupt.Get("interrupt_data.event_id").Raw, interrupt.Get("interrupt_data.type").Raw)
		a = server.serve(context.Background(), t, r)
		names, data = readRun(t, a.text())
		text := ""
		for i, d := range data {
			if names[i] == "Message" && d.Get("node_title").Str != "" {
				text += d.Get("content").Str
			}
		}
		if !a.complete || names[len(names)-1] != "Done" || !strings.HasPrefix(text, "You said: Berlin") {
			t.Errorf("got complete %t, %q, last %s", a.complete, text, names[len(names)-1])
		}
	})
}

// A workflow's stream resumes behind any event. The numbers of a node still grow.
func TestWorkflowStreamResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, cozemock.New()))
		r := workflowRun("/template hi")
		r.header = map[string]string{"Typewriter-Event-Ids": "on"}
		full := runBlocks(server.serve(t.Context(), t, r).text())
		for i := 0; i < len(full)-1; i += 9 {
			id, _, _ := strings.Cut(strings.TrimPrefix(full[i], "id: "), "\n")
			r.header["Last-Event-ID"] = id
			rest := runBlocks(server.serve(t.Context(), t, r).text())
			if got, want := runContent(rest), runContent(full[i+1:]); got != want {
				t.Fatalf("after %s:\ngot  %s\nwant %s", full[i], got, want)
			}
			before, after := runNumber(full[i]), runNumber(rest[0])
			if strings.Contains(rest[0], "event: Message") && after != before+1 {
				t.Errorf("after number %d: got number %d", before, after)
			}
		}
	})
}

func runNumber(block string) int64 {
	_, data, _ := strings.Cut(block, "data: ")
	return gjson.Get(data, "node_seq_id").Int()
}

// runContent joins the contents of events, and the fields that only one has.
func runContent(blocks []string) string {
	var content, once string
	for _, block := range blocks {
		_, data, _ := strings.Cut(block, "data: ")
		content += gjson.Get(data, "content").Str
		once += gjson.Get(data, "token").Raw + gjson.Get(data, "debug_url").Raw
	}
	return content + " " + once
}

// A failed workflow ends with an error and a broken body, unless the service reports the
// error.
func TestWorkflowFails(t *testing.T) {
	for _, test := range []struct {
		scenario, name, data string
		complete             bool
	}{
		{"cut", "Error", `{"error_code":5023,"error_message":"upstream ended mid-stream"}`, false},
		{"cut-early", "Error", `{"error_code":5023,"error_message":"upstream ended mid-stream"}`, false},
		{"no-done", "Error", `{"error_code":5023,"error_message":"upstream ended mid-stream"}`, false},
		{"hang", "Error", `{"error_code":5042,"error_message":"upstream stalled mid-stream"}`, false},
		{"error-event", "Error", `{"error_code":5000,"error_message":"a node of the workflow failed"}`, true},
		{"studio-error", "error", `a node of the workflow failed`, true},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(1, cozemock.New()))
				a := server.serve(context.Background(), t, workflowRun("/"+test.scenario+" hi"))
				blocks := slices.DeleteFunc(runBlocks(a.text()), func(block string) bool { return block == "" }) // heartbeats
				want := fmt.Sprintf("id: %d\nevent: %s\ndata: %s", len(blocks)-1, test.name, test.data)
				if got := blocks[len(blocks)-1]; got != want || a.complete != test.complete {
					t.Errorf("got %q, complete %t; want %q, %t", got, a.complete, want, test.complete)
				}
			})
		})
	}
}

// Refusals before the stream have the form of the service's.
func TestWorkflowIsRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		r      request
		set    option
		status int
		code   int64
	}{
		{"by the service", workflowRun("/error-json hi"), nil, 200, 4101},
		{"by the service, with a status", workflowRun("/error-429 hi"), nil, 429, 4013},
		{"rate limit", workflowRun("hi"), withoutRate, 429, 4013},
		{"no key", workflowRun("hi"), withKeys, 401, 4100},
		{"full", workflowRun("hi"), func(o *Options, _ *streams.Options) { o.MaxStreams = 0 }, 503, 5031},
	} {
		t.Run(test.name, func(t *testing.T) {
			set := test.set
			if set == nil {
				set = func(*Options, *streams.Options) {}
			}
			_, server := newTestHandler(t, mock.New(1, cozemock.New()), set)
			a := server.serve(t.Context(), t, test.r)
			if got := gjson.Get(a.text(), "code").Int(); a.status != test.status || got != test.code || a.header("X-Tt-Logid") == "" {
				t.Errorf("got %d %s", a.status, a.text())
			}
		})
	}
}

// Stopping a workflow closes the connection, and the stream ends in order for its viewers.
func TestWorkflowIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, cozemock.New()))
		r := workflowRun("/slow hi")
		r.header = map[string]string{"Typewriter-Event-Ids": "on"}
		stopped := false
		r.received = func(a answer) {
			if !stopped && len(a.chunks) > 3 {
				stopped = true
				server.serve(context.Background(), t, request{method: "DELETE", url: "/typewriter/streams/" + a.header("Typewriter-Stream")})
			}
		}
		began := time.Now()
		a := server.serve(t.Context(), t, r)
		blocks := runBlocks(a.text())
		if last := blocks[len(blocks)-1]; !a.complete || !strings.HasSuffix(last, "\nevent: Done\ndata: {}") || time.Since(began) > 10*time.Second {
			t.Errorf("got complete %t, last %q after %v", a.complete, last, time.Since(began))
		}
	})
}

// Silence is filled with empty lines between whole events: cozepy fails at comments.
func TestWorkflowHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(1, cozemock.New()))
		checkBeats(t, server.serve(context.Background(), t, workflowRun("/hang hi")))
	})
}
