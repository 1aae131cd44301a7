package gemini

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"
	"unicode/utf8"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"
)

// script is a reply while it is written: its chunks and their times.
type script struct {
	call     *call
	model    Model
	tempo    mock.Tempo
	rng      *rand.Rand
	question string

	afterTool bool // the last content is the result of a function

	base    response
	last    candidate     // fields that the last chunk has
	pending time.Duration // pause before the next event
	written int           // characters
	parts   []part        // of all chunks
	events  []mock.Event
}

func newScript(c *call, m Model, name, question string) *script {
	s := &script{call: c, model: m, tempo: m.tempo, rng: c.Rand, question: question}
	if s.tempo == (mock.Tempo{}) {
		s.tempo = normal
	}
	s.base = response{ModelVersion: name, ResponseID: fmt.Sprintf("standin-%016x", s.rng.Uint64())}
	return s
}

// response is the data of an event, or a reply without a stream.
type response struct {
	Candidates     []candidate `json:"candidates,omitempty"`
	PromptFeedback *feedback   `json:"promptFeedback,omitempty"`
	Usage          usage       `json:"usageMetadata"`
	ModelVersion   string      `json:"modelVersion"`
	ResponseID     string      `json:"responseId"`
}

type feedback struct {
	BlockReason string `json:"blockReason"`
}

type usage struct {
	Prompt     int `json:"promptTokenCount"`
	Candidates int `json:"candidatesTokenCount,omitempty"`
	Total      int `json:"totalTokenCount"`
}

type candidate struct {
	Content      content        `json:"content"`
	FinishReason string         `json:"finishReason,omitempty"`
	Index        int            `json:"index"`
	Grounding    map[string]any `json:"groundingMetadata,omitempty"`
}

type content struct {
	Parts []part `json:"parts"`
	Role  string `json:"role"`
}

type part struct {
	Text      *string       `json:"text,omitempty"`
	Thought   bool          `json:"thought,omitempty"`
	Signature string        `json:"thoughtSignature,omitempty"`
	Call      *functionCall `json:"functionCall,omitempty"`
	Code      *code         `json:"executableCode,omitempty"`
	Result    *result       `json:"codeExecutionResult,omitempty"`
}

type functionCall struct {
	Name string          `json:"name"`
	Args json.RawMessage `json:"args"`
}

type code struct {
	Language string `json:"language"`
	Code     string `json:"code"`
}

type result struct {
	Outcome string `json:"outcome"`
	Output  string `json:"output"`
}

// callOf returns a call of a function.
func callOf(name string) part {
	return part{Call: &functionCall{name, json.RawMessage(`{"city":"杭州","unit":"celsius"}`)}}
}

// pause makes the next event wait, unless everything is sent at once.
func (s *script) pause(d time.Duration) {
	if s.tempo.Speed > 0 {
		s.pending += d
	}
}

// addData writes the next event.
func (s *script) addData(data []byte, isText bool) {
	s.events = append(s.events, mock.Event{After: s.pending, Data: data, IsText: isText})
	s.pending = 0
}

// usage returns the count of tokens so far, which is estimated.
func (s *script) usage() usage {
	in, out := 10+len(s.question)/3, s.written*2/3
	return usage{in, out, in + out}
}

// add writes the next chunk, with parts.
func (s *script) add(c candidate, parts ...part) {
	s.parts = append(s.parts, parts...)
	c.Content = content{parts, "model"}
	r := s.base
	r.Candidates, r.Usage = []candidate{c}, s.usage()
	s.addData(jsonx.Marshal(r), false)
}

// say writes chunks of text, or of a thought.
func (s *script) say(text string, isThought bool) {
	s.speak(s.tempo.Pieces(s.rng, text), isThought, candidate{})
}

// speak writes pieces of text. last has the other fields of the last chunk.
func (s *script) speak(pieces []string, isThought bool, last candidate) {
	for i, piece := range pieces {
		n := utf8.RuneCountInString(piece)
		s.pause(s.tempo.Pause(s.rng, n))
		s.written += n
		c := candidate{}
		if i == len(pieces)-1 {
			c = last
		}
		s.add(c, part{Text: &piece, Thought: isThought})
		s.events[len(s.events)-1].IsText = true
	}
}

// answer writes a whole reply, whose last chunk has text and the reason for the end.
func (s *script) answer(text string) {
	s.pause(s.tempo.First)
	s.last.FinishReason = "STOP"
	s.speak(s.tempo.Pieces(s.rng, text), false, s.last)
}

// block writes the reply to a prompt that is blocked.
func (s *script) block() {
	s.pause(s.tempo.First)
	r := s.base
	r.PromptFeedback, r.Usage = &feedback{"SAFETY"}, s.usage()
	s.addData(jsonx.Marshal(r), false)
}

// whole returns the reply of a request without stream.
func (s *script) whole() []byte {
	var joined []part
	for _, p := range s.parts {
		if n := len(joined); n > 0 && p.Text != nil && joined[n-1].Text != nil && p.Thought == joined[n-1].Thought {
			text := *joined[n-1].Text + *p.Text
			joined[n-1].Text = &text
			continue
		}
		joined = append(joined, p)
	}
	r := s.base
	c := s.last
	c.Content, c.FinishReason = content{joined, "model"}, "STOP"
	r.Candidates, r.Usage = []candidate{c}, s.usage()
	return jsonx.Marshal(r)
}
