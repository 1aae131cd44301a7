package anthropic

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"
	"sse-typewriter/mock/texts"
)

// script is a reply while it is written: its events and their times.
type script struct {
	call     *call
	model    Model
	tempo    mock.Tempo
	rng      *rand.Rand
	question string

	afterTool bool // the last message is the result of a tool

	message message
	pending time.Duration // pause before the next event
	written int           // characters
	pinged  bool
	events  []mock.Event
}

func newScript(c *call, m Model, name, question string) *script {
	s := &script{call: c, model: m, tempo: m.tempo, rng: c.Rand, question: question}
	if s.tempo == (mock.Tempo{}) {
		s.tempo = normal
	}
	s.message = message{
		ID: fmt.Sprintf("msg_%016x", s.rng.Uint64()), Type: "message", Role: "assistant", Model: name,
		Content: []block{}, Usage: usage{Input: 10 + len(question)/3, Output: 1},
	}
	return s
}

// message is a message as the first event has it, or a reply without a stream.
type message struct {
	ID           string  `json:"id"`
	Type         string  `json:"type"`
	Role         string  `json:"role"`
	Model        string  `json:"model"`
	Content      []block `json:"content"`
	StopReason   *string `json:"stop_reason"`
	StopSequence *string `json:"stop_sequence"`
	Usage        usage   `json:"usage"`
}

type usage struct {
	Input  int `json:"input_tokens"`
	Output int `json:"output_tokens"`
}

// block is a content block.
type block struct {
	Type      string          `json:"type"`
	Text      *string         `json:"text,omitempty"`
	Thinking  *string         `json:"thinking,omitempty"`
	Signature *string         `json:"signature,omitempty"`
	ID        string          `json:"id,omitempty"`
	Name      string          `json:"name,omitempty"`
	Input     json.RawMessage `json:"input,omitempty"`
	Citations []citation      `json:"citations,omitempty"`
}

type citation struct {
	Type  string `json:"type"`
	URL   string `json:"url"`
	Title string `json:"title"`
	Cited string `json:"cited_text"`
}

// pause makes the next event wait, unless everything is sent at once.
func (s *script) pause(d time.Duration) {
	if s.tempo.Speed > 0 {
		s.pending += d
	}
}

// addData writes the next event.
func (s *script) addData(name string, data []byte, isText bool) {
	s.events = append(s.events, mock.Event{After: s.pending, Name: name, Data: data, IsText: isText})
	s.pending = 0
}

// add writes the next event, padded with spaces as the service does.
func (s *script) add(name string, data any) {
	const mostSpaces = 15
	encoded := jsonx.Marshal(data)
	padded := strings.TrimSuffix(string(encoded), "}") + strings.Repeat(" ", s.rng.IntN(mostSpaces+1)) + "}"
	s.addData(name, []byte(padded), false)
}

// open begins the message.
func (s *script) open() {
	s.pause(s.tempo.First / 2)
	s.add("message_start", messageEvent{Type: "message_start", Message: &s.message})
	s.pause(s.tempo.First / 2)
}

// messageEvent is an event of the message.
type messageEvent struct {
	Type    string   `json:"type"`
	Message *message `json:"message,omitempty"`
	Delta   any      `json:"delta,omitempty"`
	Usage   any      `json:"usage,omitempty"`
}

// blockEvent is an event of a content block.
type blockEvent struct {
	Type  string `json:"type"`
	Index int    `json:"index"`
	Block *block `json:"content_block,omitempty"`
	Delta any    `json:"delta,omitempty"`
}

// begin begins a block. The first one is followed by a ping.
func (s *script) begin(b block) {
	s.message.Content = append(s.message.Content, b)
	s.add("content_block_start", blockEvent{Type: "content_block_start", Index: len(s.message.Content) - 1, Block: &b})
	if !s.pinged {
		s.pinged = true
		s.addData("ping", []byte(`{"type": "ping"}`), false)
	}
}

// block returns the current block.
func (s *script) block() *block { return &s.message.Content[len(s.message.Content)-1] }

// delta writes a delta of the current block.
func (s *script) delta(delta any) {
	s.add("content_block_delta", blockEvent{Type: "content_block_delta", Index: len(s.message.Content) - 1, Delta: delta})
}

// finish ends the current block.
func (s *script) finish() {
	s.add("content_block_stop", blockEvent{Type: "content_block_stop", Index: len(s.message.Content) - 1})
}

// speak writes pieces of text. delta returns the delta with a piece.
func (s *script) speak(text string, delta func(piece string) any) {
	for _, piece := range s.tempo.Pieces(s.rng, text) {
		n := utf8.RuneCountInString(piece)
		if s.rng.Float64() >= s.tempo.Bunch {
			s.pause(s.tempo.Pause(s.rng, n))
		}
		s.written += n
		s.delta(delta(piece))
		s.events[len(s.events)-1].IsText = true
	}
}

type textDelta struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type thinkingDelta struct {
	Type     string `json:"type"`
	Thinking string `json:"thinking"`
}

// answer writes a whole reply.
func (s *script) answer(text string) {
	s.open()
	s.say(text)
	s.end("end_turn")
}

// say writes a block of text.
func (s *script) say(text string) {
	s.begin(block{Type: "text", Text: new(string)})
	s.speak(text, func(piece string) any { return textDelta{"text_delta", piece} })
	s.finish()
	s.block().Text = &text
}

// cite writes a block of text with a citation.
func (s *script) cite(text string) {
	c := citation{"web_search_result_location", "https://example.com/", "Example", text}
	s.begin(block{Type: "text", Text: new(string)})
	s.delta(map[string]any{"type": "citations_delta", "citation": c})
	s.speak(text, func(piece string) any { return textDelta{"text_delta", piece} })
	s.finish()
	s.block().Text, s.block().Citations = &text, []citation{c}
}

// think writes a block of reasoning.
func (s *script) think() {
	thought, signature := texts.Thought(s.question), "c2lnbmF0dXJl"
	s.begin(block{Type: "thinking", Thinking: new(string), Signature: new(string)})
	s.speak(thought, func(piece string) any { return thinkingDelta{"thinking_delta", piece} })
	s.delta(map[string]any{"type": "signature_delta", "signature": signature})
	s.finish()
	s.block().Thinking, s.block().Signature = &thought, &signature
}

// callTool writes a tool call.
func (s *script) callTool(name string) {
	const input = `{"city":"杭州","unit":"celsius"}`
	s.begin(block{Type: "tool_use", ID: fmt.Sprintf("toolu_standin%d", len(s.message.Content)), Name: name, Input: json.RawMessage("{}")})
	for _, piece := range append([]string{""}, s.tempo.Pieces(s.rng, input)...) {
		s.pause(20 * time.Millisecond)
		s.delta(map[string]any{"type": "input_json_delta", "partial_json": piece})
	}
	s.finish()
	s.block().Input = json.RawMessage(input)
}

// end writes the reason for the end, the usage and the final event.
func (s *script) end(reason string) {
	s.message.StopReason, s.message.Usage.Output = &reason, 1+s.written*2/3
	s.pause(5 * time.Millisecond)
	s.add("message_delta", messageEvent{
		Type:  "message_delta",
		Delta: map[string]any{"stop_reason": reason, "stop_sequence": nil},
		Usage: map[string]any{"output_tokens": s.message.Usage.Output},
	})
	s.add("message_stop", messageEvent{Type: "message_stop"})
}

// whole returns the reply of a request without stream.
func (s *script) whole() []byte { return jsonx.Marshal(s.message) }
