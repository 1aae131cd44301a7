package anthropic

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"sse-typewriter/mock"
	"sse-typewriter/mock/texts"
)

// Model is a model that the stand-in imitates.
type Model struct {
	// Name selects the model: in the field model, in the header mock.ScenarioHeader, or
	// after a slash at the start of the last message.
	Name string

	// About describes the stream in one line.
	About string

	tempo  mock.Tempo        // zero: normal
	write  func(*script)     // nil: an answer
	send   mock.Delivery     // nil: mock.Whole
	refuse func() mock.Reply // replaces the stream
}

// Models returns all models. Any other name is served as the first one.
func Models() []Model {
	return []Model{
		{Name: "claude-sonnet", About: "5 to 10 characters an event, padded with spaces, and a ping"},
		{Name: "claude-thinking", About: "a thinking block with a signature before the answer", write: writeThinking},
		{Name: "claude-lumps", About: "lumps of about 100 characters", tempo: lumps},
		{Name: "tool-use", About: "some text and two tool calls", write: writeToolUse},
		{Name: "citations", About: "text in several blocks, with citations between", write: writeCitations},

		{Name: "slow", About: "3 characters a second", tempo: mock.Tempo{First: normal.First, Speed: 3, Size: 3, Most: 6}},
		{Name: "fast", About: "600 characters a second", tempo: mock.Tempo{First: normal.First, Speed: 600, Size: normal.Size, Most: normal.Most}},
		{Name: "at-once", About: "all events in one write", tempo: mock.Tempo{Size: normal.Size, Most: normal.Most}},
		{Name: "stall", About: "20 seconds of silence in the middle", write: writeStall},

		{Name: "error-400", About: "status 400", refuse: refuseWith(http.StatusBadRequest, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum")},
		{Name: "error-401", About: "status 401", refuse: refuseWith(http.StatusUnauthorized, "authentication_error", "invalid x-api-key")},
		{Name: "error-429", About: "status 429 with Retry-After", refuse: refuseBusy},
		{Name: "error-500", About: "status 500", refuse: refuseWith(http.StatusInternalServerError, "api_error", "Internal server error")},
		{Name: "error-529", About: "status 529", refuse: refuseWith(statusOverloaded, "overloaded_error", "Overloaded")},
		{Name: "error-event", About: "an error in the middle of the stream", write: writeError},
		{Name: "cut", About: "the connection breaks in the middle of an event", send: mock.CutMiddle(mock.SSE)},
		{Name: "cut-early", About: "the connection breaks before the first text", send: mock.CutEarly(mock.SSE)},
		{Name: "no-stop", About: "the response ends properly in the middle of the answer", send: mock.StopMiddle(mock.SSE)},
		{Name: "hang", About: "silence for ever after half of the answer", write: writeHalf, send: mock.Hang(mock.SSE)},
		{Name: "help", About: "a list of the models", write: func(s *script) { s.answer(helpText()) }},
	}
}

// statusOverloaded is the status with which the service reports an overload.
const statusOverloaded = 529

// The tempos of the models.
var (
	normal = mock.Tempo{First: 500 * time.Millisecond, Speed: 70, Size: 8, Most: 30, Bunch: 0.1}
	lumps  = mock.Tempo{First: 600 * time.Millisecond, Speed: 120, Most: 100, Even: true}
)

// pickModel returns the model of a request, and the text to answer.
func (c *call) pickModel(name, text string) (Model, string) {
	all := Models()
	find := func(name string) int {
		return slices.IndexFunc(all, func(m Model) bool { return m.Name == name })
	}
	name, text = c.Pick(name, text, func(name string) bool { return find(name) >= 0 })
	return all[max(find(name), 0)], text
}

// writeTo writes the reply of the model.
func (m Model) writeTo(s *script) {
	tool := s.call.Field("tools.#(name).name").String()
	switch {
	case m.write != nil:
		m.write(s)
	case s.afterTool:
		s.answer(texts.Compose("The tool said: " + s.question))
	case tool != "":
		s.open()
		s.callTool(tool)
		s.end("tool_use")
	default:
		s.answer(texts.Compose(s.question))
	}
}

func writeThinking(s *script) {
	s.open()
	s.think()
	s.say(texts.Compose(s.question))
	s.end("end_turn")
}

func writeToolUse(s *script) {
	s.open()
	s.say("Let me look that up. 稍等。")
	s.callTool("get_weather")
	s.callTool("get_time")
	s.end("tool_use")
}

func writeCitations(s *script) {
	s.open()
	for sentence := range strings.SplitAfterSeq(texts.Compose(s.question), "\n") {
		if sentence != "" {
			s.cite(sentence)
		}
	}
	s.end("end_turn")
}

func writeHalf(s *script) {
	first, _ := texts.Halves(texts.Compose(s.question))
	s.open()
	s.say(first)
}

func writeStall(s *script) {
	first, second := texts.Halves(texts.Compose(s.question))
	s.open()
	s.say(first)
	s.pause(20 * time.Second)
	s.say(second)
	s.end("end_turn")
}

func writeError(s *script) {
	writeHalf(s)
	s.pause(5 * time.Millisecond)
	s.addData("error", errorJSON("overloaded_error", "Overloaded"), false)
}

func refuseWith(status int, errorType, msg string) func() mock.Reply {
	return func() mock.Reply { return refuse(status, errorType, msg) }
}

func refuseBusy() mock.Reply {
	reply := refuse(http.StatusTooManyRequests, "rate_limit_error", "This request would exceed your organization's rate limit.")
	reply.Header.Set("Retry-After", "2")
	return reply
}

// helpText lists the models.
func helpText() string {
	var out strings.Builder
	out.WriteString("# Models of the stand-in\n\nName one in the field `model`, or begin a message with a slash and the name.\n\n")
	for _, m := range Models() {
		fmt.Fprintf(&out, "- `%s`: %s\n", m.Name, m.About)
	}
	return out.String()
}
