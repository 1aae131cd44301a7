package apps

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"sse-typewriter/mock"
)

// Scenario is a stream, or a way to fail.
type Scenario struct {
	// Name selects the scenario: after a slash at the start of the last message, or in the
	// header mock.ScenarioHeader.
	Name string

	// About describes the stream in one line.
	About string

	tempo  mock.Tempo        // zero: normal
	write  func(*script)     // nil: the answer
	send   mock.Delivery     // nil: mock.Whole
	refuse func() mock.Reply // replaces the stream
}

// Scenarios returns all scenarios. The first one is the default.
func Scenarios() []Scenario {
	return []Scenario{
		{Name: "text", About: "an answer"},
		{Name: "thinking", About: "a reasoning before the answer", write: writeThinking},
		{Name: "tool-call", About: "a tool call, its result and an answer", write: writeToolCall},
		{Name: "lumps", About: "about 100 characters an event", tempo: mock.Tempo{First: 600 * time.Millisecond, Speed: 120, Most: 100, Even: true}},

		{Name: "slow", About: "3 characters a second", tempo: mock.Tempo{First: normal.First, Speed: 3, Size: 3, Most: 6}},
		{Name: "at-once", About: "all events in one write", tempo: mock.Tempo{Size: normal.Size, Most: normal.Most}},
		{Name: "stall", About: "20 seconds of silence in the middle", write: writeStall},

		{Name: "error-429", About: "status 429", refuse: refuseWith(http.StatusTooManyRequests, "too many chats")},
		{Name: "error-500", About: "status 500", refuse: refuseWith(http.StatusInternalServerError, "the app has failed")},
		{Name: "error-event", About: "an error in the middle of the stream", write: writeError},
		{Name: "cut", About: "the connection breaks in the middle of an event", send: mock.CutMiddle(encode)},
		{Name: "cut-early", About: "the connection breaks before the first text", send: mock.CutEarly(encode)},
		{Name: "no-end", About: "the response ends properly in the middle of the answer", send: mock.StopMiddle(encode)},
		{Name: "hang", About: "silence for ever after half of the answer", write: writeHalf, send: mock.Hang(encode)},
		{Name: "help", About: "a list of the scenarios", write: func(s *script) { s.answer(helpText()) }},
	}
}

// normal is the tempo of a service.
var normal = mock.Tempo{First: 300 * time.Millisecond, Speed: 60, Size: 4, Most: 12, Bunch: 0.1}

// pickScenario returns the scenario of a request, and the text to answer.
func pickScenario(c *mock.Call, text string) (scenario Scenario, question string) {
	all := Scenarios()
	command, rest, _ := strings.Cut(text, " ")
	for _, s := range all {
		if c.Header.Get(mock.ScenarioHeader) == s.Name {
			return s, text
		}
		if command == "/"+s.Name {
			return s, strings.TrimSpace(rest)
		}
	}
	return all[0], text
}

// encode implements [mock.Encoder].
func encode(_ int, e mock.Event) []byte { return fmt.Appendf(nil, "data: %s\n\n", e.Data) }

func refuseWith(status int, msg string) func() mock.Reply {
	return func() mock.Reply { return refuse(status, msg) }
}

// helpText lists the scenarios.
func helpText() string {
	var out strings.Builder
	out.WriteString("# Scenarios of the stand-in\n\nBegin a message with a slash and a name.\n\n")
	for _, s := range Scenarios() {
		fmt.Fprintf(&out, "- `%s`: %s\n", s.Name, s.About)
	}
	return out.String()
}
