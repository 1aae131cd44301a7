package openai

import (
	"fmt"
	"strings"

	"sse-typewriter/mock"
)

// Model is a model that the stand-in imitates.
type Model struct {
	// Name selects the model: in the field model, in the header mock.ScenarioHeader, or
	// after a slash at the start of the last message.
	Name string

	// About describes the stream in one line.
	About string

	tempo  mock.Tempo        // zero: Normal
	style  style             // of the chunks
	write  func(*script)     // nil: writeAnswer
	send   mock.Delivery     // nil: mock.Whole
	refuse func() mock.Reply // replaces the stream
}

// style is how a vendor writes chunks.
type style struct {
	rolePerChunk bool   // the role is in each chunk, not in a first one without text
	obfuscated   bool   // chunks are padded to hide the length of their text
	reasoning    string // the field with reasoning; empty: none
	details      bool   // the reasoning is also in reasoning_details
	endsWithText bool   // the last text, the reason for the end and the usage are in one chunk
	usageAtEnd   bool   // the usage is in the chunk with the reason for the end
}

// Models returns all models. Any other name is served as the first one.
func Models() []Model {
	return []Model{
		{Name: "gpt-4o", About: "OpenAI: 3 to 6 characters a chunk, padding, usage in a chunk of its own", style: style{obfuscated: true}},
		{Name: "deepseek-chat", About: "DeepSeek: the usage is in the last chunk", style: style{usageAtEnd: true}},
		{Name: "deepseek-reasoner", About: "DeepSeek: reasoning in reasoning_content before the answer", style: style{reasoning: "reasoning_content", usageAtEnd: true}},
		{Name: "gemini-2.5-flash", About: "Gemini: lumps of about 100 characters", tempo: Lumps, style: style{rolePerChunk: true, usageAtEnd: true}},
		{Name: "kimi-k2", About: "Kimi: the last text, finish_reason and usage are in one chunk", style: style{endsWithText: true}},
		{
			Name: "openrouter/auto", About: "OpenRouter: comments, the role in each chunk, reasoning twice, in reasoning and in reasoning_details",
			style: style{rolePerChunk: true, reasoning: "reasoning", details: true, usageAtEnd: true},
		},
		{Name: "qwen-think", About: "reasoning inside the content, between <think> and </think>", write: writeThink},
		{Name: "tool-call", About: "some text and two parallel tool calls", write: writeToolCalls},
		{Name: "fastgpt", About: "FastGPT: named events, and more events after [DONE]", write: writeNamed},

		{Name: "slow", About: "3 characters a second", tempo: Slow},
		{Name: "fast", About: "600 characters a second", tempo: Fast},
		{Name: "at-once", About: "all chunks in one write", tempo: AtOnce},
		{Name: "stall", About: "20 seconds of silence in the middle", write: writeStall},

		{Name: "error-400", About: "status 400", refuse: Refusals["error-400"]},
		{Name: "error-401", About: "status 401", refuse: Refusals["error-401"]},
		{Name: "error-429", About: "status 429 with Retry-After", refuse: Refusals["error-429"]},
		{Name: "error-500", About: "status 500", refuse: Refusals["error-500"]},
		{Name: "error-event", About: "an error in the middle of the stream, then [DONE]", write: writeError},
		{Name: "error-last", About: "an event named error in the middle of the stream, then the end, as Groq sends it", write: writeLastError},
		{Name: "cut", About: "the connection breaks in the middle of a chunk", send: mock.CutMiddle(Encode)},
		{Name: "cut-early", About: "the connection breaks before the first text", send: mock.CutEarly(Encode)},
		{Name: "no-done", About: "the response ends properly in the middle of the answer", send: mock.StopMiddle(Encode)},
		{Name: "hang", About: "silence for ever after half of the answer", write: writeHalf, send: mock.Hang(Encode)},
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

// helpText lists the models.
func helpText() string {
	var out strings.Builder
	out.WriteString("# Models of the stand-in\n\nName one in the field `model`, or begin a message with a slash and the name.\n\n")
	for _, m := range Models() {
		fmt.Fprintf(&out, "- `%s`: %s\n", m.Name, m.About)
	}
	return out.String()
}
