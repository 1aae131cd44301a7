package declarative

import (
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"sse-typewriter/mock"
	"sse-typewriter/mock/texts"
)

// Scenario is a way to stream an answer, or to fail.
type Scenario struct {
	// Name selects the scenario: in the header mock.ScenarioHeader, after a slash at the start
	// of the question, or in the field model.
	Name string

	// About describes the stream in one line.
	About string

	status int                              // of a refusal
	thinks bool                             // a reasoning precedes the answer
	half   bool                             // the answer ends in its middle
	fails  bool                             // with an error
	swaps  bool                             // the beginning of the text is replaced in the middle
	send   func(mock.Encoder) mock.Delivery // nil: mock.Whole
	tempo  mock.Tempo                       // zero: normal
}

// Scenarios returns all scenarios. The first one is the default.
func Scenarios() []Scenario {
	return []Scenario{
		{Name: "normal", About: "a complete answer"},
		{Name: "thinking", About: "a reasoning before the answer, for DashScope and LKE", thinks: true},
		{Name: "fast", About: "600 characters a second", tempo: mock.Tempo{First: normal.First, Speed: 600, Size: normal.Size, Most: normal.Most}},
		{Name: "slow", About: "3 characters a second", tempo: mock.Tempo{First: normal.First, Speed: 3, Size: 3, Most: 6}},
		{Name: "replaced", About: "the text is replaced in the middle, where events have all text so far", swaps: true},
		{Name: "cut", About: "the connection breaks in the middle of an event", send: mock.CutMiddle},
		{Name: "no-done", About: "the response ends properly in the middle of the answer", half: true},
		{Name: "hang", About: "silence for ever after half of the answer", half: true, send: mock.Hang},
		{Name: "error-event", About: "an error in the middle of the stream", half: true, fails: true},
		{Name: "error-400", About: "status 400", status: http.StatusBadRequest},
		{Name: "error-401", About: "status 401", status: http.StatusUnauthorized},
		{Name: "error-429", About: "status 429", status: http.StatusTooManyRequests},
		{Name: "error-500", About: "status 500", status: http.StatusInternalServerError},
	}
}

var normal = mock.Tempo{First: 300 * time.Millisecond, Speed: 60, Size: 6, Most: 20, Bunch: 0.2}

// pickScenario returns the scenario of a request, and the text to answer.
func pickScenario(c *mock.Call, question string) (Scenario, string) {
	if s, ok := findScenario(c.Header.Get(mock.ScenarioHeader)); ok {
		return s, question
	}
	command, rest, _ := strings.Cut(question, " ")
	if name, ok := strings.CutPrefix(command, "/"); ok {
		if s, ok := findScenario(name); ok {
			return s, strings.TrimSpace(rest) + " "
		}
	}
	if s, ok := findScenario(c.Field("model").String()); ok {
		return s, question
	}
	return Scenarios()[0], question
}

func findScenario(name string) (Scenario, bool) {
	for _, s := range Scenarios() {
		if s.Name == name {
			return s, true
		}
	}
	return Scenario{}, false
}

// play returns the reply to a question.
func (s *service) play(c *mock.Call, scenario Scenario, question string) mock.Reply {
	text := texts.Compose(question)
	if !s.streams(c) {
		return mock.Plain(http.StatusOK, typeJSON, s.event(part{id: "stand-in", path: c.Path, text: text, written: len(text), isLast: true}).Data)
	}
	if scenario.half {
		text, _ = texts.Halves(text)
	}
	w := &writer{service: s, call: c, scenario: scenario, part: part{id: fmt.Sprintf("%016x", c.Rand.Uint64()), path: c.Path}}
	if w.tempo = scenario.tempo; w.tempo == (mock.Tempo{}) {
		w.tempo = normal
	}
	w.pending = w.tempo.First
	if scenario.thinks {
		w.write("Let me think about that. 想一想🤔。", true)
	}
	w.write(text, false)
	switch {
	case scenario.fails:
		failure, _ := s.failure("InternalError", "The model failed.")
		w.events = append(w.events, failure)
	case !scenario.half:
		w.part.isLast = true
		w.add(part{}, false)
	}
	send := mock.Whole
	if scenario.send != nil {
		send = scenario.send
	}
	steps, ending := send(s.encode)(w.events)
	return mock.Stream("text/event-stream;charset=UTF-8", steps, ending)
}

// writer writes the events of an answer.
type writer struct {
	*service
	call     *mock.Call
	scenario Scenario
	tempo    mock.Tempo
	part     part // with all text so far
	pending  time.Duration
	events   []mock.Event
}

// write writes a text in pieces.
func (w *writer) write(text string, thinking bool) {
	pieces := w.tempo.Pieces(w.call.Rand, text)
	for i, piece := range pieces {
		if w.scenario.swaps && i == len(pieces)/2 {
			w.part.text = "[…] " + w.part.text
		}
		w.pending += w.tempo.Pause(w.call.Rand, utf8.RuneCountInString(piece))
		w.part.written += utf8.RuneCountInString(piece)
		if thinking {
			w.part.thinking += piece
			w.add(part{thinking: piece}, true)
		} else {
			w.part.text += piece
			w.add(part{text: piece}, true)
		}
	}
}

// add adds an event with new text.
func (w *writer) add(added part, isText bool) {
	p := w.part
	if !w.repeats(w.call) {
		p.text, p.thinking = added.text, added.thinking
	}
	e := w.event(p)
	e.After, e.IsText = w.pending, isText
	w.events = append(w.events, e)
	w.part.number++
	w.pending = 0
}
