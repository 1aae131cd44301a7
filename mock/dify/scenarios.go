package dify

import (
	"net/http"
	"time"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"
	"sse-typewriter/mock/texts"
)

// Scenario is a behavior of the stand-in. The zero value is a normal app of the path.
type Scenario struct {
	// Name selects the scenario, in the header mock.ScenarioHeader or after a slash at the
	// start of the question.
	Name string

	// About describes the scenario in one line.
	About string

	tempo  mock.Tempo    // zero: normal
	write  func(*script) // nil: as the app of the path
	send   mock.Delivery // nil: mock.Whole
	refuse func() mock.Reply
}

// Scenarios returns all scenarios.
func Scenarios() []Scenario {
	return []Scenario{
		{Name: "agent", About: "an agent: agent_message, and agent_thought before and after a tool", write: writeAgent},
		{Name: "chatflow", About: "a chatflow: nodes, a text of two nodes, message_end, workflow_finished", write: writeChatflow},
		{Name: "reasoning", About: "a chatflow with reasoning_chunk", write: writeReasoning},
		{Name: "replace", About: "message_replace in the middle, as a moderation sends it", write: writeReplace},
		{Name: "tts", About: "audio among the text and after the end", write: writeAudio},
		{Name: "ping", About: "heartbeats without data", write: writePings},
		{Name: "failed", About: "a workflow whose node fails", write: writeFailed},
		{Name: "paused", About: "a workflow that waits for a human", write: writePaused},
		{Name: "slow", About: "3 characters a second", tempo: mock.Tempo{First: normal.First, Speed: 3, Size: normal.Size, Most: normal.Most}},
		{Name: "fast", About: "600 characters a second", tempo: mock.Tempo{First: normal.First, Speed: 600, Size: normal.Size, Most: normal.Most}},
		{Name: "at-once", About: "all events in one write", tempo: mock.Tempo{Size: normal.Size, Most: normal.Most}},
		{Name: "stall", About: "20 seconds with heartbeats in the middle", write: writeStall},

		{Name: "error-400", About: "status 400", refuse: refuseWith(http.StatusBadRequest, "app_unavailable", "App unavailable, please check your app configurations.")},
		{Name: "error-401", About: "status 401", refuse: refuseWith(http.StatusUnauthorized, "unauthorized", "Access token is invalid")},
		{Name: "error-429", About: "status 429", refuse: refuseBusy},
		{Name: "error-500", About: "status 500", refuse: refuseWith(http.StatusInternalServerError, "internal_server_error", "Internal server error")},
		{Name: "error-event", About: "an error in the middle of the stream", write: writeError},
		{Name: "cut", About: "the connection breaks inside an event in the middle; a workflow goes on", send: mock.CutMiddle(encode)},
		{Name: "cut-chatflow", About: "the same in a chatflow, which goes on", write: writeChatflow, send: mock.CutMiddle(encode)},
		{Name: "cut-early", About: "the connection breaks before the first text; a workflow goes on", send: mock.CutEarly(encode)},
		{Name: "no-done", About: "the response ends properly in the middle; a workflow goes on", send: mock.StopMiddle(encode)},
		{Name: "hang", About: "silence for ever after half of the answer", write: writeHalf, send: mock.Hang(encode)},
	}
}

func isScenario(name string) bool { return findScenario(name).Name != "" }

// findScenario returns the scenario with a name, or the normal one.
func findScenario(name string) Scenario {
	for _, s := range Scenarios() {
		if s.Name == name {
			return s
		}
	}
	return Scenario{}
}

func refuseWith(status int, code, msg string) func() mock.Reply {
	return func() mock.Reply { return refuse(status, code, msg) }
}

func refuseBusy() mock.Reply {
	reply := refuse(http.StatusTooManyRequests, "too_many_requests", "Too many requests. Please try again later.")
	reply.Header.Set("Retry-After", "2")
	return reply
}

// writeChat writes the answer of a chat app.
func (s *script) writeChat() {
	s.pause(s.tempo.First)
	s.say(texts.Compose(s.question))
	s.endMessage()
}

// writeCompletion writes the answer of a completion app, which has no conversation.
func (s *script) writeCompletion() {
	s.conversation = ""
	s.writeChat()
}

// The nodes of the workflows.
func (s *script) llm() node {
	return node{ID: newID(s.rng), Node: "1775993259991", Type: "llm", Title: "LLM", Index: 2}
}

// writeWorkflow writes the run of a workflow.
func (s *script) writeWorkflow() {
	text := texts.Compose(s.question)
	s.startWorkflow(false)
	n := s.llm()
	s.startNode(n, false)
	s.pause(s.tempo.First)
	s.speak(text, func(piece string) {
		s.add(event{Event: "text_chunk", Run: s.run, Data: map[string]any{"text": piece, "from_variable_selector": []string{n.Node, "text"}}}, false)
	})
	s.endNode(n, map[string]any{"text": text}, false)
	s.endWorkflow(map[string]any{"result": text, "count": 1}, "", false)
}

