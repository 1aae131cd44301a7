package coze

import (
	"fmt"
	"net/http"
	"strings"

	"sse-typewriter/mock"
)

// Scenario is a behavior of the stand-in. The zero value is a normal chat.
type Scenario struct {
	// Name selects the scenario, in the header mock.ScenarioHeader or after a slash at the
	// start of a message.
	Name string
	// About describes the scenario in one line.
	About string

	ask   string            // the default question; empty: askPoem
	tempo *mock.Tempo       // nil: normal
	play  func(*chatScript) // writes the answer; nil: playAnswer
	send  mock.Delivery     // nil: mock.Whole(mock.CompactSSE)

	studio  bool              // the chat is one of coze-studio
	prepare func(*chatScript) // changes the empty script; may be nil

	// refuse, if not nil, returns a reply instead of a chat.
	refuse func(*call) mock.Reply
}

// Scenarios returns all scenarios. A new scenario needs a row here and a function in
// scripts.go.
func Scenarios() []Scenario {
	return []Scenario{
		{Name: "help", About: "this list", tempo: &fast, play: func(s *chatScript) { playText(s, helpText()) }},

		// Content.
		{Name: "reasoning", About: "thinks before it answers", play: playReasoning},
		{Name: "messages", About: "several answer messages, one after another", play: playMessages},
		{Name: "tool", About: "asks for a tool: requires_action, goes on with submit_tool_outputs", play: playTool},
		{Name: "audio", About: "audio deltas between chat.completed and done", play: playAudio},
		{Name: "unknown", About: "event types nobody knows, ping, a card, function calls", play: playUnknown},
		{Name: "studio", About: "ends as coze-studio does, with created_at on each delta", play: playStudio, studio: true},
		{Name: "studio-error", About: "fails as coze-studio does: event error, then the end", play: playStudioError, studio: true},

		// Speed.
		{Name: "slow", About: "3 characters a second", tempo: &slow},
		{Name: "fast", About: "400 characters a second", ask: askArticle, tempo: &fast},
		{Name: "dumps", About: "100 characters at a time, every 2.5 seconds", ask: askArticle, tempo: &dumps},
		{Name: "at-once", About: "a long article, all events in one write", ask: askArticle, tempo: &atOnce},
		{Name: "stall", About: "20 seconds of silence in the middle", play: playStall},

		// Encoding.
		{Name: "surrogates", About: "emoji as two escapes that are split over two deltas", play: playSurrogates},
		{Name: "escapes", About: "all that may be escaped in JSON is", play: playEscapes},
		{Name: "separators", About: "raw U+0085, U+2028 and U+2029 in the text", play: playSeparators},
		{Name: "numbers", About: "odd numbers, white space and key order in the deltas", play: playNumbers},
		{Name: "broken", About: "a delta that is not JSON and one without content", play: playBroken},
		{Name: "long-line", About: "one delta with 1 MiB of text", play: playLongLine},
		{Name: "crlf", About: "lines end with CR LF", send: mock.Whole(mock.WithLineEnds(mock.CompactSSE, "\r\n"))},
		{Name: "cr", About: "lines end with CR", send: mock.Whole(mock.WithLineEnds(mock.CompactSSE, "\r"))},
		{Name: "comments", About: "BOM, comments, ids, retry, spaces after colons, JSON over two data lines", send: mock.Whole(mock.CommentedSSE)},
		{Name: "byte-by-byte", About: "each byte by itself, 1 ms apart", ask: askHello, play: playBytes, send: mock.ByteByByte(mock.CompactSSE)},

		// Failures.
		{Name: "error-json", About: "status 200 with the JSON error 4101", refuse: refuseWith(http.StatusOK, codeNoAccess, "you have no permission for this bot")},
		{Name: "error-400", About: "status 400", refuse: refuseWith(http.StatusBadRequest, codeBadRequest, "request parameter error")},
		{Name: "error-401", About: "status 401", refuse: refuseWith(http.StatusUnauthorized, codeTokenWrong, "the token you entered is incorrect")},
		{Name: "error-429", About: "status 429 with Retry-After", refuse: refuseBusy},
		{Name: "error-500", About: "status 500", refuse: refuseWith(http.StatusInternalServerError, codeInternal, "internal server error")},
		{Name: "html", About: "status 200 with a page of HTML, as a gateway in between may send", refuse: refuseHTML},
		{Name: "failed", About: "chat.failed in the middle, then the end without done", play: playFailed},
		{Name: "error-event", About: "event error in the middle, then done", play: playErrorEvent},
		{Name: "cut", About: "the connection breaks inside an event in the middle; the chat goes on", send: mock.CutMiddle(mock.CompactSSE)},
		{Name: "cut-early", About: "the connection breaks before the first delta; the chat goes on", send: mock.CutEarly(mock.CompactSSE)},
		{Name: "no-done", About: "the response ends in the middle, in good form; the chat goes on", send: mock.StopMiddle(mock.CompactSSE)},
		{Name: "hang", About: "falls silent in the middle for ever; the chat stays in progress", play: playHalf, send: mock.Hang(mock.CompactSSE)},
	}
}

