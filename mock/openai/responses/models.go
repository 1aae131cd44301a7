package responses

import (
	"fmt"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/mock"
	"sse-typewriter/mock/openai"
	"sse-typewriter/mock/texts"
)

// Model is a model that the stand-in imitates.
type Model struct {
	// Name selects the model: in the field model, in the header mock.ScenarioHeader, or
	// after a slash at the start of the last message.
	Name string

	// About describes the stream in one line.
	About string

	tempo  mock.Tempo    // zero: openai.Normal
	style  style         // of the events
	write  func(*script) // nil: an answer
	send   mock.Delivery // nil: mock.Whole
	resend mock.Delivery // of a stored response; nil: mock.Whole
}

// style is how a service writes events.
type style struct {
	reasoning string // the type of reasoning; empty: none
	unnamed   bool   // events have no names, comments precede them, and [DONE] follows
}

// The types of reasoning.
const (
	byText    = "reasoning_text"
	bySummary = "reasoning_summary_text"
)

// Models returns all models. Any other name is served as the first one.
func Models() []Model {
	half := func(s *script) { s.open(); s.say(half(texts.Compose(s.question))) }
	return []Model{
		{Name: "gpt-5", About: "OpenAI: a summary of the reasoning, then the answer; calls the first tool", style: style{reasoning: bySummary}},
		{Name: "gpt-4o", About: "OpenAI: an answer without reasoning; calls the first tool"},
		{Name: "deepseek-reasoner", About: "DeepSeek: reasoning before the answer", style: style{reasoning: byText}},
		{Name: "openrouter/auto", About: "OpenRouter: comments, events without names, [DONE]", style: style{reasoning: byText, unnamed: true}},
		{Name: "search", About: "an answer with annotations between its pieces", write: writeSearch},
		{Name: "refusal", About: "a refusal", write: writeRefusal},
		{Name: "tool-call", About: "some text and two calls of tools", write: writeCalls},
		{Name: "whole", About: "an answer that comes in one piece, without deltas", write: writeWhole},
		{Name: "incomplete", About: "half of an answer, then response.incomplete", write: func(s *script) { half(s); s.end(statusIncomplete) }},

		{Name: "slow", About: "3 characters a second", tempo: openai.Slow},
		{Name: "fast", About: "600 characters a second", tempo: openai.Fast},
		{Name: "at-once", About: "all events in one write", tempo: openai.AtOnce},
		{Name: "stall", About: "20 seconds of silence in the middle", write: writeStall},

		{Name: "error-400", About: "status 400"},
		{Name: "error-401", About: "status 401"},
		{Name: "error-429", About: "status 429 with Retry-After"},
		{Name: "error-500", About: "status 500"},
		{Name: "error-event", About: "an error in the middle of the stream, then response.failed", write: func(s *script) { half(s); s.fail() }},
		{Name: "failed", About: "response.failed in the middle of the stream", write: func(s *script) { half(s); s.end(statusFailed) }},
		{Name: "cut", About: "the connection breaks in the middle of an event", send: mock.CutMiddle(openai.Encode)},
		{Name: "cut-twice", About: "the connection breaks in the middle of an event, and again in the stored rest", send: mock.CutMiddle(openai.Encode), resend: cutTwice},
		{Name: "cut-early", About: "the connection breaks before the first text", send: mock.CutEarly(openai.Encode)},
		{Name: "no-done", About: "the response ends properly in the middle of the answer", send: mock.StopMiddle(openai.Encode)},
		{Name: "hang", About: "silence for ever after half of the answer", write: half, send: mock.Hang(openai.Encode)},
		{Name: "help", About: "a list of the models", write: func(s *script) { s.answer(helpText()) }},
	}
}

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

// cutTwice breaks the connection unless few events are left.
func cutTwice(events []mock.Event) ([]mock.Step, mock.Ending) {
	const few = 12
	if len(events) < few {
		return mock.Whole(openai.Encode)(events)
	}
	return mock.CutMiddle(openai.Encode)(events)
}

// writeTo writes the reply of the model.
func (m Model) writeTo(s *script) {
	tool := s.call.Field(`tools.#(type=="function").name`).Str
	switch {
	case m.write != nil:
		m.write(s)
	case s.afterTool:
		s.answer(texts.Compose("The tool said: " + s.question))
	case tool != "":
		s.open()
		s.callTool(tool)
		s.end(statusCompleted)
	default:
		s.answer(texts.Compose(s.question))
	}
}

func half(text string) string {
	first, _ := texts.Halves(text)
	return first
}

func writeSearch(s *script) {
	first, second := texts.Halves(texts.Compose(s.question))
	s.open()
	m := s.beginMessage("output_text")
	m.say(first)
	m.annotate("https://example.com/one")
	m.say(second)
	m.annotate("https://example.com/two")
	m.end()
	s.end(statusCompleted)
}

func writeRefusal(s *script) {
	s.open()
	m := s.beginMessage("refusal")
	m.say("I'm sorry, I cannot help with that. 抱歉，这个我帮不了。")
	m.end()
	s.end(statusCompleted)
}

func writeCalls(s *script) {
	s.open()
	s.say("Let me look that up. 稍等。")
	s.callTool("get_weather")
	s.callTool("get_time")
	s.end(statusCompleted)
}

func writeWhole(s *script) {
	s.open()
	m := s.beginMessage("output_text")
	m.text = texts.Compose(s.question)
	m.end()
	s.end(statusCompleted)
}

func writeStall(s *script) {
	first, second := texts.Halves(texts.Compose(s.question))
	s.open()
	m := s.beginMessage("output_text")
	m.say(first)
	s.pause(20 * time.Second)
	m.say(second)
	m.end()
	s.end(statusCompleted)
}

// textOf returns the text of an item of the input, or of the input itself.
func textOf(input gjson.Result) string {
	content := input
	if input.IsObject() {
		content = input.Get("content")
		if input.Get("type").Str == "function_call_output" {
			content = input.Get("output")
		}
	}
	text := content.String()
	if content.IsArray() {
		var parts []string
		for _, part := range content.Get("#.text").Array() {
			parts = append(parts, part.String())
		}
		text = strings.Join(parts, "\n")
	}
	return strings.ToValidUTF8(text, "\uFFFD")
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
