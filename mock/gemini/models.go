package gemini

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
	// Name selects the model: in the path, in the header mock.ScenarioHeader, or after a
	// slash at the start of the last message.
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
		{Name: "gemini-flash", About: "30 to 60 characters a chunk, usage in each, `finishReason` with the last text"},
		{Name: "gemini-thinking", About: "thoughts before the answer, and a signature at the end", write: writeThoughts},
		{Name: "gemini-lumps", About: "lumps of about 150 characters", tempo: lumps},
		{Name: "function-call", About: "some text and two function calls", write: writeFunctionCalls},
		{Name: "code-execution", About: "executed code, its result and text in one chunk", write: writeCode},
		{Name: "grounding", About: "sources in `groundingMetadata` with the last text", write: writeGrounding},
		{Name: "blocked", About: "a blocked prompt, without an answer", write: (*script).block},

		{Name: "slow", About: "3 characters a second", tempo: mock.Tempo{First: normal.First, Speed: 3, Size: 3, Most: 6}},
		{Name: "fast", About: "600 characters a second", tempo: mock.Tempo{First: normal.First, Speed: 600, Size: normal.Size, Most: normal.Most}},
		{Name: "at-once", About: "all chunks in one write", tempo: mock.Tempo{Size: normal.Size, Most: normal.Most}},
		{Name: "stall", About: "20 seconds of silence in the middle", write: writeStall},

		{Name: "error-400", About: "status 400", refuse: refuseWith(http.StatusBadRequest, "INVALID_ARGUMENT", "The input token count exceeds the maximum number of tokens allowed.")},
		{Name: "error-401", About: "status 401", refuse: refuseWith(http.StatusUnauthorized, "UNAUTHENTICATED", "Request had invalid authentication credentials.")},
		{Name: "error-429", About: "status 429", refuse: refuseWith(http.StatusTooManyRequests, "RESOURCE_EXHAUSTED", "You exceeded your current quota.")},
		{Name: "error-500", About: "status 500", refuse: refuseWith(http.StatusInternalServerError, "INTERNAL", "An internal error has occurred.")},
		{Name: "error-503", About: "status 503", refuse: refuseWith(http.StatusServiceUnavailable, "UNAVAILABLE", "The model is overloaded. Please try again later.")},
		{Name: "error-event", About: "an error in the middle of the stream", write: writeError},
		{Name: "cut", About: "the connection breaks in the middle of a chunk", send: mock.CutMiddle(encode)},
		{Name: "cut-early", About: "the connection breaks before the first text", send: mock.CutEarly(encode)},
		{Name: "no-finish", About: "the response ends properly in the middle of the answer", send: mock.StopMiddle(encode)},
		{Name: "hang", About: "silence for ever after half of the answer", write: writeHalf, send: mock.Hang(encode)},
		{Name: "help", About: "a list of the models", write: func(s *script) { s.answer(helpText()) }},
	}
}

// The tempos of the models.
var (
	normal = mock.Tempo{First: 600 * time.Millisecond, Speed: 120, Size: 40, Most: 120}
	lumps  = mock.Tempo{First: 800 * time.Millisecond, Speed: 200, Most: 150, Even: true}
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
	function := s.call.Field("tools.#(functionDeclarations).functionDeclarations.0.name").String()
	switch {
	case m.write != nil:
		m.write(s)
	case s.afterTool:
		s.answer(texts.Compose("The tool said: " + s.question))
	case function != "":
		s.pause(s.tempo.First)
		s.add(candidate{FinishReason: "STOP"}, callOf(function))
	default:
		s.answer(texts.Compose(s.question))
	}
}

func writeThoughts(s *script) {
	s.pause(s.tempo.First)
	s.say(texts.Thought(s.question), true)
	s.say(texts.Compose(s.question), false)
	s.add(candidate{FinishReason: "STOP"}, part{Text: new(string), Signature: "c2lnbmF0dXJl"})
}

func writeFunctionCalls(s *script) {
	s.pause(s.tempo.First)
	s.say("Let me look that up. 稍等。", false)
	s.add(candidate{}, callOf("get_weather"), callOf("get_time"))
	s.add(candidate{FinishReason: "STOP"}, part{Text: new(string)})
}

func writeCode(s *script) {
	text := "The result is 4. "
	s.pause(s.tempo.First)
	s.add(candidate{}, part{Code: &code{"PYTHON", "print(2+2)"}, Signature: "c2ln"}, part{Result: &result{"OUTCOME_OK", "4\n"}}, part{Text: &text})
	s.events[len(s.events)-1].IsText = true
	s.answer(texts.Compose(s.question))
}

func writeGrounding(s *script) {
	s.last = candidate{Grounding: map[string]any{
		"webSearchQueries": []string{"sse"},
		"groundingChunks":  []map[string]any{{"web": map[string]any{"uri": "https://example.com/", "title": "Example"}}},
	}}
	s.answer(texts.Compose(s.question))
}

func writeHalf(s *script) {
	first, _ := texts.Halves(texts.Compose(s.question))
	s.pause(s.tempo.First)
	s.say(first, false)
}

func writeStall(s *script) {
	_, second := texts.Halves(texts.Compose(s.question))
	writeHalf(s)
	s.pause(20 * time.Second)
	s.say(second, false)
	s.add(candidate{FinishReason: "STOP"}, part{Text: new(string)})
}

func writeError(s *script) {
	writeHalf(s)
	s.pause(5 * time.Millisecond)
	s.addData(errorJSON(http.StatusServiceUnavailable, "UNAVAILABLE", "The model is overloaded. Please try again later."), false)
}

func refuseWith(code int, status, msg string) func() mock.Reply {
	return func() mock.Reply { return refuse(code, status, msg) }
}

// helpText lists the models.
func helpText() string {
	var out strings.Builder
	out.WriteString("# Models of the stand-in\n\nName one in the path, or begin a message with a slash and the name.\n\n")
	for _, m := range Models() {
		fmt.Fprintf(&out, "- `%s`: %s\n", m.Name, m.About)
	}
	return out.String()
}
