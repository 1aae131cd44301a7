package agui

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/upstream"
)

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
	input := runInput{ThreadID: rand.Text(), RunID: rand.Text(), Tools: []string{}, Context: []string{}}
	for _, m := range q.Conversation(o.SystemPrompt) {
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
		return mockPath
	case err == nil && strings.Trim(base.Path, "/") != "":
		return ""
	default:
		return "/"
	}
}
