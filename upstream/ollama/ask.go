package ollama

import (
	"net/http"
	"net/url"
	"path"
	"strings"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/upstream"
)

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
		return upstream.Request{}, upstream.ErrNoModel
	}
	body := chatBody{Model: o.Model, Stream: true}
	for _, m := range q.Conversation(o.SystemPrompt) {
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
