package apps

import (
	"encoding/json"
	"time"
	"unicode/utf8"

	"sse-typewriter/mock"
	"sse-typewriter/mock/texts"
)

// script is a reply while it is written: its events and their times.
type script struct {
	call     *mock.Call
	protocol protocol
	scenario Scenario
	tempo    mock.Tempo
	question string

	pending time.Duration // pause before the next event
	events  []mock.Event
}

func newScript(c *mock.Call, p protocol, scenario Scenario, question string) *script {
	s := &script{call: c, protocol: p, scenario: scenario, tempo: scenario.tempo, question: question}
	if s.tempo == (mock.Tempo{}) {
		s.tempo = normal
	}
	return s
}

// perform writes the reply.
func (s *script) perform() {
	s.add(s.protocol.begin()...)
	s.pause(s.tempo.First)
	if s.scenario.write != nil {
		s.scenario.write(s)
		return
	}
	s.answer(texts.Compose(s.question))
}

// pause makes the next event wait, unless everything is sent at once.
func (s *script) pause(d time.Duration) {
	if s.tempo.Speed > 0 {
		s.pending += d
	}
}

// add writes events without text.
func (s *script) add(events ...event) {
	for _, e := range events {
		s.write(e, false)
	}
}

func (s *script) write(e event, isText bool) {
	s.events = append(s.events, mock.Event{After: s.pending, Data: e.encode(), IsText: isText})
	s.pending = 0
}

// answer writes a text and the end.
func (s *script) answer(text string) {
	s.speak(answer, text)
	s.add(s.protocol.end()...)
}

// speak writes a text.
func (s *script) speak(kind textKind, text string) {
	s.add(s.protocol.open(kind)...)
	s.say(kind, text)
	s.add(s.protocol.closing(kind)...)
}

// say writes the pieces of a text.
func (s *script) say(kind textKind, text string) {
	for _, piece := range s.tempo.Pieces(s.call.Rand, text) {
		if s.call.Rand.Float64() >= s.tempo.Bunch {
			s.pause(s.tempo.Pause(s.call.Rand, utf8.RuneCountInString(piece)))
		}
		s.write(s.protocol.text(kind, piece), true)
	}
}

func writeThinking(s *script) {
	thoughts := "The user asks a question. What do they want to know 🤔?"
	if texts.IsChinese(s.question) {
		thoughts = "用户提了一个问题。先想想他真正想知道什么🤔。"
	}
	s.speak(thought, thoughts)
	s.answer(texts.Compose(s.question))
}

func writeToolCall(s *script) {
	s.add(s.protocol.tool("get_weather", json.RawMessage(`{"city":"杭州"}`))...)
	s.answer("It is sunny in 杭州.")
}

func writeHalf(s *script) {
	first, _ := texts.Halves(texts.Compose(s.question))
	s.add(s.protocol.open(answer)...)
	s.say(answer, first)
}

func writeStall(s *script) {
	first, second := texts.Halves(texts.Compose(s.question))
	s.add(s.protocol.open(answer)...)
	s.say(answer, first)
	s.pause(20 * time.Second)
	s.say(answer, second)
	s.add(s.protocol.closing(answer)...)
	s.add(s.protocol.end()...)
}

func writeError(s *script) {
	writeHalf(s)
	s.add(s.protocol.fail("the model is overloaded")...)
}