// The tempos of the scenarios.
var (
	slow   = mock.Tempo{First: normal.First, Speed: 3, Size: normal.Size, Most: normal.Most, Bunch: normal.Bunch}
	fast   = mock.Tempo{First: normal.First, Speed: 400, Size: normal.Size, Most: normal.Most, Bunch: normal.Bunch}
	dumps  = mock.Tempo{First: normal.First, Speed: 40, Most: 100, Even: true}
	atOnce = mock.Tempo{Size: normal.Size, Most: normal.Most}
)

func findScenario(name string) (Scenario, bool) {
	for _, s := range Scenarios() {
		if s.Name == name {
			return s, true
		}
	}
	return Scenario{}, false
}

// questionOr returns text, or the default question if text is empty.
func (s Scenario) questionOr(text string) string {
	switch {
	case text != "" || s.Name == "":
		return text
	case s.ask != "":
		return s.ask
	}
	return askPoem
}

// write fills the script.
func (s Scenario) write(script *chatScript) {
	if s.tempo != nil {
		script.tempo = *s.tempo
	}
	if s.prepare != nil {
		s.prepare(script)
	}
	if s.play == nil {
		playAnswer(script)
		return
	}
	s.play(script)
}

// deliver encodes events for the client.
func (s Scenario) deliver(events []timedEvent) ([]mock.Step, mock.Ending) {
	if s.send == nil {
		return mock.Whole(mock.CompactSSE)(delivered(events))
	}
	return s.send(delivered(events))
}

func refuseWith(status, code int, msg string) func(*call) mock.Reply {
	return func(c *call) mock.Reply { return c.refuse(status, code, msg) }
}

func refuseBusy(c *call) mock.Reply {
	reply := c.refuse(http.StatusTooManyRequests, codeRateLimit, "too many requests, try again later")
	reply.Header.Set("Retry-After", "2")
	return reply
}

func refuseHTML(*call) mock.Reply {
	const page = "<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body><h1>Please sign in to this network</h1></body></html>\n"
	return mock.Plain(http.StatusOK, "text/html; charset=utf-8", []byte(page))
}

// The default questions of scenarios.
const (
	askPoem    = "写一首关于秋天的诗"
	askArticle = "请写一篇 Markdown 文章"
	askHello   = "你好"
)

// helpText returns a list of the scenarios.
func helpText() string {
	var out strings.Builder
	out.WriteString("# Scenarios of the stand-in\n\nBegin a message with one of these, or send the header `" + mock.ScenarioHeader + ": NAME`.\n\n")
	for _, s := range Scenarios() {
		fmt.Fprintf(&out, "- `/%s`: %s\n", s.Name, s.About)
	}
	return out.String()
}
