package agui

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/upstream"
)

// defaultQuestion is the message of a question without messages.
const defaultQuestion = "你好，请介绍一下 SSE"

// runInput is the body of a request. All fields are required.
type runInput struct {
	ThreadID       string         `json:"threadId"`
	RunID          string         `json:"runId"`
	State          struct{}       `json:"state"`
	Messages       []inputMessage `json:"messages"`
	Tools          []string       `json:"tools"`
	Context        []string       `json:"context"`
	ForwardedProps struct{}       `json:"forwardedProps"`
}

type inputMessage struct {
	ID      string `json:"id"`
	Role    string `json:"role"`
	Content string `json:"content"`
}

// ask implements [upstream.Format.Ask].
func (o Options) ask(q upstream.Question) (upstream.Request, error) {
	messages := q.Messages
	if len(messages) == 0 {
		messages = []upstream.Message{{Role: "user", Text: defaultQuestion}}
	}
	if o.SystemPrompt != "" {
		messages = append([]upstream.Message{{Role: "system", Text: o.SystemPrompt}}, messages...)
	}
	input := runInput{ThreadID: rand.Text(), RunID: rand.Text(), Tools: []string{}, Context: []string{}}
	for _, m := range messages {
		input.Messages = append(input.Messages, inputMessage{rand.Text(), m.Role, m.Text})
	}
	return upstream.Request{
		Method: http.MethodPost,
		Path:   o.runPath(),
		Header: http.Header{"Content-Type": {"application/json"}, "Accept": {"text/event-stream"}},
		Body:   jsonx.Marshal(input),
	}, nil
}

// runPath returns the path of a run below the base URL, which is that of the agent.
func (o Options) runPath() string {
	base, err := url.Parse(o.BaseURL)
	switch {
	case o.BaseURL == "":
		return MockPath
	case err == nil && strings.Trim(base.Path, "/") != "":
		return ""
	default:
		return "/"
	}
}
