package ollama

import (
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"
	"sse-typewriter/mock/texts"
)

// script is a reply while it is written: its lines and their times.
type script struct {
	call     *call
	model    Model
	tempo    mock.Tempo
	rng      *rand.Rand
	name     string // of the model in the lines
	question string

	isChat    bool // otherwise a completion
	afterTool bool // the last message is the result of a tool

	elapsed time.Duration // of the lines so far
	pending time.Duration // pause before the next line
	written int           // characters
	events  []mock.Event

	// Of the whole reply.
	content, thought string
	toolCalls        []toolCall
	last             line
}

func newScript(c *call, m Model, name, question string) *script {
	s := &script{
		call: c, model: m, tempo: m.tempo, rng: c.Rand, name: name, question: question,
		isChat: strings.HasSuffix(c.Path, "/chat"),
	}
	if s.tempo == (mock.Tempo{}) {
		s.tempo = normal
	}
	s.pause(s.tempo.First)
	return s
}

// line is a line of a stream.
type line struct {
	Model     string   `json:"model"`
	CreatedAt string   `json:"created_at"`
	Message   *message `json:"message,omitempty"`
	Response  *string  `json:"response,omitempty"`
	Thinking  string   `json:"thinking,omitempty"`
	Done      bool     `json:"done"`
	*statistics
}

type message struct {
	Role      string     `json:"role"`
	Content   string     `json:"content"`
	Thinking  string     `json:"thinking,omitempty"`
	ToolCalls []toolCall `json:"tool_calls,omitempty"`
}

type toolCall struct {
	Function function `json:"function"`
}

type function struct {
	Name      string         `json:"name"`
	Arguments map[string]any `json:"arguments"`
}

// statistics are the fields of the last line.
type statistics struct {
	DoneReason         string `json:"done_reason"`
	Context            []int  `json:"context,omitempty"`
	TotalDuration      int64  `json:"total_duration,omitempty"`
	LoadDuration       int64  `json:"load_duration,omitempty"`
	PromptEvalCount    int    `json:"prompt_eval_count,omitempty"`
	PromptEvalDuration int64  `json:"prompt_eval_duration,omitempty"`
	EvalCount          int    `json:"eval_count,omitempty"`
	EvalDuration       int64  `json:"eval_duration,omitempty"`
}

// newLine returns a line with texts, as a chat or a completion has it.
func (s *script) newLine(content, thinking string) line {
	at := s.call.Now.Add(s.elapsed + s.pending).UTC().Format(time.RFC3339Nano)
	l := line{Model: s.name, CreatedAt: at}
	if s.isChat {
		l.Message = &message{Role: "assistant", Content: content, Thinking: thinking}
	} else {
		l.Response, l.Thinking = &content, thinking
	}
	return l
}

// pause makes the next line wait, unless everything is sent at once.
func (s *script) pause(d time.Duration) {
	if s.tempo.Speed > 0 {
		s.pending += d
	}
}

// add writes the next line.
func (s *script) add(data []byte, isText bool) {
	s.events = append(s.events, mock.Event{After: s.pending, Data: data, IsText: isText})
	s.elapsed += s.pending
	s.pending = 0
}

// answer writes a whole reply.
func (s *script) answer(text string) {
	if s.model.thinks && !s.declinesThought() {
		s.thought = "The user asks a question. What do they want to know 🤔?"
		if texts.IsChinese(s.question) {
			s.thought = "用户提了一个问题。先想想他真正想知道什么🤔。"
		}
		s.speak(s.thought, func(piece string) line { return s.newLine("", piece) })
	}
	s.say(text)
	s.end("stop")
}

// declinesThought reports whether the request turns the reasoning off.
func (s *script) declinesThought() bool {
	think := s.call.Field("think")
	return think.Exists() && !think.Bool() && think.Str == ""
}

// say writes text of the answer. The last piece may be left to the last line.
func (s *script) say(text string) {
	s.content += text
	s.speak(text, func(piece string) line { return s.newLine(piece, "") })
	if last := len(s.events) - 1; s.model.inLast && last >= 0 {
		s.pending += s.events[last].After
		s.elapsed -= s.events[last].After
		s.events = s.events[:last]
	}
}

// speak writes a text in pieces.
func (s *script) speak(text string, newLine func(piece string) line) {
	for _, piece := range s.tempo.Pieces(s.rng, text) {
		n := utf8.RuneCountInString(piece)
		if s.rng.Float64() >= s.tempo.Bunch {
			s.pause(s.tempo.Pause(s.rng, n))
		}
		s.written += n
		s.last = newLine(piece)
		s.add(jsonx.Marshal(s.last), true)
	}
}

// callTool writes a call, in one line.
func (s *script) callTool(name string) {
	s.toolCalls = append(s.toolCalls, toolCall{function{name, map[string]any{"city": "杭州"}}})
	l := s.newLine("", "")
	if l.Message != nil {
		l.Message.ToolCalls = s.toolCalls
	}
	s.pause(50 * time.Millisecond)
	s.add(jsonx.Marshal(l), false)
}

// end writes the last line.
func (s *script) end(reason string) {
	s.pause(5 * time.Millisecond)
	l := s.newLine("", "")
	if s.model.inLast && s.written > 0 {
		l = s.last
	}
	l.Done, l.statistics = true, &statistics{DoneReason: reason}
	if reason != "load" {
		spent := (s.elapsed + s.pending).Nanoseconds()
		*l.statistics = statistics{
			DoneReason: reason, TotalDuration: spent, LoadDuration: 1_000_000,
			PromptEvalCount: 10 + len(s.question)/3, PromptEvalDuration: 2_000_000, EvalCount: 1 + s.written*2/3, EvalDuration: spent,
		}
		if !s.isChat {
			l.Context = []int{1, 2, 3}
		}
	}
	s.last = l
	s.add(jsonx.Marshal(l), s.model.inLast && s.written > 0)
}

// whole returns the reply of a request without a stream.
func (s *script) whole() []byte {
	l := s.newLine(s.content, s.thought)
	l.Done, l.statistics = s.last.Done, s.last.statistics
	if l.Message != nil {
		l.Message.ToolCalls = s.toolCalls
	}
	return jsonx.Marshal(l)
}
