package coze

import (
	"net/http"
	"strings"
	"time"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"
	"sse-typewriter/mock/texts"
)

// WorkflowScenario is a behavior of the stand-in when it runs a workflow. The zero value is a
// normal run.
type WorkflowScenario struct {
	// Name selects the scenario, in the header mock.ScenarioHeader or after a slash at the
	// start of the question.
	Name string

	// About describes the scenario in one line.
	About string

	tempo  *mock.Tempo   // nil: normal
	play   func(*run)    // nil: playRun
	send   mock.Delivery // nil: mock.Whole
	refuse func(*call) mock.Reply
}

// WorkflowScenarios returns all scenarios of workflows.
func WorkflowScenarios() []WorkflowScenario {
	return []WorkflowScenario{
		{Name: "question", About: "asks a question: Interrupt, goes on with stream_resume", play: playQuestion},
		{Name: "nodes", About: "two nodes that speak by turns, and a node that runs twice", play: playNodes},
		{Name: "template", About: "the last node streams the answer, with its cost and its tokens in the last message", play: playTemplate},
		{Name: "card", About: "a card among the messages", play: playRunCard},
		{Name: "ping", About: "a heartbeat among the messages", play: playPing},
		{Name: "slow", About: "3 characters a second", tempo: &slow},
		{Name: "fast", About: "400 characters a second", tempo: &fast},
		{Name: "at-once", About: "all events in one write", tempo: &atOnce},
		{Name: "stall", About: "20 seconds of silence in the middle", play: playRunStall},
		{Name: "crlf", About: "lines end with CR LF", send: mock.Whole(mock.WithLineEnds(encodeNumbered, "\r\n"))},

		{Name: "error-json", About: "status 200 with the JSON error 4101", refuse: refuseWith(http.StatusOK, codeNoAccess, "you have no permission for this workflow")},
		{Name: "error-401", About: "status 401", refuse: refuseWith(http.StatusUnauthorized, codeTokenWrong, "the token you entered is incorrect")},
		{Name: "error-429", About: "status 429 with Retry-After", refuse: refuseBusy},
		{Name: "error-500", About: "status 500", refuse: refuseWith(http.StatusInternalServerError, codeInternal, "internal server error")},
		{Name: "error-event", About: "event Error in the middle, then the end", play: playRunError},
		{Name: "studio-error", About: "fails as coze-studio does: event error with plain text", play: playStudioRunError},
		{Name: "cut", About: "the connection breaks inside an event in the middle", send: mock.CutMiddle(encodeNumbered)},
		{Name: "cut-early", About: "the connection breaks before the first message", send: mock.CutEarly(encodeNumbered)},
		{Name: "no-done", About: "the response ends in the middle, in good form", send: mock.StopMiddle(encodeNumbered)},
		{Name: "hang", About: "falls silent in the middle for ever", play: playHalfRun, send: mock.Hang(encodeNumbered)},
	}
}

// pickWorkflow returns the scenario of a header or a question, and the question. It reports
// false for an unknown name in the header; an unknown name in a question is just text.
func pickWorkflow(header, question string) (scene WorkflowScenario, rest string, ok bool) {
	command, rest, _ := strings.Cut(strings.TrimPrefix(question, "/"), " ")
	for _, s := range WorkflowScenarios() {
		switch {
		case s.Name == header:
			return s, question, true
		case header == "" && strings.HasPrefix(question, "/") && s.Name == command:
			return s, rest, true
		}
	}
	return WorkflowScenario{}, question, header == ""
}

func playQuestion(r *run) {
	asked := "Which one do you mean?"
	if texts.IsChinese(r.question) {
		asked = "请问你想查看哪个城市、哪一天的天气呢"
	}
	r.pause(r.tempo.First)
	r.say(r.newNode("问答"), runMessage{Content: asked, ContentType: "text", IsFinish: true})
	r.pause(5 * time.Millisecond)
	var interrupt struct {
		Data struct {
			Data    string `json:"data"`
			EventID string `json:"event_id"`
			Type    int    `json:"type"`
		} `json:"interrupt_data"`
		Title string `json:"node_title"`
	}
	interrupt.Data.EventID, interrupt.Data.Type, interrupt.Title = interruptID+newID(r.rng), 2, "问答"
	r.add(workflowInterrupt, jsonx.Marshal(interrupt))
}

func playNodes(r *run) {
	text := texts.Compose(r.question)
	first, second := texts.Halves(text)
	a, b := r.newNode("Left"), r.newNode("Right")
	r.pause(r.tempo.First)
	r.speak(a, first, false)
	r.speak(b, first, false)
	r.speak(a, second, true)
	r.speak(b, second, true)
	for range 2 { // without ids, as some versions of the service
		loop := &runNode{title: "Loop"}
		r.speak(loop, text, true)
	}
	r.end(text)
}

func playTemplate(r *run) {
	n := r.newNode("End")
	r.pause(r.tempo.First)
	pieces := r.tempo.Pieces(r.rng, texts.Compose(r.question))
	for _, piece := range pieces[:len(pieces)-1] {
		r.pause(r.tempo.Pause(r.rng, len([]rune(piece))))
		r.say(n, runMessage{Content: piece})
	}
	tokens := usage{InputCount: 100, OutputCount: 20, TokenCount: 120}
	r.say(n, runMessage{Content: pieces[len(pieces)-1], Cost: "0.01", IsFinish: true, Token: &tokens.TokenCount, Usage: &tokens})
	r.done()
}

func playRunCard(r *run) {
	text := texts.Compose(r.question)
	first, second := texts.Halves(text)
	n := r.newNode("Message")
	r.pause(r.tempo.First)
	r.speak(n, first, false)
	r.say(n, runMessage{Content: `{"type":"card","title":"秋天"}`, ContentType: "card"})
	r.speak(n, second, true)
	r.end(text)
}

func playPing(r *run) {
	text := texts.Compose(r.question)
	first, second := texts.Halves(text)
	n := r.newNode("Message")
	r.pause(r.tempo.First)
	r.add(workflowPing, []byte("{}"))
	r.speak(n, first, false)
	r.add(workflowPing, []byte("{}"))
	r.speak(n, second, true)
	r.end(text)
}

func playHalfRun(r *run) {
	first, _ := texts.Halves(texts.Compose(r.question))
	r.pause(r.tempo.First)
	r.speak(r.newNode("Message"), first, false)
}

func playRunStall(r *run) {
	const silence = 20 * time.Second
	text := texts.Compose(r.question)
	first, second := texts.Halves(text)
	n := r.newNode("Message")
	r.speak(n, first, false)
	r.pause(silence)
	r.speak(n, second, true)
	r.end(text)
}

func playRunError(r *run) {
	playHalfRun(r)
	r.pause(5 * time.Millisecond)
	r.add(workflowError, jsonx.Marshal(struct {
		Code int    `json:"error_code"`
		Msg  string `json:"error_message"`
	}{codeInternal, "a node of the workflow failed"}))
}

func playStudioRunError(r *run) {
	playHalfRun(r)
	r.pause(5 * time.Millisecond)
	r.add(eventError, []byte("a node of the workflow failed"))
}
