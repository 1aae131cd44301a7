package coze

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"
	"sse-typewriter/mock/texts"

	"github.com/tidwall/gjson"
)

// The names of the events of a workflow's run.
const (
	workflowMessage   = "Message"
	workflowInterrupt = "Interrupt"
	workflowError     = "Error"
	workflowDone      = "Done"
	workflowPing      = "PING"
)

// interruptID begins the ids of interrupts; the workflow's scenario follows.
const interruptID = "7404830425073352713/"

// runWorkflow serves POST /v1/workflow/stream_run. The first text among the parameters is the
// question, which may begin with a slash and the name of a scenario.
func (c *call) runWorkflow() mock.Reply {
	if refusal := c.refuseWorkflow("workflow_id"); refusal != nil {
		return *refusal
	}
	scene, question, ok := pickWorkflow(c.Header.Get(mock.ScenarioHeader), firstText(c.Field("parameters")))
	if !ok {
		return c.refuse(http.StatusOK, codeBadRequest, "no such scenario: "+c.Header.Get(mock.ScenarioHeader))
	}
	return c.playWorkflow(scene, question)
}

// resumeWorkflow serves POST /v1/workflow/stream_resume: the answer to an interrupt.
func (c *call) resumeWorkflow() mock.Reply {
	if refusal := c.refuseWorkflow("workflow_id", "event_id", "resume_data", "interrupt_type"); refusal != nil {
		return *refusal
	}
	if !strings.HasPrefix(c.Field("event_id").String(), interruptID) {
		return c.refuse(http.StatusOK, codeBadRequest, "the event_id is unknown")
	}
	return c.playWorkflow(WorkflowScenario{}, strings.ToValidUTF8(c.Field("resume_data").String(), "\uFFFD"))
}

// refuseWorkflow returns the reply to a request without a required field, or nil.
func (c *call) refuseWorkflow(required ...string) *mock.Reply {
	msg := ""
	if !gjson.ValidBytes(c.Body) {
		msg = "the request body is not valid JSON"
	}
	for _, field := range required {
		if msg == "" && c.Field(field).String() == "" {
			msg = "the field " + field + " is required"
		}
	}
	if msg == "" {
		return nil
	}
	reply := c.refuse(http.StatusOK, codeBadRequest, msg)
	return &reply
}

// playWorkflow returns the run of a workflow with a scenario.
func (c *call) playWorkflow(scene WorkflowScenario, question string) mock.Reply {
	if scene.refuse != nil {
		return scene.refuse(c)
	}
	r := &run{question: question, workflow: c.Field("workflow_id").String(), tempo: normal, rng: c.Rand}
	if scene.tempo != nil {
		r.tempo = *scene.tempo
	}
	play, send := scene.play, scene.send
	if play == nil {
		play = playRun
	}
	if send == nil {
		send = mock.Whole(encodeNumbered)
	}
	play(r)
	return stream(send(r.events))
}

// encodeNumbered implements [mock.Encoder].
func encodeNumbered(number int, e mock.Event) []byte {
	return append(fmt.Appendf(nil, "id: %d\n", number), mock.SSE(number, e)...)
}

// firstText returns the first text in an object.
func firstText(object gjson.Result) string {
	text := ""
	object.ForEach(func(_, value gjson.Result) bool {
		text = value.Str
		return text == ""
	})
	return strings.ToValidUTF8(text, "\uFFFD")
}

// run is the run of a workflow in the making.
type run struct {
	question string
	workflow string
	tempo    mock.Tempo
	rng      *rand.Rand

	pending    time.Duration // pause before the next event
	characters int
	events     []mock.Event
}

// runNode is a node of a workflow while it runs.
type runNode struct {
	title, id, execution string
	messages             int // so far
}

// runMessage is the data of a message.
type runMessage struct {
	Content     string `json:"content"`
	ContentType string `json:"content_type,omitempty"`
	Cost        string `json:"cost,omitempty"`
	IsFinish    bool   `json:"node_is_finish"`
	SeqID       string `json:"node_seq_id"`
	Title       string `json:"node_title"`
	NodeID      string `json:"node_id,omitempty"`
	Execution   string `json:"node_execute_uuid,omitempty"`
	Token       *int   `json:"token,omitempty"`
	Usage       *usage `json:"usage,omitempty"`
}

// newNode returns a node with a title.
func (r *run) newNode(title string) *runNode {
	return &runNode{title: title, id: fmt.Sprint(100000 + r.rng.IntN(900000)), execution: newID(r.rng)}
}

// pause delays the next event, unless all events are sent at once.
func (r *run) pause(d time.Duration) {
	if r.tempo.Speed > 0 {
		r.pending += d
	}
}

// add adds an event.
func (r *run) add(name string, data []byte) {
	r.events = append(r.events, mock.Event{After: r.pending, Name: name, Data: data, IsText: name == workflowMessage})
	r.pending = 0
}

// say adds the next message of a node.
func (r *run) say(n *runNode, m runMessage) {
	m.SeqID, m.Title, m.NodeID, m.Execution = strconv.Itoa(n.messages), n.title, n.id, n.execution
	n.messages++
	r.add(workflowMessage, jsonx.Marshal(m))
}

// speak adds messages of a node with the pieces of a text. With isFinish, the last of them is
// the last of the node.
func (r *run) speak(n *runNode, text string, isFinish bool) {
	pieces := r.tempo.Pieces(r.rng, text)
	for i, piece := range pieces {
		characters := utf8.RuneCountInString(piece)
		r.pause(r.tempo.Pause(r.rng, characters))
		r.characters += characters
		r.say(n, runMessage{Content: piece, IsFinish: isFinish && i == len(pieces)-1})
	}
}

// end adds the output of the workflow and the end of the stream.
func (r *run) end(output string) {
	tokens := usage{InputCount: 100 + len(r.question)/3, OutputCount: 1 + r.characters*2/3}
	tokens.TokenCount = tokens.InputCount + tokens.OutputCount
	r.pause(20 * time.Millisecond)
	r.say(r.newNode(""), runMessage{
		Content: string(jsonx.Marshal(map[string]string{"output": output})), Cost: "0.00", IsFinish: true, Token: &tokens.TokenCount, Usage: &tokens,
	})
	r.done()
}

func (r *run) done() {
	r.pause(5 * time.Millisecond)
	r.add(workflowDone, jsonx.Marshal(struct {
		DebugURL string `json:"debug_url"`
	}{"https://www.coze.com/work_flow?execute_id=" + newID(r.rng) + "&space_id=" + newID(r.rng) + "&workflow_id=" + r.workflow + "&execute_mode=2"}))
}

// playRun writes a normal run: a node with the answer, and the output of the workflow.
func playRun(r *run) {
	text := texts.Compose(r.question)
	r.pause(r.tempo.First)
	r.speak(r.newNode("Message"), text, true)
	r.end(text)
}
