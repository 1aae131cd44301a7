package openai

import (
	"time"
	"unicode/utf8"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock/texts"
)

// writeTo writes the reply of the model.
func (m Model) writeTo(s *script) {
	switch {
	case m.write != nil:
		m.write(s)
	case s.afterTool:
		s.answer(texts.Compose("The tool said: " + s.question))
	case s.call.Field("tools.0").Exists() && !s.legacy:
		s.open()
		s.callTools(s.call.Field("tools.0.function.name").String())
		s.end("tool_calls")
	default:
		s.answer(texts.Compose(s.question))
	}
}

// answer writes a whole reply, with reasoning if the model has some.
func (s *script) answer(text string) {
	s.open()
	if s.model.style.reasoning != "" && !s.legacy {
		s.think()
	}
	s.say(text)
	s.end("stop")
}

// think writes reasoning.
func (s *script) think() {
	s.thought = texts.Thought(s.question)
	s.speak(s.pieces(s.thought), s.setReasoning)
}

// say writes text of the answer.
func (s *script) say(text string) {
	s.content += text
	pieces := s.pieces(text)
	if len(pieces) == 0 || !s.model.style.endsWithText && !s.legacy {
		s.speak(pieces, setContent)
		return
	}
	last := pieces[len(pieces)-1]
	s.speak(pieces[:len(pieces)-1], setContent)
	n := utf8.RuneCountInString(last)
	s.pause(s.tempo.Pause(s.rng, n))
	s.written += n
	reason := "stop"
	for i := range s.choices {
		c := s.choice(i, last, setContent)
		c.FinishReason = &reason
		if s.model.style.endsWithText {
			s.base.Usage = s.usageJSON()
		}
		s.add(c)
	}
}

// callTools writes one parallel tool call for each name: its id and name first, then its
// arguments in pieces.
func (s *script) callTools(names ...string) {
	const arguments = `{"city":"杭州","unit":"celsius"}`
	for i, name := range names {
		whole := toolCall{ID: "call_standin" + string(rune('A'+i)), Type: "function", Function: function{Name: name, Arguments: arguments}}
		s.toolCalls = append(s.toolCalls, whole)
		begin := whole
		begin.Index, begin.Function.Arguments = &i, ""
		s.addToolCall(begin)
		for _, piece := range s.pieces(arguments) {
			s.pause(20 * time.Millisecond)
			s.addToolCall(toolCall{Index: &i, Function: function{Arguments: piece}})
		}
	}
}

func (s *script) addToolCall(t toolCall) {
	for i := range s.choices {
		s.add(choice{Index: i, Delta: delta{ToolCalls: []toolCall{t}}})
	}
}

func writeToolCalls(s *script) {
	s.open()
	s.say("Let me look that up. 稍等。")
	s.callTools("get_weather", "get_time")
	s.end("tool_calls")
}

func writeThink(s *script) {
	s.answer("<think>\n" + texts.Thought(s.question) + "\n</think>\n\n" + texts.Compose(s.question))
}

func writeHalf(s *script) {
	first, _ := texts.Halves(texts.Compose(s.question))
	s.open()
	s.say(first)
}

func writeStall(s *script) {
	first, second := texts.Halves(texts.Compose(s.question))
	s.open()
	s.say(first)
	s.pause(20 * time.Second)
	s.say(second)
	s.end("stop")
}

func writeError(s *script) {
	writeHalf(s)
	s.pause(5 * time.Millisecond)
	s.addData("", ErrorJSON("server_error", "model_overloaded", "The model is overloaded."), false)
	s.addData("", []byte("[DONE]"), false)
}

func writeLastError(s *script) {
	writeHalf(s)
	s.pause(5 * time.Millisecond)
	s.addData("error", ErrorJSON("invalid_request_error", "tool_use_failed", "Tool choice is required, but model did not call a tool"), false)
}

func writeNamed(s *script) {
	s.event = "answer"
	s.addData("flowNodeStatus", []byte(`{"status":"running","name":"AI Chat"}`), false)
	s.answer(texts.Compose(s.question))
	nodes := []map[string]any{{"moduleName": "AI Chat", "runningTime": 1.2}}
	s.addData("flowResponses", jsonx.Marshal(nodes), false)
}
