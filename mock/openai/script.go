package openai

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"
)

// maxChoices bounds the choices of a chat.
const maxChoices = 8

// script is a reply while it is written: its events and their times.
type script struct {
	call     *call
	model    Model
	tempo    mock.Tempo
	rng      *rand.Rand
	question string

	afterTool bool   // the last message is the result of a tool
	legacy    bool   // a legacy completion
	usage     bool   // the client asks for the usage
	logprobs  bool   // and for the probabilities of tokens
	event     string // the name of events
	choices   int

	base    chunk
	pending time.Duration // pause before the next event
	written int           // characters
	events  []mock.Event

	// Of the whole reply, for each choice alike.
	content, thought string
	toolCalls        []toolCall
	finish           string
}

func newScript(c *call, m Model, name, question string) *script {
	s := &script{
		call: c, model: m, tempo: m.tempo, rng: c.Rand, question: question,
		legacy:   !strings.HasSuffix(c.Path, "/chat/completions"),
		usage:    c.Field("stream_options.include_usage").Bool(),
		logprobs: c.Field("logprobs").IsBool() && c.Field("logprobs").Bool(),
		choices:  min(max(int(c.Field("n").Int()), 1), maxChoices),
	}
	if s.tempo == (mock.Tempo{}) {
		s.tempo = Normal
	}
	s.base = chunk{ID: fmt.Sprintf("chatcmpl-%016x", s.rng.Uint64()), Object: "chat.completion.chunk", Created: c.Now.Unix(), Model: name, SystemFingerprint: "fp_standin"}
	if s.legacy {
		s.base.ID, s.base.Object = strings.Replace(s.base.ID, "chatcmpl", "cmpl", 1), "text_completion"
	}
	return s
}

// chunk is the data of an event.
type chunk struct {
	ID                string          `json:"id"`
	Object            string          `json:"object"`
	Created           int64           `json:"created"`
	Model             string          `json:"model"`
	SystemFingerprint string          `json:"system_fingerprint"`
	Choices           []choice        `json:"choices"`
	Usage             json.RawMessage `json:"usage,omitempty"`
	Obfuscation       string          `json:"obfuscation,omitempty"`
}

type choice struct {
	Index        int             `json:"index"`
	Delta        any             `json:"delta,omitempty"`
	Text         *string         `json:"text,omitempty"`
	Message      any             `json:"message,omitempty"`
	Logprobs     json.RawMessage `json:"logprobs"`
	FinishReason *string         `json:"finish_reason"`
}

// delta is what a chunk adds to a message.
type delta struct {
	Role             string     `json:"role,omitempty"`
	Content          *string    `json:"content,omitempty"`
	ReasoningContent *string    `json:"reasoning_content,omitempty"`
	Reasoning        string     `json:"reasoning,omitempty"`
	ReasoningDetails []detail   `json:"reasoning_details,omitempty"`
	ToolCalls        []toolCall `json:"tool_calls,omitempty"`
}

type detail struct {
	Type   string `json:"type"`
	Text   string `json:"text"`
	Format string `json:"format"`
	Index  int    `json:"index"`
}

type toolCall struct {
	Index    *int     `json:"index,omitempty"`
	ID       string   `json:"id,omitempty"`
	Type     string   `json:"type,omitempty"`
	Function function `json:"function"`
}

type function struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
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

// add writes the next chunk, with the choices that it has.
func (s *script) add(choices ...choice) {
	c, isText := s.base, false
	c.Choices = append([]choice{}, choices...) // never null
	for _, choice := range choices {
		d, _ := choice.Delta.(delta)
		isText = isText || choice.Text != nil || d.Content != nil && *d.Content != ""
	}
	if c.Usage == nil && s.usage {
		c.Usage = json.RawMessage("null")
	}
	if s.model.style.obfuscated {
		c.Obfuscation = Padding(s.rng)
	}
	s.addData(s.event, jsonx.Marshal(c), isText)
}

// open begins the message.
func (s *script) open() {
	if strings.HasPrefix(s.model.Name, "openrouter") {
		for range 3 {
			s.pause(50 * time.Millisecond)
			s.addData("OPENROUTER PROCESSING", nil, false)
		}
	}
	s.pause(s.tempo.First / 2)
	if !s.legacy && !s.model.style.rolePerChunk {
		for i := range s.choices {
			s.add(choice{Index: i, Delta: delta{Role: "assistant", Content: new(string)}})
		}
	}
	s.pause(s.tempo.First / 2)
}

// pieces cuts a text as the model would.
func (s *script) pieces(text string) []string { return s.tempo.Pieces(s.rng, text) }

// speak writes pieces of text. fill puts a piece into a delta.
func (s *script) speak(pieces []string, fill func(*delta, string)) {
	for _, piece := range pieces {
		n := utf8.RuneCountInString(piece)
		if s.rng.Float64() >= s.tempo.Bunch {
			s.pause(s.tempo.Pause(s.rng, n))
		}
		s.written += n
		for i := range s.choices {
			s.add(s.choice(i, piece, fill))
		}
	}
}

// choice returns a choice with a piece of text.
func (s *script) choice(i int, piece string, fill func(*delta, string)) choice {
	if s.legacy {
		return choice{Index: i, Text: &piece}
	}
	var d delta
	if s.model.style.rolePerChunk {
		d.Role = "assistant"
	}
	fill(&d, piece)
	out := choice{Index: i, Delta: d}
	if s.logprobs {
		out.Logprobs = logprobs(piece)
	}
	return out
}

// logprobs returns the probabilities of a piece.
func logprobs(piece string) json.RawMessage {
	return jsonx.Marshal(map[string]any{"content": []Token{NewToken(piece)}, "refusal": nil})
}

func setContent(d *delta, text string) { d.Content = &text }

func (s *script) setReasoning(d *delta, text string) {
	style := s.model.style
	if style.reasoning == "reasoning_content" {
		d.ReasoningContent = &text
	} else {
		d.Reasoning = text
	}
	if style.details {
		d.ReasoningDetails = []detail{{"reasoning.text", text, "unknown", 0}}
	}
}

// usageJSON returns the count of tokens, which are estimated.
func (s *script) usageJSON() json.RawMessage {
	in, out := 10+len(s.question)/3, 1+s.written*2/3
	return fmt.Appendf(nil, `{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}`, in, out, in+out)
}

// end writes the reason for the end, the usage and the final event.
func (s *script) end(reason string) {
	s.finish = reason
	style := s.model.style
	if !style.endsWithText && !s.legacy {
		s.pause(5 * time.Millisecond)
		for i := range s.choices {
			if style.usageAtEnd && i == s.choices-1 {
				s.base.Usage = s.usageJSON()
			}
			s.add(choice{Index: i, Delta: delta{}, FinishReason: &reason})
		}
	}
	if s.usage && !style.usageAtEnd && !style.endsWithText {
		s.base.Usage = s.usageJSON()
		s.add()
	}
	s.addData(s.event, []byte("[DONE]"), false)
}

// whole returns the reply of a request without stream.
func (s *script) whole() []byte {
	c := s.base
	c.Object = strings.TrimSuffix(c.Object, ".chunk")
	c.Usage = s.usageJSON()
	for i := range s.choices {
		out := choice{Index: i, FinishReason: &s.finish}
		if s.legacy {
			out.Text = &s.content
		} else {
			message := delta{Role: "assistant", Content: &s.content, ToolCalls: s.toolCalls}
			if s.thought != "" {
				s.setReasoning(&message, s.thought)
			}
			out.Message = message
		}
		c.Choices = append(c.Choices, out)
	}
	return jsonx.Marshal(c)
}
