package aisdk

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/upstream"
)

// chatBody is the body of a chat request, as useChat sends it.
type chatBody struct {
	ID       string      `json:"id"`
	Messages []uiMessage `json:"messages"`
	Trigger  string      `json:"trigger"`
}

type uiMessage struct {
	ID    string `json:"id"`
	Role  string `json:"role"`
	Parts []part `json:"parts"`
}

type part struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// ask implements [upstream.Format.Ask].
func (o Options) ask(q upstream.Question) (upstream.Request, error) {
	body := chatBody{ID: rand.Text(), Trigger: "submit-message"}
	for _, m := range q.Conversation(o.SystemPrompt) {
		body.Messages = append(body.Messages, uiMessage{rand.Text(), m.Role, []part{{"text", m.Text}}})
	}
	return upstream.Request{
		Method: http.MethodPost,
		Path:   o.chatPath(),
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   jsonx.Marshal(body),
	}, nil
}

// chatPath returns the path of a question below the base URL.
func (o Options) chatPath() string {
	if base, err := url.Parse(o.BaseURL); err == nil && strings.Trim(base.Path, "/") != "" {
		return ""
	}
	return DefaultPath
}
