package coze

import (
	"net/http"
	"strings"

	"sse-typewriter/mock"
	"sse-typewriter/mock/texts"

	"github.com/tidwall/gjson"
)

// find returns the chat with the ids of the request.
func (c *call) find() (state, bool) {
	found, ok := c.chats.get(c.id("chat_id"), c.Now)
	return found, ok && found.chat.ConversationID == c.id("conversation_id")
}

// id returns an id from the query or the body.
func (c *call) id(name string) string {
	if value := c.Query.Get(name); value != "" {
		return value
	}
	return c.Field(name).String()
}

func (c *call) noSuchChat() mock.Reply {
	return c.refuse(http.StatusOK, codeNotFound, "no such chat in this conversation: "+c.id("chat_id"))
}

// dialectHeader is a request header. With the value studio, retrieve and message/list are
// served on GET alone, as by coze-studio. Chats of the studio scenarios need no header.
const dialectHeader = "Stand-In-Dialect"

// isRefusedByStudio reports whether coze-studio would not serve the request.
func (c *call) isRefusedByStudio(found state) bool {
	return c.Method != http.MethodGet && (found.studio || c.Header.Get(dialectHeader) == "studio")
}

// noPage returns the reply of coze-studio's HTTP server to an unknown path.
func (c *call) noPage() mock.Reply {
	return mock.Plain(http.StatusNotFound, typeText, []byte("404 page not found"))
}

// retrieve serves /v3/chat/retrieve: the current state of the chat.
func (c *call) retrieve() mock.Reply {
	return c.show(func(found state) any { return found.chat })
}

// listMessages serves /v3/chat/message/list: the complete messages.
func (c *call) listMessages() mock.Reply {
	return c.show(func(found state) any { return found.messages })
}

// show replies with a part of the requested chat.
func (c *call) show(part func(state) any) mock.Reply {
	found, ok := c.find()
	switch {
	case c.isRefusedByStudio(found):
		return c.noPage()
	case !ok:
		return c.noSuchChat()
	}
	return c.deliver(part(found))
}

// cancel serves POST /v3/chat/cancel. Like the real service, cancel does not cut the stream
// of the chat.
func (c *call) cancel() mock.Reply {
	found, ok := c.find()
	if !ok {
		return c.noSuchChat()
	}
	if !c.chats.cancel(found.chat.ID, c.Now) {
		return c.refuse(http.StatusOK, codeBadRequest, "the chat cannot be canceled: it is "+found.chat.Status)
	}
	found.chat.Status = statusCanceled
	return c.deliver(found.chat)
}

// submitToolOutputs serves POST /v3/chat/submit_tool_outputs: the rest of a chat after the
// results of tools.
func (c *call) submitToolOutputs() mock.Reply {
	found, ok := c.find()
	if !ok {
		return c.noSuchChat()
	}
	begun := found.chat
	begun.RequiredAction = nil
	s := newScript(c, found.question, begun)
	s.resume()
	s.answer(writeToolAnswer(found.question, toolOutputs(c.Field("tool_outputs"))))
	s.end()
	if !c.chats.extend(begun.ID, c.Now, changes(c.Now, begun, s.events)) {
		return c.refuse(http.StatusOK, codeBadRequest, "the chat does not wait for tool outputs: it is "+begun.Status)
	}
	if !c.Field("stream").Bool() {
		begun.Status = statusInProgress
		return c.deliver(begun)
	}
	return stream(mock.Whole(mock.CompactSSE)(delivered(s.events)))
}

func toolOutputs(list gjson.Result) string {
	var outputs []string
	for _, output := range list.Get("#.output").Array() {
		outputs = append(outputs, output.String())
	}
	return texts.Clip(strings.ToValidUTF8(strings.Join(outputs, ", "), "\uFFFD"))
}

func writeToolAnswer(question, outputs string) string {
	if texts.IsChinese(question) {
		return "工具给出的结果是：" + outputs + "。谢谢，我已经知道该怎么回答了。"
	}
	return "The tools say: " + outputs + ". Thank you, now I know what to answer."
}
