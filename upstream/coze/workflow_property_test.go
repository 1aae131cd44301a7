package coze

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
)

// execution is a client's record of an execution of a node.
type execution struct {
	first, last int64
	content     string   // joined
	once        []string // fields of a single message, with the content up to it
}

// workflowClient reads the messages of a workflow and finds losses, as the service's
// documentation recommends.
type workflowClient struct {
	nodes  map[string][]*execution
	others []string
	losses []string
}

func (c *workflowClient) add(e event) {
	m := gjson.Parse(e.data)
	seq := m.Get("node_seq_id")
	if e.name != workflowMessage || !seq.Exists() || m.Get("content_type").Str == "card" {
		c.others = append(c.others, e.name+" "+e.data)
		return
	}
	key := m.Get("node_id").Raw + m.Get("node_title").Raw
	number := seq.Int()
	all := c.nodes[key]
	if len(all) == 0 || number <= all[len(all)-1].last {
		all = append(all, &execution{first: number, last: number - 1})
		c.nodes[key] = all
	}
	x := all[len(all)-1]
	if number != x.last+1 {
		c.losses = append(c.losses, e.data)
	}
	x.last = number
	x.content += rawString(m.Get("content"))
	for _, field := range []string{"token", "cost", "usage", "node_is_finish"} {
		if v := m.Get(field); v.Exists() && v.Type != gjson.False {
			x.once = append(x.once, field+" "+v.Raw+" after "+x.content)
		}
	}
}

// result returns what the client knows at the end, without the number of messages.
func (c *workflowClient) result() any {
	nodes := make(map[string][]any)
	for key, all := range c.nodes {
		for _, x := range all {
			nodes[key] = append(nodes[key], x.first, x.content, x.once)
		}
	}
	return []any{nodes, c.others}
}

// checkWorkflow plays a stream, and compares what a client makes of it with what the client
// makes of the stream itself.
func checkWorkflow(t *testing.T, r *rand.Rand, stream []event) {
	t.Helper()
	pace := typewriter.DefaultPace([]typewriter.Mode{typewriter.Typewriter, typewriter.Smooth, typewriter.Raw}[r.IntN(3)])
	pace.MinInterval = []time.Duration{0, 8, 40}[r.IntN(3)] * time.Millisecond
	longest := []time.Duration{1, 30, 300}[r.IntN(3)] * time.Millisecond
	got := typed(t, pace, decodeWorkflow(stream), func() time.Duration { return time.Duration(r.Int64N(int64(longest))) })
	want, have := workflowClient{nodes: map[string][]*execution{}}, workflowClient{nodes: map[string][]*execution{}}
	for _, e := range stream {
		want.add(event{e.name, jsontext.SingleLine(e.data)})
	}
	for _, e := range got {
		have.add(e)
	}
	if !reflect.DeepEqual(have.result(), want.result()) {
		t.Errorf("got  %v\nwant %v", have.result(), want.result())
	}
	if len(have.losses) > 0 {
		t.Errorf("the client misses a message before %q of\n%v", have.losses, got)
	}
	if pace.Mode == typewriter.Raw && !reflect.DeepEqual(got, stream) && len(want.losses) == 0 {
		t.Errorf("got  %q\nwant %q", got, stream)
	}
}

