package coze

import (
	"cmp"
	"errors"
	"net/http"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/upstream"
)

// defaultQuestion is asked if a question has no message.
const defaultQuestion = "你好，请介绍一下 Coze SSE"

// chatBody is the body of a chat request.
type chatBody struct {
	BotID              string        `json:"bot_id"`
	UserID             string        `json:"user_id"`
	Stream             bool          `json:"stream"`
	AutoSaveHistory    bool          `json:"auto_save_history"`
	AdditionalMessages []chatMessage `json:"additional_messages"`
}

type chatMessage struct {
	Role        string `json:"role"`
	Content     string `json:"content"`
	ContentType string `json:"content_type"`
}

// ask implements [upstream.Format.Ask].
func (o Options) ask(q upstream.Question) (upstream.Request, error) {
	body := chatBody{
		BotID:           cmp.Or(q.Bot, o.BotID),
		UserID:          cmp.Or(q.User, o.UserID),
		Stream:          true,
		AutoSaveHistory: true, // for the next turn of the conversation
	}
	if body.BotID == "" {
		return upstream.Request{}, errors.New("bot_id is missing: pass bot_id or start the server with --bot-id")
	}
	messages := q.Messages
	if len(messages) == 0 {
		messages = []upstream.Message{{Role: "user", Text: defaultQuestion}}
	}
	for _, m := range messages {
		body.AdditionalMessages = append(body.AdditionalMessages, chatMessage{m.Role, m.Text, "text"})
	}
	return upstream.Request{
		Method: http.MethodPost,
		Path:   pathChat,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   jsonx.Marshal(body),
	}, nil
}
