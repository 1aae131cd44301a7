package mock

import (
	"net/http"
	"strings"
	"time"
	"unicode"

	"sse-typewriter/internal/jsonx"

	"github.com/tidwall/gjson"
)

// ScenarioHeader names the request header that picks a scenario. It wins over a
// message that begins with /NAME.
const ScenarioHeader = "Stand-In-Scenario"

// bareStream is the stream of the article: no ids, no chat, an even 80 ms.
func bareStream() Reply {
	const pause = 80 * time.Millisecond
	var out []Step
	for _, text := range articlePieces {
		data := jsonx.Marshal(struct {
			Content string `json:"content"`
		}{text})
		out = append(out, Step{pause, inCoze(0, timedEvent{name: eventMessageDelta, data: data})})
	}
	out[0].After = 0
	out = append(out,
		Step{pause, inCoze(0, timedEvent{name: eventMessageCompleted, data: []byte("{}")})},
		Step{pause, []byte("data: [DONE]\n\n")})
	return stream(out, EndWell)
}

// chat serves POST /v3/chat.
func (c *call) chat() Reply {
	botID := c.field("bot_id").String()
	switch {
	case !gjson.ValidBytes(c.Body):
		return c.refuse(http.StatusOK, codeBadRequest, "the request body is not valid JSON")
	case botID == "":
		return c.refuse(http.StatusOK, codeBadRequest, "the field bot_id is required")
	case c.field("user_id").String() == "":
		return c.refuse(http.StatusOK, codeBadRequest, "the field user_id is required")
	}
	streaming := c.field("stream").Bool()
	scene, question, refusal := c.scene()
	switch {
	case refusal != nil:
		return *refusal
	case streaming && scene.Name == "" && question == ArticleMessage:
		return bareStream()
	}
	return c.perform(scene, question, streaming)
}

// scene is the scenario that the request asks for, and the question to play it
// with. A refusal is the reply instead of both.
func (c *call) scene() (scene Scenario, question string, refusal *Reply) {
	message := lastUserMessage(c.field("additional_messages"))
	scene, question, ok := pickScenario(c.Header.Get(ScenarioHeader), message)
	switch {
	case !ok:
		reply := c.refuse(http.StatusOK, codeBadRequest, "no such scenario: "+c.Header.Get(ScenarioHeader))
		refusal = &reply
	case scene.refuse != nil:
		reply := scene.refuse(c)
		refusal = &reply
	}
	return scene, question, refusal
}

// perform plays a scenario as a new chat.
func (c *call) perform(scene Scenario, question string, streaming bool) Reply {
	conversation := c.param("conversation_id")
	if conversation == "" {
		conversation = newID(c.rng)
	}
	c.conversations.open(c.newConversation(conversation))
	s := newScript(c, question, chat{
		ID:             newID(c.rng),
		ConversationID: conversation,
		BotID:          c.field("bot_id").String(),
		CreatedAt:      c.now.Unix(),
		Status:         statusInProgress,
		Usage:          usage{InputCount: 100 + len(question)/3},
		SectionID:      conversation,
	})
	begun := s.chat
	scene.write(s)
	c.chats.add(begun.ID, chatRecord{question: question, studio: scene.studio, transitions: changes(c.now, begun, s.events)})
	if !streaming {
		return c.deliver(begun)
	}
	return stream(scene.deliver(s.events))
}

// lastUserMessage is the text of the last message that is not the assistant's.
func lastUserMessage(messages gjson.Result) string {
	text := ""
	messages.ForEach(func(_, m gjson.Result) bool {
		if role := m.Get("role").String(); role == "user" || role == "" {
			text = textOf(m.Get("content"))
		}
		return true
	})
	return strings.ToValidUTF8(text, "\uFFFD")
}

// textOf is the text of a message's content, which is a string, and in a message
// of the type object_string a string that holds a list of parts.
func textOf(content gjson.Result) string {
	text := content.String()
	if !strings.HasPrefix(text, "[") || !gjson.Valid(text) {
		return text
	}
	var parts []string
	for _, part := range gjson.Get(text, `#(type=="text")#.text`).Array() {
		parts = append(parts, part.String())
	}
	return strings.Join(parts, "\n")
}

// pickScenario finds the scenario and the text it is to be played with. It is
// not ok when the header names one that does not exist; a message that begins
// with an unknown name is just a message.
func pickScenario(header, message string) (scene Scenario, question string, ok bool) {
	if header != "" {
		scene, ok = findScenario(header)
		return scene, scene.questionOr(message), ok
	}
	if command, ok := strings.CutPrefix(message, "/"); ok {
		end := strings.IndexFunc(command, unicode.IsSpace)
		if end < 0 {
			end = len(command)
		}
		if scene, ok := findScenario(command[:end]); ok {
			return scene, scene.questionOr(strings.TrimSpace(command[end:])), true
		}
	}
	return Scenario{}, message, true
}
