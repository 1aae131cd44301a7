package sdk

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/testenv"
)

// workflowEnds has the last lines of each case: straight from the stand-in, and through the
// program if they differ.
type workflowEnds struct{ straight, through string }

// The error of the program for a truncated stream.
const truncated = "upstream ended mid-stream"

var workflowCases = map[string]map[string]workflowEnds{
	"coze_workflow.mjs": {
		"content": {"Done end", ""}, "nodes": {"Done end", ""}, "template": {"Done end", ""}, "card": {"Done end", ""},
		"ping": {"Done end", ""}, "crlf": {"Done end", ""}, "fast": {"Done end", ""}, "question": {"Done end", ""},
		"error-json": {"error end", ""}, "error-401": {"throw", ""}, "error-429": {"throw", ""}, "error-500": {"throw", ""},
		"error-event": {"Error end", ""},
		"cut":         {"Message end", "Error end"}, "cut-early": {"end", "Error end"}, "no-done": {"Message end", "Error end"},
	},
	"with_cozepy_workflow.py": {
		"content": {"Message end", ""}, "nodes": {"Message end", ""}, "template": {"Message end", ""}, "card": {"Message end", ""},
		"ping": {"Message end", ""}, "crlf": {"Message end", ""}, "fast": {"Message end", ""}, "question": {"Message end", ""},
		"error-json": {"throw", ""}, "error-401": {"throw", ""}, "error-429": {"throw", ""}, "error-500": {"throw", ""},
		"error-event": {"Error end", ""},
		"cut":         {"Message throw", "Error throw"}, "cut-early": {"throw", "Error throw"}, "no-done": {"Message end", "Error throw"},
	},
}

// runResult is what an SDK made of a workflow's streams, in a form that can be compared.
type runResult struct {
	nodes  []string // their texts and the data of their last messages
	events []string // other events
	end    string   // the last two lines
	losses []string // gaps in the numbers
}

var anyNode = regexp.MustCompile(`"node_id":"\d+"`)

// readRun reads the lines of a case.
func readRun(lines []line) runResult {
	var r runResult
	mask := newMask()
	type node struct {
		key, text, rest string
		next            int64
	}
	var nodes []*node
	id := int64(0)
	for _, l := range lines {
		data := gjson.GetBytes(l.Data, "data")
		if at := gjson.GetBytes(l.Data, "id"); at.Exists() {
			if at.Int() == 0 {
				id = 0 // of another stream
			}
			if at.Int() != id {
				r.losses = append(r.losses, fmt.Sprintf("id %d, want %d", at.Int(), id))
			}
			id++
		}
		if l.Event != "Message" {
			r.events = append(r.events, mask(l.Event+" "+data.Raw+gjson.GetBytes(l.Data, "message").Raw))
			continue
		}
		key := data.Get("node_title").Raw + data.Get("node_id").Raw
		number := data.Get("node_seq_id").Int()
		i := slices.IndexFunc(nodes, func(n *node) bool { return n.key == key })
		if i < 0 || number == 0 {
			nodes = slices.Insert(nodes, 0, &node{key: key}) // the latest execution is found first
			i = 0
		}
		n := nodes[i]
		if number != n.next {
			r.losses = append(r.losses, fmt.Sprintf("node_seq_id %d of %s, want %d", number, key, n.next))
		}
		n.next++
		n.text += strings.Trim(data.Get("content").Raw, `"`)
		if data.Get("content_type").Str == "card" {
			n.text += " card "
		}
		rest := map[string]any{}
		_ = json.Unmarshal([]byte(data.Raw), &rest) // it is JSON
		for _, key := range []string{"content", "node_seq_id", "node_id", "node_execute_uuid", "content_type"} {
			delete(rest, key)
		}
		encoded, err := json.Marshal(rest)
		if err != nil {
			panic(err) // it was JSON before
		}
		n.rest = string(encoded)
	}
	for _, n := range nodes {
		r.nodes = append(r.nodes, mask(anyNode.ReplaceAllString(n.text+" "+n.rest, "")))
	}
	var last []string
	for _, l := range lines[max(0, len(lines)-2):] {
		last = append(last, l.Event)
	}
	r.end = strings.Join(last, " ")
	return r
}

// The official SDKs read the same from the streams of workflows straight and through the
// program, and find no gap in the numbers. A truncated stream is an error.
func TestCozeWorkflows(t *testing.T) {
	t.Parallel()
	upstream := start(t).Base + "/upstream"
	args := []string{"--upstream=" + upstream, "--heartbeat=50ms"}
	bases := map[string]string{
		straight:   upstream,
		raw:        start(t, append(args, "--mode=raw")...).Base,
		typewriter: start(t, append(args, "--mode=typewriter", "--speed=20")...).Base,
	}
	for script, interpreter := range map[string]func(*testing.T) string{
		"coze_workflow.mjs": func(t *testing.T) string {
			testenv.InstallNPM(t, ".")
			return "node"
		},
		"with_cozepy_workflow.py": func(t *testing.T) string { return testenv.InstallPip(t, "requirements.txt") },
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			program := interpreter(t)
			outcomes := map[string]map[string][]line{}
			var mu sync.Mutex
			var all sync.WaitGroup
			for server, base := range bases {
				all.Go(func() {
					cases := runScript(t, program, script, base)
					mu.Lock()
					defer mu.Unlock()
					outcomes[server] = cases
				})
			}
			all.Wait()
			for _, name := range slices.Sorted(maps.Keys(workflowCases[script])) {
				ends := workflowCases[script][name]
				for server, cases := range outcomes {
					t.Run(name+"/"+server, func(t *testing.T) {
						compareRuns(t, ends, server, readRun(outcomes[straight][name]), readRun(cases[name]))
					})
				}
			}
		})
	}
}

// compareRuns compares the result of a case at a server with the one straight from the
// stand-in.
func compareRuns(t *testing.T, ends workflowEnds, server string, before, after runResult) {
	t.Helper()
	want := ends.straight
	if server != straight && ends.through != "" {
		want = ends.through
	}
	if !strings.HasSuffix(after.end, want) {
		t.Errorf("ends with %q, want %q: %v", after.end, want, after)
	}
	if len(after.losses) > 0 {
		t.Errorf("the SDK finds losses: %q", after.losses)
	}
	if server == straight {
		return
	}
	if ends.through != "" {
		if !strings.Contains(strings.Join(after.events, " "), truncated) {
			t.Errorf("got no error: %q", after.events)
		}
		return
	}
	if !slices.Equal(after.nodes, before.nodes) || !slices.Equal(after.events, before.events) {
		t.Errorf("got\n%q\n%q\nwant\n%q\n%q", after.nodes, after.events, before.nodes, before.events)
	}
}
