package anthropic

import (
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/upstream"
)

const (
	// version is the version of the API that the format describes.
	version = "2023-06-01"

	// maxTokens bounds an answer, as the service requires. All current models allow as
	// many.
	maxTokens = 8192
)

// question is the body of a request.
type question struct {
	Model     string        `json:"model"`
	MaxTokens int           `json:"max_tokens"`
	System    string        `json:"system,omitempty"`
	Messages  []chatMessage `json:"messages"`
	Stream    bool          `json:"stream"`
}

type chatMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// ask implements [upstream.Format.Ask]. System messages become the system prompt, because
// the service knows no others.
func (o Options) ask(q upstream.Question) (upstream.Request, error) {
	if o.Model == "" {
		return upstream.Request{}, upstream.ErrNoModel
	}
	body := question{Model: o.Model, MaxTokens: maxTokens, Stream: true}
	var system []string
	if o.SystemPrompt != "" {
		system = append(system, o.SystemPrompt)
	}
	for _, m := range q.Messages {
		if m.Role == "system" {
			system = append(system, m.Text)
		} else {
			body.Messages = append(body.Messages, chatMessage{m.Role, m.Text})
		}
	}
	if len(body.Messages) == 0 {
		body.Messages = []chatMessage{{"user", upstream.DefaultQuestion}}
	}
	body.System = strings.Join(system, "\n\n")
	return upstream.Request{
		Method: http.MethodPost,
		Path:   o.messagesPath(),
		Header: http.Header{"Content-Type": {"application/json"}, headerVersion: {version}},
		Body:   jsonx.Marshal(body),
	}, nil
}

// versioned matches the path of a base URL with a version at its end.
var versioned = regexp.MustCompile(`/v\d[^/]*$`)

// messagesPath returns the path of a question below the base URL.
func (o Options) messagesPath() string {
	if base, err := url.Parse(o.BaseURL); err == nil && versioned.MatchString(path.Clean(base.Path)) {
		return pathMessages
	}
	return "/v1" + pathMessages
}
