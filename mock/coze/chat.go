package coze

import (
	"net/http"
	"strings"
	"time"
	"unicode"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"

	"github.com/tidwall/gjson"
)

// ArticleMessage is the message for the stream of bare objects, which is also the reply to
// GET on the mount point.
const ArticleMessage = "你好，请介绍一下 Coze SSE"

// articlePieces are the deltas of the stream of bare objects. A careless reader of event
// streams loses the space at the beginning of two deltas.
var articlePieces = []string{"你", "好", "，", "这", "是", " Coze", " SSE"}

// bareStream returns the stream of bare objects: no ids, no chat, a delta every 80 ms.
func bareStream() mock.Reply {
	const pause = 80 * time.Millisecond
	encode := func(name string, data []byte) []byte { return mock.CompactSSE(0, mock.Event{Name: name, Data: data}) }
	var out []mock.Step
	for _, text := range articlePieces {
		data := jsonx.Marshal(struct {
			Content string `json:"content"`
		}{text})
		out = append(out, mock.Step{After: pause, Bytes: encode(eventMessageDelta, data)})
	}
	out[0].After = 0
	out = append(out,
		mock.Step{After: pause, Bytes: encode(eventMessageCompleted, []byte("{}"))},
		mock.Step{After: pause, Bytes: []byte("data: [DONE]\n\n")})
	return stream(out, mock.EndWell)
}

// chat serves POST /v3/chat.
func (c *call) chat() mock.Reply {
	botID := c.Field("bot_id").String()
	switch {
	case !gjson.ValidBytes(c.Body):
		return c.refuse(http.StatusOK, codeBadRequest, "the request body is not valid JSON")
	case botID == "":
		return c.refuse(http.StatusOK, codeBadRequest, "the field bot_id is required")
	case c.Field("user_id").String() == "":
		return c.refuse(http.StatusOK, codeBadRequest, "the field user_id is required")
	}
	streaming := c.Field("stream").Bool()
	scene, question, refusal := c.scene()
	switch {
	case refusal != nil:
		return *refusal
	case streaming && scene.Name == "" && question == ArticleMessage:
		return bareStream()
	}
	return c.perform(scene, question, streaming)
}

// scene returns the requested scenario and the question, or a reply that refuses both.
func (c *call) scene() (scene Scenario, question string, refusal *mock.Reply) {
	message := lastUserMessage(c.Field("additional_messages"))
	scene, question, ok := pickScenario(c.Header.Get(mock.ScenarioHeader), message)
	switch {
	case !ok:
		reply := c.refuse(http.StatusOK, codeBadRequest, "no such scenario: "+c.Header.Get(mock.ScenarioHeader))
		refusal = &reply
	case scene.refuse != nil:
		reply := scene.refuse(c)
		refusal = &reply
	}
	return scene, question, refusal
}

// perform returns a new chat with a scenario.
func (c *call) perform(scene Scenario, question string, streaming bool) mock.Reply {
	conversation := c.Query.Get("conversation_id")
	if conversation == "" {
		conversation = newID(c.Rand)
	}
	c.conversations.open(c.newConversation(conversation))
	s := newScript(c, question, chat{
		ID:             newID(c.Rand),
		ConversationID: conversation,
		BotID:          c.Field("bot_id").String(),
		CreatedAt:      c.Now.Unix(),
		Status:         statusInProgress,
		Usage:          usage{InputCount: 100 + len(question)/3},
		SectionID:      conversation,
	})
	begun := s.chat
	scene.write(s)
	c.chats.add(begun.ID, chatRecord{question: question, studio: scene.studio, transitions: changes(c.Now, begun, s.events)})
	if !streaming {
		return c.deliver(begun)
	}
	return stream(scene.deliver(s.events))
}

// lastUserMessage returns the text of the user's last message.
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

// textOf returns the text of a message's content: a string, or a JSON list of parts in a
// string for the content type object_string.
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

// pickScenario returns the scenario of a header or a message, and the question. It reports
// false for an unknown name in the header; an unknown name in a message is just text.
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
