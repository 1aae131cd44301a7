package ollama

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"sse-typewriter/mock"
	"sse-typewriter/mock/texts"
)

// Model is a model of the stand-in.
type Model struct {
	// Name selects the model: in the field model, in the header mock.ScenarioHeader, or
	// after a slash at the start of the question.
	Name string

	// About describes the stream in one line.
	About string

	tempo  mock.Tempo        // zero: normal
	thinks bool              // the answer follows a reasoning
	inLast bool              // the last text and the end are in one line
	write  func(*script)     // nil: the answer
	send   mock.Delivery     // nil: mock.Whole
	refuse func() mock.Reply // replaces the stream
}

// Models returns all models. Any other name is served as the first one.
func Models() []Model {
	return []Model{
		{Name: "llama3.2", About: "one token a line, statistics in the last line"},
		{Name: "qwen3", About: "a reasoning in thinking before the answer", thinks: true},
		{Name: "ends-with-text", About: "the last text and the end are in one line", inLast: true},
		{Name: "tool-call", About: "some text and a tool call", write: writeToolCall},
		{Name: "lumps", About: "about 100 characters a line", tempo: mock.Tempo{First: 600 * time.Millisecond, Speed: 120, Most: 100, Even: true}},

		{Name: "slow", About: "3 characters a second", tempo: mock.Tempo{First: normal.First, Speed: 3, Size: 3, Most: 6}},
		{Name: "at-once", About: "all lines in one write", tempo: mock.Tempo{Size: normal.Size, Most: normal.Most}},
		{Name: "stall", About: "20 seconds of silence in the middle", write: writeStall},

		{Name: "error-401", About: "status 401", refuse: refuseWith(http.StatusUnauthorized, "unauthorized")},
		{Name: "error-404", About: "status 404", refuse: refuseWith(http.StatusNotFound, `model "error-404" not found`)},
		{Name: "error-500", About: "status 500", refuse: refuseWith(http.StatusInternalServerError, "model runner has unexpectedly stopped")},
		{Name: "error-event", About: "an error in the middle of the stream", write: writeError},
		{Name: "cut", About: "the connection breaks in the middle of a line", send: mock.CutMiddle(encode)},
		{Name: "cut-early", About: "the connection breaks before the first text", send: mock.CutEarly(encode)},
		{Name: "no-done", About: "the response ends properly in the middle of the answer", send: mock.StopMiddle(encode)},
		{Name: "hang", About: "silence for ever after half of the answer", write: writeHalf, send: mock.Hang(encode)},
		{Name: "help", About: "a list of the models", write: func(s *script) { s.answer(helpText()) }},
	}
}

// normal is the tempo of a small model.
var normal = mock.Tempo{First: 300 * time.Millisecond, Speed: 60, Size: 4, Most: 12, Bunch: 0.1}

// pickModel returns the model of a request, and the text to answer.
func (c *call) pickModel(name, text string) (Model, string) {
	picked, text := c.Pick(name, text, func(name string) bool { _, ok := findModel(name); return ok })
	if m, ok := findModel(picked); ok {
		return m, text
	}
	return Models()[0], text
}

func findModel(name string) (Model, bool) {
	for _, m := range Models() {
		if m.Name == name {
			return m, true
		}
	}
	return Model{}, false
}

// encode implements [mock.Encoder].
func encode(_ int, e mock.Event) []byte { return append(slices.Clip(e.Data), '\n') }

func refuseWith(status int, msg string) func() mock.Reply {
	return func() mock.Reply { return refuse(status, msg) }
}

// writeTo writes the reply of the model.
func (m Model) writeTo(s *script) {
	switch {
	case m.write != nil:
		m.write(s)
	case s.afterTool:
		s.answer(texts.Compose("The tool said: " + s.question))
	case s.call.Field("tools.0").Exists():
		s.callTool(s.call.Field("tools.0.function.name").String())
		s.end("stop")
	default:
		s.answer(texts.Compose(s.question))
	}
}

func writeToolCall(s *script) {
	s.say("Let me look that up. 稍等。")
	s.callTool("get_weather")
	s.end("stop")
}

func writeHalf(s *script) {
	first, _ := texts.Halves(texts.Compose(s.question))
	s.say(first)
}

func writeStall(s *script) {
	first, second := texts.Halves(texts.Compose(s.question))
	s.say(first)
	s.pause(20 * time.Second)
	s.say(second)
	s.end("stop")
}

func writeError(s *script) {
	writeHalf(s)
	s.add(errorJSON("the model runner has crashed"), false)
}

// helpText lists the models.
func helpText() string {
	var out strings.Builder
	out.WriteString("# Models of the stand-in\n\nName one in the field `model`, or begin a question with a slash and the name.\n\n")
	for _, m := range Models() {
		fmt.Fprintf(&out, "- `%s`: %s\n", m.Name, m.About)
	}
	return out.String()
}
