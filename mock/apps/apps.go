// Package apps has the stand-in's dialects for apps: [UIMessages] for the UI message stream of
// Vercel's AI SDK, and [AGUI] for AG-UI. A slash and a name at the start of the last message
// decide how a stream is, and how it fails: see [Scenarios].
package apps

import (
	"net/http"
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/mock"
)

// UIMessages is the dialect of the UI message stream. It implements [mock.Dialect].
type UIMessages struct {
	// Others serves the requests at the same path in another format. Required.
	Others mock.Dialect
}

// The paths of the dialects. Any prefix is served.
const (
	pathUIMessages = "/api/chat"
	pathAGUI       = "/ag-ui"
)

const (
	typeSSE  = "text/event-stream"
	typeText = "text/plain; charset=utf-8"
)

// Matches implements [mock.Dialect].
func (d UIMessages) Matches(path string) bool {
	return strings.HasSuffix(path, pathUIMessages) || d.Others.Matches(path)
}

// IsUpload implements [mock.Dialect].
func (d UIMessages) IsUpload(path string) bool { return d.Others.IsUpload(path) }

// RefuseBody implements [mock.Dialect].
func (d UIMessages) RefuseBody(err error) mock.Reply { return d.Others.RefuseBody(err) }

// Answer implements [mock.Dialect]. The messages of the AI SDK consist of parts.
func (d UIMessages) Answer(c *mock.Call) mock.Reply {
	messages := c.Field("messages").Array()
	if c.Method != http.MethodPost || !strings.HasSuffix(c.Path, pathUIMessages) || !c.Field("messages.0.parts").Exists() {
		return d.Others.Answer(c)
	}
	var texts []string
	for _, part := range messages[len(messages)-1].Get("parts").Array() {
		if part.Get("type").Str == "text" {
			texts = append(texts, part.Get("text").String())
		}
	}
	reply := play(c, uiMessages{id: "msg-standin"}, strings.Join(texts, "\n"))
	if reply.Chunked {
		reply.Header.Set("X-Vercel-Ai-Ui-Message-Stream", "v1")
	}
	return reply
}

// AGUI is the dialect of AG-UI. It implements [mock.Dialect]. The zero value is ready to use.
type AGUI struct{}

// Matches implements [mock.Dialect].
func (AGUI) Matches(path string) bool { return strings.HasSuffix(path, pathAGUI) }

// IsUpload implements [mock.Dialect].
func (AGUI) IsUpload(string) bool { return false }

// RefuseBody implements [mock.Dialect].
func (AGUI) RefuseBody(err error) mock.Reply { return refuse(http.StatusBadRequest, err.Error()) }

// Answer implements [mock.Dialect].
func (AGUI) Answer(c *mock.Call) mock.Reply {
	messages := c.Field("messages").Array()
	thread, run := c.Field("threadId").String(), c.Field("runId").String()
	switch {
	case c.Method != http.MethodPost:
		return refuse(http.StatusMethodNotAllowed, "method not allowed")
	case thread == "" || run == "" || len(messages) == 0:
		return refuse(http.StatusUnprocessableEntity, "want threadId, runId and messages")
	}
	content := messages[len(messages)-1].Get("content")
	text := content.String()
	if content.IsArray() {
		text = strings.Join(textsOf(content), "\n")
	}
	return play(c, agui{thread: thread, run: run}, text)
}

// textsOf returns the texts of a content that is a list.
func textsOf(content gjson.Result) []string {
	var texts []string
	for _, part := range content.Get(`#(type=="text")#.text`).Array() {
		texts = append(texts, part.String())
	}
	return texts
}

// play plays the scenario that a message asks for.
func play(c *mock.Call, p protocol, text string) mock.Reply {
	if c.Header.Get("Authorization") == "Bearer bad" {
		return refuse(http.StatusUnauthorized, "unauthorized")
	}
	scenario, question := pickScenario(c, strings.ToValidUTF8(text, "\uFFFD"))
	if scenario.refuse != nil {
		return scenario.refuse()
	}
	s := newScript(c, p, scenario, question)
	s.perform()
	steps, ending := scenario.send.Deliver(s.events, encode)
	return mock.Stream(typeSSE, steps, ending)
}

// refuse returns an error reply.
func refuse(status int, msg string) mock.Reply { return mock.Plain(status, typeText, []byte(msg)) }
