package responses

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
	"unicode/utf8"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"
	"sse-typewriter/mock/openai"
	"sse-typewriter/mock/texts"
)

// script is a reply while it is written: its events and their times.
type script struct {
	call     *call
	model    Model
	tempo    mock.Tempo
	rng      *rand.Rand
	question string

	afterTool bool // the last item of the input is the result of a tool
	logprobs  bool // the client asks for the probabilities of tokens
	padded    bool // deltas hide the length of their text

	response response
	pending  time.Duration // pause before the next event
	written  int           // characters
	events   []mock.Event
	numbered int // events with a number
}

func newScript(c *call, m Model, name, question string) *script {
	s := &script{
		call: c, model: m, tempo: m.tempo, rng: c.Rand, question: question,
		padded: c.Field("stream_options.include_obfuscation").Raw != "false",
	}
	for _, field := range c.Field("include").Array() {
		s.logprobs = s.logprobs || field.Str == "message.output_text.logprobs"
	}
	if s.tempo == (mock.Tempo{}) {
		s.tempo = openai.Normal
	}
	s.response = response{
		ID: s.id("resp"), Object: "response", CreatedAt: c.Now.Unix(), Status: statusInProgress, Background: c.Field("background").Bool(),
		Model: name, Output: []item{}, ParallelToolCalls: true, Store: c.Field("store").Raw != "false", Temperature: 1, ToolChoice: "auto",
		Tools: []any{}, TopP: 1, Metadata: map[string]any{},
	}
	if instructions := c.Field("instructions"); instructions.Exists() {
		s.response.Instructions = &instructions.Str
	}
	return s
}

func (s *script) id(prefix string) string { return fmt.Sprintf("%s_%016x", prefix, s.rng.Uint64()) }

// pause makes the next event wait, unless everything is sent at once.
func (s *script) pause(d time.Duration) {
	if s.tempo.Speed > 0 {
		s.pending += d
	}
}

// add writes the next event.
func (s *script) add(e event) {
	e.SequenceNumber = s.numbered
	s.numbered++
	name := e.Type
	if s.model.style.unnamed {
		name = ""
	}
	s.addData(name, jsonx.Marshal(e), e.Delta != "" && e.Type == "response.output_text.delta")
}

func (s *script) addData(name string, data []byte, isText bool) {
	s.events = append(s.events, mock.Event{After: s.pending, Name: name, Data: data, IsText: isText})
	s.pending = 0
}

// addState writes an event with the state of the response.
func (s *script) addState(name string) {
	state := s.response
	state.Output = slices.Clone(state.Output)
	s.add(event{Type: "response." + name, Response: &state})
}

// open begins the response.
func (s *script) open() {
	if s.model.style.unnamed {
		for range 3 {
			s.addData("OPENROUTER PROCESSING", nil, false)
			s.pause(50 * time.Millisecond)
		}
	}
	s.pause(s.tempo.First / 2)
	if s.response.Background {
		s.response.Status = statusQueued
		s.addState("created")
		s.addState("queued")
		s.response.Status = statusInProgress
	} else {
		s.addState("created")
	}
	s.addState("in_progress")
	s.pause(s.tempo.First / 2)
}

// answer writes a whole reply, with reasoning if the model has some.
func (s *script) answer(text string) {
	s.open()
	if s.model.style.reasoning != "" {
		s.think(texts.Thought(s.question))
	}
	s.say(text)
	s.end(statusCompleted)
}

// think writes an item with a reasoning.
func (s *script) think(thought string) {
	kind, none := s.model.style.reasoning, []part{}
	w := s.begin(item{ID: s.id("rs"), Type: "reasoning", Summary: &none})
	w.kind = kind
	if kind == byText {
		w.item.Content = &none
	}
	w.beginPart()
	w.say(thought)
	w.end()
}

// say writes an item with a message.
func (s *script) say(text string) {
	m := s.beginMessage("output_text")
	m.say(text)
	m.end()
}

// callTool writes an item with a call of a function.
func (s *script) callTool(name string) {
	const arguments = `{"city":"杭州","unit":"celsius"}`
	w := s.begin(item{ID: s.id("fc"), Type: "function_call", Status: statusInProgress, CallID: s.id("call"), Name: name, Arguments: new(string)})
	for _, piece := range s.tempo.Pieces(s.rng, arguments) {
		s.pause(20 * time.Millisecond)
		s.add(event{Type: "response.function_call_arguments.delta", ItemID: w.item.ID, OutputIndex: &w.index, Delta: piece, Obfuscation: s.padding()})
	}
	s.add(event{Type: "response.function_call_arguments.done", ItemID: w.item.ID, OutputIndex: &w.index, Name: name, Arguments: arguments})
	whole := arguments
	w.item.Arguments = &whole
	w.finish()
}

func (s *script) padding() string {
	if !s.padded {
		return ""
	}
	return openai.Padding(s.rng)
}

// fail writes an error, and the end of the response.
func (s *script) fail() {
	s.pause(5 * time.Millisecond)
	e := openai.NewError("server_error", failed.Code, failed.Message)
	s.add(event{Type: "error", Error: &e})
	s.end(statusFailed)
}

var failed = failure{"server_error", "The model is overloaded."}

// end writes the end of the response.
func (s *script) end(status string) {
	s.pause(5 * time.Millisecond)
	s.response.Status = status
	switch status {
	case statusFailed:
		s.response.Error = &failed
	case statusIncomplete:
		s.response.IncompleteDetails = &details{"max_output_tokens"}
	}
	in, out := 10+len(s.question)/3, 1+s.written*2/3
	s.response.Usage = &usage{Input: in, Output: out, Total: in + out}
	s.addState(status)
	if s.model.style.unnamed {
		s.addData("", []byte("[DONE]"), false)
	}
}

// speak waits as long as a piece takes, and counts it.
func (s *script) speak(piece string) {
	n := utf8.RuneCountInString(piece)
	if s.rng.Float64() >= s.tempo.Bunch {
		s.pause(s.tempo.Pause(s.rng, n))
	}
	s.written += n
}
