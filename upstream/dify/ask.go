package dify

import (
	"cmp"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/upstream"
)

// chatBody is the body of a chat request.
type chatBody struct {
	Inputs       struct{} `json:"inputs"`
	Query        string   `json:"query"`
	ResponseMode string   `json:"response_mode"`
	User         string   `json:"user"`
}

// ask implements [upstream.Format.Ask]. A chat takes a single text, so the text of a
// conversation begins with the messages before the question.
func (o Options) ask(q upstream.Question) (upstream.Request, error) {
	messages := q.Conversation("")
	var query strings.Builder
	if o.SystemPrompt != "" {
		query.WriteString(o.SystemPrompt + "\n\n")
	}
	last := len(messages) - 1
	for _, m := range messages[:last] {
		query.WriteString(m.Role + ": " + m.Text + "\n\n")
	}
	if last > 0 {
		query.WriteString(messages[last].Role + ": ")
	}
	query.WriteString(messages[last].Text)
	return upstream.Request{
		Method: http.MethodPost,
		Path:   o.chatPath(),
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   jsonx.Marshal(chatBody{Query: query.String(), ResponseMode: "streaming", User: cmp.Or(q.User, o.UserID)}),
	}, nil
}

// versioned matches the path of a base URL with a version at its end, as in the base URL of an
// SDK.
var versioned = regexp.MustCompile(`/v\d+/?$`)

// chatPath returns the path of a question below the base URL.
func (o Options) chatPath() string {
	if base, err := url.Parse(o.BaseURL); err == nil && versioned.MatchString(base.Path) {
		return pathChat
	}
	return "/v1" + pathChat
}