// generateWorkflow generates a stream of a workflow with several nodes.
func generateWorkflow(r *rand.Rand) []event {
	texts := []string{"你好", "a", `\"\\`, "🇩🇪🇫🇷", `\ud83d\ude00`, "👩\u200d👩", "e\u0301 x", `\n`, "{", `{\"a\":[1]}`, "", "long text of several words"}
	var stream []event
	numbers := map[string]int64{}
	for range 1 + r.IntN(15) {
		title := []string{"A", "B", "B", ""}[r.IntN(4)]
		n, begun := numbers[title]
		if !begun || r.IntN(10) == 0 {
			n = 0
		}
		numbers[title] = n + 1
		fields := []string{
			`"content":"` + texts[r.IntN(len(texts))] + texts[r.IntN(len(texts))] + `"`, `"node_title":"` + title + `"`, `"node_seq_id":"` + strconv.FormatInt(n, 10) + `"`,
			`"node_is_finish":` + strconv.FormatBool(r.IntN(4) == 0),
		}
		for _, extra := range []string{`"token":5`, `"cost":"0.1"`, `"usage":{"token_count":5}`, `"content_type":"text"`, `"ext":null`, `"node_id":"1"`} {
			if r.IntN(6) == 0 {
				fields = append(fields, extra)
			}
		}
		if r.IntN(2) == 0 {
			r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
		}
		stream = append(stream, event{workflowMessage, "{" + strings.Join(fields, ",") + "}"})
		if r.IntN(8) == 0 {
			stream = append(stream, event{"PING", "{}"})
		}
	}
	return append(stream, event{workflowDone, "{}"})
}

// Whatever a client makes of a workflow's stream it makes of the typed one, and misses no
// message.
func TestWorkflowProperties(t *testing.T) {
	const cases = 1000
	for i := range uint64(cases) {
		r := rand.New(rand.NewPCG(2027, i))
		if !t.Run(fmt.Sprint("seed ", i), func(t *testing.T) { checkWorkflow(t, r, generateWorkflow(r)) }) {
			return
		}
	}
}

// The recorded streams of workflows keep their meaning.
func TestWorkflowRecordings(t *testing.T) {
	const path = "../../../shared/recordings/coze-workflow/workflow_run_stream_resp.txt"
	content, err := os.ReadFile(path)
	if err != nil {
		t.Skip("there are no recordings")
	}
	var stream []event
	for block := range strings.SplitSeq(strings.TrimSpace(string(content)), "\n\n") {
		lines := strings.Split(block, "\n")
		if len(lines) != 3 {
			t.Fatalf("got %q", block)
		}
		stream = append(stream, event{strings.TrimPrefix(lines[1], "event: "), strings.TrimPrefix(lines[2], "data: ")})
	}
	for seed := range uint64(9) {
		checkWorkflow(t, rand.New(rand.NewPCG(seed, 0)), stream)
	}
	pieces := typed(t, perCharacter(), decodeWorkflow(stream), evenly)
	if got := len(pieces); got < 50 {
		t.Errorf("got %d events, want one for each character", got)
	}
}

// Any message keeps its bytes if undivided, and its pieces are valid and have its text.
func FuzzWorkflow(f *testing.F) {
	for _, data := range []string{
		`{"content":"ab","node_is_finish":true,"node_seq_id":"0","node_title":"M","token":1}`, `{"node_seq_id":7,"content":"\"\\a"}`,
		`{"content":"{\"a\":1}","node_seq_id":"0"}`, `{"content":"a","content":"b","node_seq_id":"1"}`, `{"content":"\ud83d","node_seq_id":"01"}`, "{ \"content\" :\n\"a\u2028\" , \"node_seq_id\" : \"3\"}",
	} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data string) {
		stream := decodeWorkflow([]event{{workflowMessage, data}})
		want := data
		if json.Valid([]byte(data)) {
			want = jsontext.SingleLine(data)
		}
		if got := typed(t, typewriter.DefaultPace(typewriter.Raw), stream, evenly); len(got) != 1 || got[0].data != want {
			t.Fatalf("got %q, want %q", got, want)
		}
		if !stream[0].Frame.IsText() {
			return
		}
		content := ""
		for _, e := range typed(t, perCharacter(), stream, evenly) {
			if !json.Valid([]byte(e.data)) {
				t.Fatalf("got %q", e.data)
			}
			raw := gjson.Get(e.data, "content").Raw
			content += raw[1 : len(raw)-1]
		}
		if raw := gjson.Get(want, "content").Raw; `"`+content+`"` != raw {
			t.Errorf("got %s, want %s", content, raw)
		}
	})
}
