package ollama

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/upstream"
)

// defaultQuestion is the message of a question without messages.
const defaultQuestion = "你好，请介绍一下 SSE"

// chatBody is the body of a chat request.
type chatBody struct {
	Model    string        `json:"model"`
	Messages []chatMessage `json:"messages"`
	Stream   bool          `json:"stream"`
}

type chatMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// ask implements [upstream.Format.Ask].
func (o Options) ask(q upstream.Question) (upstream.Request, error) {
	if o.Model == "" {
		return upstream.Request{}, errors.New("model is missing: start the server with --model")
	}
	body := chatBody{Model: o.Model, Stream: true}
	if o.SystemPrompt != "" {
		body.Messages = append(body.Messages, chatMessage{"system", o.SystemPrompt})
	}
	messages := q.Messages
	if len(messages) == 0 {
		messages = []upstream.Message{{Role: "user", Text: defaultQuestion}}
	}
	for _, m := range messages {
		body.Messages = append(body.Messages, chatMessage{m.Role, m.Text})
	}
	return upstream.Request{
		Method: http.MethodPost,
		Path:   o.chatPath(),
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   jsonx.Marshal(body),
	}, nil
}

// chatPath returns the path of a question below the base URL, which may end with /api as in
// Ollama's documents.
func (o Options) chatPath() string {
	if base, err := url.Parse(o.BaseURL); err == nil && path.Base(base.Path) == "api" {
		return strings.TrimPrefix(pathChat, "/api")
	}
	return pathChat
}
