package dify

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"
	"unicode/utf8"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"
)

// normal is the tempo of most scenarios.
var normal = mock.Tempo{First: 300 * time.Millisecond, Speed: 50, Size: 4, Most: 16, Bunch: 0.2}

// script is a reply while it is written: its events and their times.
type script struct {
	question   string
	tempo      mock.Tempo
	rng        *rand.Rand
	isWorkflow bool // the app is a workflow or a chatflow

	task, run, message, conversation string
	created                          int64

	pending    time.Duration // pause before the next event
	characters int
	answer     string // so far
	events     []mock.Event
}

func newScript(c *call, scene Scenario, question string) *script {
	s := &script{question: question, tempo: scene.tempo, rng: c.Rand, created: c.Now.Unix(), conversation: c.Field("conversation_id").String()}
	if s.tempo == (mock.Tempo{}) {
		s.tempo = normal
	}
	s.task, s.run, s.message = newID(c.Rand), newID(c.Rand), newID(c.Rand)
	if s.conversation == "" {
		s.conversation = newID(c.Rand)
	}
	return s
}

// newID returns an id in the form of a UUID.
func newID(rng *rand.Rand) string {
	a, b := rng.Uint64(), rng.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&0xffffffffffff)
}

// event is the data of an event.
type event struct {
	Event        string   `json:"event"`
	Conversation string   `json:"conversation_id,omitempty"`
	Message      string   `json:"message_id,omitempty"`
	Created      int64    `json:"created_at,omitempty"`
	Task         string   `json:"task_id"`
	Run          string   `json:"workflow_run_id,omitempty"`
	ID           string   `json:"id,omitempty"`
	Answer       *string  `json:"answer,omitempty"`
	Selector     []string `json:"from_variable_selector,omitempty"`
	Data         any      `json:"data,omitempty"`
	Metadata     any      `json:"metadata,omitempty"`

	// Of a thought.
	Position    int     `json:"position,omitempty"`
	Thought     *string `json:"thought,omitempty"`
	Observation *string `json:"observation,omitempty"`
	Tool        string  `json:"tool,omitempty"`
	ToolInput   string  `json:"tool_input,omitempty"`

	Audio string `json:"audio,omitempty"`
}

// pause makes the next event wait, unless everything is sent at once.
func (s *script) pause(d time.Duration) {
	if s.tempo.Speed > 0 {
		s.pending += d
	}
}

// add writes the next event. An event of a chat names the message.
func (s *script) add(e event, ofChat bool) {
	e.Task = s.task
	if ofChat {
		e.Conversation, e.Message, e.Created = s.conversation, s.message, s.created
	}
	s.addData(jsonx.Marshal(e), e.Event)
}

func (s *script) addData(data []byte, name string) {
	isText := name == "message" || name == "agent_message" || name == "text_chunk"
	s.events = append(s.events, mock.Event{After: s.pending, Data: data, IsText: isText})
	s.pending = 0
}

// ping writes the event without data.
func (s *script) ping() {
	s.events = append(s.events, mock.Event{After: s.pending})
	s.pending = 0
}

// encode implements [mock.Encoder].
func encode(_ int, e mock.Event) []byte {
	if e.Data == nil {
		return []byte("event: ping\n\n")
	}
	return fmt.Appendf(nil, "data: %s\n\n", e.Data)
}

// speak writes the pieces of a text.
func (s *script) speak(text string, write func(piece string)) {
	for _, piece := range s.tempo.Pieces(s.rng, text) {
		n := utf8.RuneCountInString(piece)
		s.pause(s.tempo.Pause(s.rng, n))
		s.characters += n
		s.answer += piece
		write(piece)
	}
}

// say writes a text as messages of a chat, of a node if the app is a chatflow.
func (s *script) say(text string, selector ...string) {
	s.speak(text, func(piece string) {
		s.add(event{Event: "message", ID: s.message, Answer: &piece, Selector: selector}, true)
	})
}

// endMessage writes the end of the message.
func (s *script) endMessage() {
	s.pause(5 * time.Millisecond)
	s.add(event{Event: "message_end", ID: s.message, Metadata: map[string]any{"usage": s.usage(), "retriever_resources": []any{}}}, true)
}

// usage is the count of tokens, which are estimated.
func (s *script) usage() any {
	in, out := 10+len(s.question)/3, 1+s.characters*2/3
	return struct {
		Prompt     int    `json:"prompt_tokens"`
		Completion int    `json:"completion_tokens"`
		Total      int    `json:"total_tokens"`
		Price      string `json:"total_price"`
		Currency   string `json:"currency"`
	}{in, out, in + out, "0.001", "USD"}
}

// node is the data of an event about a node.
type node struct {
	ID      string `json:"id"`
	Node    string `json:"node_id"`
	Type    string `json:"node_type"`
	Title   string `json:"title"`
	Index   int    `json:"index"`
	Outputs any    `json:"outputs,omitempty"`
	Status  string `json:"status,omitempty"`
}

// startNode writes the beginning of a node's run.
func (s *script) startNode(n node, ofChat bool) {
	s.pause(10 * time.Millisecond)
	s.add(event{Event: "node_started", Run: s.run, Data: n}, ofChat)
}

// endNode writes the end of a node's run.
func (s *script) endNode(n node, outputs any, ofChat bool) {
	n.Outputs, n.Status = outputs, "succeeded"
	s.pause(5 * time.Millisecond)
	s.add(event{Event: "node_finished", Run: s.run, Data: n}, ofChat)
}

// startWorkflow writes the beginning of a workflow.
func (s *script) startWorkflow(ofChat bool) {
	s.isWorkflow = true
	s.add(event{Event: "workflow_started", Run: s.run, Data: map[string]any{"id": s.run, "workflow_id": "w1", "inputs": map[string]any{}, "created_at": s.created}}, ofChat)
}

// workflowEnd is the data of the end of a workflow.
type workflowEnd struct {
	ID          string  `json:"id"`
	Workflow    string  `json:"workflow_id"`
	Status      string  `json:"status"`
	Outputs     any     `json:"outputs"`
	Error       *string `json:"error"`
	ElapsedTime float64 `json:"elapsed_time"`
	TotalTokens int     `json:"total_tokens"`
	TotalSteps  int     `json:"total_steps"`
	Created     int64   `json:"created_at"`
}

// endWorkflow writes the end of a workflow, with an error if it has failed.
func (s *script) endWorkflow(outputs any, failure string, ofChat bool) {
	end := workflowEnd{s.run, "w1", "succeeded", outputs, nil, 1.5, 100 + s.characters*2/3, 3, s.created}
	if failure != "" {
		end.Status, end.Error = "failed", &failure
	}
	s.pause(5 * time.Millisecond)
	s.add(event{Event: "workflow_finished", Run: s.run, Data: end}, ofChat)
}

// whole returns the reply of a blocking request.
func (s *script) whole() []byte {
	if s.isWorkflow {
		return s.events[len(s.events)-1].Data
	}
	return jsonx.Marshal(struct {
		event
		Mode string `json:"mode"`
	}{event{Event: "message", Task: s.task, ID: s.message, Message: s.message, Conversation: s.conversation, Created: s.created, Answer: &s.answer, Metadata: json.RawMessage(`{}`)}, "chat"})
}