func writeChatflow(s *script) { s.writeChatflow(nil) }

// writeChatflow writes the run of a chatflow, with events before the answer.
func (s *script) writeChatflow(before func()) {
	text := texts.Compose(s.question)
	s.startWorkflow(true)
	n, answer := s.llm(), node{ID: newID(s.rng), Node: "answer", Type: "answer", Title: "Answer", Index: 3}
	s.startNode(n, true)
	s.pause(s.tempo.First)
	if before != nil {
		before()
	}
	s.say(text, n.Node, "text")
	s.endNode(n, map[string]any{"text": text}, true)
	s.startNode(answer, true)
	s.say(" /", answer.Node, "answer")
	s.endNode(answer, map[string]any{"answer": s.answer}, true)
	s.endMessage()
	s.endWorkflow(map[string]any{"answer": s.answer, "files": []any{}}, "", true)
}

func writeReasoning(s *script) {
	s.writeChatflow(func() {
		pieces := s.tempo.Pieces(s.rng, "Let me think about this question: what do they want to know 🤔?")
		for _, piece := range append(pieces, "") {
			s.pause(20 * time.Millisecond)
			s.add(event{Event: "reasoning_chunk", Data: map[string]any{"node_id": "1775993259991", "reasoning": piece, "is_final": piece == ""}}, true)
		}
	})
}

func writeAgent(s *script) {
	text := texts.Compose(s.question)
	thought := func(position int, text, tool, observation string) {
		s.add(event{
			Event: "agent_thought", ID: newID(s.rng), Position: position, Thought: &text, Observation: &observation,
			Tool: tool, ToolInput: `{"q":"秋天"}`,
		}, true)
	}
	say := func(text string) {
		s.speak(text, func(piece string) { s.add(event{Event: "agent_message", ID: s.message, Answer: &piece}, true) })
	}
	s.pause(s.tempo.First)
	s.ping()
	say("Let me look. ")
	thought(1, "Let me look. ", "search", "")
	s.pause(300 * time.Millisecond)
	thought(1, "Let me look. ", "search", "found")
	say(text)
	thought(2, text, "", "")
	s.endMessage()
}

func writeReplace(s *script) {
	first, _ := texts.Halves(texts.Compose(s.question))
	s.pause(s.tempo.First)
	s.say(first)
	replaced := "Your content violates our usage policy."
	s.add(event{Event: "message_replace", Answer: &replaced}, true)
	s.answer = replaced
	s.endMessage()
}

func writeAudio(s *script) {
	first, second := texts.Halves(texts.Compose(s.question))
	s.pause(s.tempo.First)
	s.say(first)
	s.add(event{Event: "tts_message", Audio: "SUQzBAAAAAAAI1RTU0UAAAAP"}, true)
	s.say(second)
	s.endMessage()
	s.pause(50 * time.Millisecond)
	s.add(event{Event: "tts_message", Audio: "AAAA"}, true)
	s.add(event{Event: "tts_message_end"}, true)
}

func writePings(s *script) {
	first, second := texts.Halves(texts.Compose(s.question))
	s.ping()
	s.pause(s.tempo.First)
	s.say(first)
	s.pause(time.Millisecond)
	s.ping()
	s.say(second)
	s.endMessage()
}

func writeStall(s *script) {
	first, second := texts.Halves(texts.Compose(s.question))
	s.say(first)
	for range 2 {
		s.pause(10 * time.Second)
		s.ping()
	}
	s.say(second)
	s.endMessage()
}

func writeHalf(s *script) {
	first, _ := texts.Halves(texts.Compose(s.question))
	s.pause(s.tempo.First)
	s.say(first)
}

func writeFailed(s *script) {
	s.startWorkflow(true)
	n := s.llm()
	s.startNode(n, true)
	first, _ := texts.Halves(texts.Compose(s.question))
	s.say(first, n.Node, "text")
	s.endWorkflow(nil, "the node LLM failed", true)
}

func writePaused(s *script) {
	s.startWorkflow(true)
	n := s.llm()
	s.startNode(n, true)
	s.say("Please decide.", n.Node, "text")
	s.add(event{Event: "workflow_paused", Run: s.run, Data: map[string]any{"workflow_run_id": s.run, "paused_nodes": []string{n.Node}}}, true)
}

func writeError(s *script) {
	writeHalf(s)
	s.pause(5 * time.Millisecond)
	s.addData(jsonx.Marshal(struct {
		Event   string `json:"event"`
		Task    string `json:"task_id"`
		Message string `json:"message_id"`
		Status  int    `json:"status"`
		Code    string `json:"code"`
		Text    string `json:"message"`
	}{"error", s.task, s.message, 400, "completion_request_error", "The model is overloaded."}), "error")
}
