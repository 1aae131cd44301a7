package openai

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"sse-typewriter/mock"
)

// Model is a model that the stand-in imitates.
type Model struct {
	// Name selects the model: in the field model, in the header mock.ScenarioHeader, or
	// after a slash at the start of the last message.
	Name string

	// About describes the stream in one line.
	About string

	tempo  mock.Tempo        // zero: normal
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
		{Name: "gemini-2.5-flash", About: "Gemini: lumps of about 100 characters", tempo: lumps, style: style{rolePerChunk: true, usageAtEnd: true}},
		{Name: "kimi-k2", About: "Kimi: the last text, finish_reason and usage are in one chunk", style: style{endsWithText: true}},
		{
			Name: "openrouter/auto", About: "OpenRouter: comments, the role in each chunk, reasoning twice, in reasoning and in reasoning_details",
			style: style{rolePerChunk: true, reasoning: "reasoning", details: true, usageAtEnd: true},
		},
		{Name: "qwen-think", About: "reasoning inside the content, between <think> and </think>", write: writeThink},
		{Name: "tool-call", About: "some text and two parallel tool calls", write: writeToolCalls},
		{Name: "fastgpt", About: "FastGPT: named events, and more events after [DONE]", write: writeNamed},

		{Name: "slow", About: "3 characters a second", tempo: mock.Tempo{First: normal.First, Speed: 3, Size: 3, Most: 6}},
		{Name: "fast", About: "600 characters a second", tempo: mock.Tempo{First: normal.First, Speed: 600, Size: normal.Size, Most: normal.Most}},
		{Name: "at-once", About: "all chunks in one write", tempo: mock.Tempo{Size: normal.Size, Most: normal.Most}},
		{Name: "stall", About: "20 seconds of silence in the middle", write: writeStall},

		{Name: "error-400", About: "status 400", refuse: refuseWith(http.StatusBadRequest, "invalid_request_error", "context_length_exceeded", "This model's maximum context length is 8192 tokens.")},
		{Name: "error-401", About: "status 401", refuse: refuseWith(http.StatusUnauthorized, "invalid_request_error", "invalid_api_key", "Incorrect API key provided.")},
		{Name: "error-429", About: "status 429 with Retry-After", refuse: refuseBusy},
		{Name: "error-500", About: "status 500", refuse: refuseWith(http.StatusInternalServerError, "server_error", "", "The server had an error while processing your request.")},
		{Name: "error-event", About: "an error in the middle of the stream, then [DONE]", write: writeError},
		{Name: "error-last", About: "an event named error in the middle of the stream, then the end, as Groq sends it", write: writeLastError},
		{Name: "cut", About: "the connection breaks in the middle of a chunk", send: mock.CutMiddle(encode)},
		{Name: "cut-early", About: "the connection breaks before the first text", send: mock.CutEarly(encode)},
		{Name: "no-done", About: "the response ends properly in the middle of the answer", send: mock.StopMiddle(encode)},
		{Name: "hang", About: "silence for ever after half of the answer", write: writeHalf, send: mock.Hang(encode)},
		{Name: "help", About: "a list of the models", write: func(s *script) { s.answer(helpText()) }},
	}
}

// The tempos of the models.
var (
	normal = mock.Tempo{First: 300 * time.Millisecond, Speed: 60, Size: 4.5, Most: 16, Bunch: 0.2}
	lumps  = mock.Tempo{First: 600 * time.Millisecond, Speed: 120, Most: 100, Even: true}
)

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

// deliver returns what the client gets of the events.
func (m Model) deliver(events []mock.Event) ([]mock.Step, mock.Ending) {
	if m.send == nil {
		return mock.Whole(encode)(events)
	}
	return m.send(events)
}

// encode implements [mock.Encoder]. An event without data is a comment.
func encode(_ int, e mock.Event) []byte {
	switch {
	case e.Data == nil:
		return fmt.Appendf(nil, ": %s\n\n", e.Name)
	case e.Name != "":
		return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", e.Name, e.Data)
	default:
		return fmt.Appendf(nil, "data: %s\n\n", e.Data)
	}
}

func refuseWith(status int, errorType, code, msg string) func() mock.Reply {
	return func() mock.Reply { return refuse(status, errorType, code, msg) }
}

func refuseBusy() mock.Reply {
	reply := refuse(http.StatusTooManyRequests, "requests", "rate_limit_exceeded", "Rate limit reached for requests.")
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
